import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from photosketch.data import pairs
from photosketch.geometry.similarity import template
from photosketch.landmarks import detection
from photosketch.landmarks.detection import Detection
from photosketch.landmarks.table import COORDINATES, points_of
from support.drawn_pairs import on_disk
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair
from support.scattered import PLACES, scattered_pairs


@pytest.fixture(scope="module")
def faces():
    return [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(4)]


def faded():
    """A sketch whose face is not found."""
    return draw_pair(3, ink=0.12).sketch


@pytest.fixture(scope="module")
def images(faces):
    return [image for face in faces for image in (face.photo, face.sketch)]


@pytest.fixture(scope="module")
def detections(images):
    return detection.detect(images, "cpu")


def found_points(detections):
    """[N, 5, 2]; fails if an image has no face."""
    assert all(detections)
    return np.stack([face.points for face in detections if face])


def test_every_generated_photo_and_sketch_has_its_points(faces, detections):
    true = np.stack([p for face in faces for p in (face.photo_landmarks, face.sketch_landmarks)])
    points = found_points(detections)
    error = np.linalg.norm(points - true, axis=-1)
    assert error.mean() < 3 and error.max() < 8
    assert points.dtype == np.float32
    assert all(0.7 <= face.score <= 1 for face in detections if face)


def test_coordinates_count_from_the_centre_of_the_first_pixel(images, detections):
    """A mirrored image has mirrored points: x + x' = W - 1 with pixel centres at integers."""
    mirrored = detection.detect([np.ascontiguousarray(image[:, ::-1]) for image in images], "cpu")
    swapped = found_points(mirrored)[:, [1, 0, 2, 4, 3], 0]  # [N, 5], the viewer's left again
    middle = (found_points(detections)[..., 0] + swapped) / 2
    assert abs(middle.mean() - (images[0].shape[1] - 1) / 2) < 0.4


@pytest.mark.slow
def test_batches_and_images_without_a_face_change_no_point_and_keep_the_order(
    images, detections, monkeypatch
):
    """The second size is the first without its lower rows (clothes)."""
    blank, small = np.full_like(images[0], 255), np.zeros((30, 60), np.uint8)
    mixed = [blank, images[0], faded(), small, images[1][:240], images[2][:240], images[3]]
    found = detection.detect(mixed, "cpu")
    assert [face is None for face in found] == [True, False, True, True, False, False, False]
    points = found_points([face for face in found if face])
    np.testing.assert_allclose(points, found_points(detections[:4]), atol=4)
    assert detection.detect([], "cpu") == []

    monkeypatch.setattr(detection, "MOST_PIXELS", 1)
    single = detection.detect(images[:4], "cpu")
    np.testing.assert_allclose(found_points(single), found_points(detections[:4]), atol=0.01)


def test_the_number_of_threads_changes_no_bit(images, monkeypatch):
    monkeypatch.setattr(detection, "MOST_PIXELS", 2 * 200 * 250)
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(found_points(detection.detect(images, "cpu")))
    torch.set_num_threads(1)
    assert (found[0] == found[1]).all()


class FakeMtcnn:
    """A replacement of MTCNN that finds the same faces [K, 5, 2] in each image, and keeps the
    shapes of its batches. In a black image it fails as facenet-pytorch does for a window that lies
    outside."""

    def __init__(self, monkeypatch, faces, scores):
        self.faces, self.scores, self.batches = np.array(faces, object), np.array(scores), []
        monkeypatch.setattr(detection, "_load_mtcnn", lambda *_: self)

    def detect(self, batch, landmarks):
        if not batch.any(axis=(1, 2, 3)).all():
            raise IndexError("The shape of the mask [7] does not match")
        self.batches.append(batch.shape[:3])
        return None, [self.scores] * len(batch), [self.faces] * len(batch)


WHITE = np.full((80, 80), 255, np.uint8)
FACE = template((200, 250))


@pytest.mark.parametrize(
    ("scores", "portrait", "count"),
    [([0.75, 0.95, 0.99], 80, 2), ([0.95, 0.95, 0.99], 90, 3), ([0.75, 0.75, 0.99], 10, 1)],
)
def test_portrait_is_the_largest_of_the_faces_that_score_well(monkeypatch, scores, portrait, count):
    """MTCNN returns the largest face first; here a larger face lies further right."""
    FakeMtcnn(monkeypatch, [np.full((5, 2), side) for side in (90.0, 80.0, 10.0)], scores)
    [face] = detection.detect([WHITE], "cpu")
    assert face.points[0, 0] == portrait - detection.MTCNN_OFFSET
    assert face.alike == count
    [several] = detection.detect_all([WHITE], "cpu")
    assert len(several) == count and several[0].points[0, 0] == face.points[0, 0]


def test_images_are_taken_as_they_are_needed_in_batches_bounded_by_their_pixels(monkeypatch):
    """32 copies of 1,600 pixels a side would take 2.3 GB a thread."""
    mtcnn, taken, most = FakeMtcnn(monkeypatch, [FACE], [0.9]), 0, []

    def images():
        nonlocal taken
        for size in [(250, 200)] * 200 + [(500, 400)] * 10 + [(1600, 1200)] * 2:
            taken += 1
            most.append(taken - sum(count for count, *_ in mtcnn.batches))
            yield np.ones(size, np.uint8)

    assert len(detection.detect(images(), "cpu")) == 212
    counts = sorted((count for count, *_ in mtcnn.batches), reverse=True)
    assert counts == [32] * 6 + [8, 8, 2, 1, 1]
    assert max(most) <= 4 * 32


def test_no_batch_holds_images_of_two_splits_and_several_faces_of_one_size_are_named(
    listed, monkeypatch, capsys
):
    """Another test pair does not change any bit of the training pairs' points."""
    mtcnn = FakeMtcnn(monkeypatch, [FACE, 0.9 * FACE + 5], [0.9, 0.9])
    first, second, third = listed
    second = dataclasses.replace(second, split="train")
    table = detection.detect_pairs([first, second, third], "cpu")
    assert [count for count, *_ in mtcnn.batches] == [4, 2]
    assert table["faces"].tolist() == [2] * 6
    said = "2 faces of about the same size in the sketch of AR 1: the largest is taken"
    assert said in capsys.readouterr().out


def test_an_image_that_mtcnn_fails_on_counts_as_one_without_a_face(monkeypatch, capsys):
    FakeMtcnn(monkeypatch, [FACE], [1.0])
    found = detection.detect([WHITE, np.zeros_like(WHITE), WHITE], "cpu")
    assert [face is not None for face in found] == [True, False, True]
    assert "counts as an image without a face" in capsys.readouterr().out


def test_the_table_has_the_images_with_usable_points_and_the_log_names_the_others(
    tmp_path, faces, capsys
):
    cut = np.repeat(faces[0].photo[:, -1:], 200, axis=1)
    cut[:, :120] = faces[0].photo[:, 80:]  # the left eye is some pixels left of column 80
    drawn = [faces[2], SimpleNamespace(photo=cut, sketch=faded())]
    listed = on_disk(tmp_path, "demo", ["00", "01"], drawn)

    table = detection.detect_pairs(listed, "cpu")

    rows = table[["id", "modality", "source"]].to_numpy().tolist()
    assert rows == [["00", "photo", "mtcnn"], ["00", "sketch", "mtcnn"]]
    left_eye = points_of(table, "00", "sketch")[0]
    assert np.linalg.norm(left_eye - faces[2].sketch_landmarks[0]) < 6
    said = capsys.readouterr().out
    assert "photo of demo 01: a face is left out, because it lies on its side, is upside" in said
    assert "no face found in the sketch of demo 01" in said


@pytest.mark.slow
def test_real_faces_are_found_where_the_release_puts_the_eyes(cufs):
    listed = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))[::12]
    table = detection.detect_pairs(listed, "cpu")
    assert len(table) == 2 * len(listed)
    mean = table[list(COORDINATES)].mean().to_numpy().reshape(5, 2)
    # Aligned at (75, 125) and (125, 125).
    np.testing.assert_allclose(mean[:2], [[75, 125], [125, 125]], atol=1.5)
    assert mean[0, 1] < mean[2, 1] < mean[3, 1]


@pytest.mark.slow
def test_faces_anywhere_in_large_images_are_searched_in_a_copy_and_then_closer(
    tmp_path, monkeypatch
):
    pairs_anywhere, _, drawn = scattered_pairs(tmp_path)
    monkeypatch.setattr("photosketch.data.images.LONGEST", 480)  # of 600

    table = detection.detect_pairs(pairs_anywhere, "cpu")

    assert len(table) == 4
    for index, face in enumerate(drawn):
        for modality in pairs.MODALITIES:
            place = PLACES[modality][index]
            found = place.inverse()(points_of(table, str(index), modality))  # its drawn place
            true = getattr(face, f"{modality}_landmarks")
            assert np.linalg.norm(found - true, axis=1).mean() < 3

    place = PLACES["photo"][0]
    key, true = (pairs_anywhere[0], "photo"), place(drawn[0].photo_landmarks)
    off = (true - true.mean(axis=0)) * 1.06 + true.mean(axis=0) + (8, -5)
    firsts = [Detection(true, 0.9), None, Detection(off, 0.8), Detection(true + 1000, 0.7)]
    one, none, other, kept = detection.look_closer([key] * 4, firsts, "cpu")
    assert none is None
    apart = np.linalg.norm(one.points - other.points, axis=1).mean() / place.scale
    assert apart < 1  # of 4.7 before
    np.testing.assert_allclose(kept.points, true + 1000)  # there is no face there
