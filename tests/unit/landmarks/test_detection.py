import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from photosketch.data import pairs
from photosketch.demo.looks import LOOKS
from photosketch.demo.pair import DemoPair, draw_pair
from photosketch.jobs.job import file_sha256
from photosketch.landmarks import detection, mtcnn
from photosketch.landmarks.detection import Detection
from photosketch.landmarks.table import COORDINATES, points_of, read_landmarks, write_landmarks
from support.scattered import PLACES, scattered_pairs

EMPTY = mtcnn.Faces(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))


@pytest.fixture(scope="module")
def faces() -> list[DemoPair]:
    return [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(6)]


@pytest.fixture(scope="module")
def images(faces: list[DemoPair]) -> list[np.ndarray]:
    return [image for face in faces for image in (face.photo, face.sketch)]


@pytest.fixture(scope="module")
def detections(images: list[np.ndarray]) -> list[Detection | None]:
    return detection.detect(images, "cpu")


def found_points(detections: list[Detection | None]) -> np.ndarray:
    """[N, 5, 2]; fails where no face was found."""
    assert all(detections)
    return np.stack([face.points for face in detections if face])


def test_every_generated_photo_and_sketch_has_its_points(
    faces: list[DemoPair], detections: list[Detection | None]
) -> None:
    true = np.stack([p for face in faces for p in (face.photo_landmarks, face.sketch_landmarks)])
    error = np.linalg.norm(found_points(detections) - true, axis=-1)
    assert error.mean() < 3
    assert error.max() < 8


def test_points_are_float32_and_scores_probabilities(detections: list[Detection | None]) -> None:
    assert found_points(detections).dtype == np.float32
    assert all(0.7 <= face.score <= 1 for face in detections if face)


def test_coordinates_count_from_the_centre_of_the_first_pixel(
    images: list[np.ndarray], detections: list[Detection | None]
) -> None:
    """A mirrored image has mirrored points: x + x' = W - 1 with pixel centres at integers."""
    mirrored = detection.detect([np.ascontiguousarray(image[:, ::-1]) for image in images], "cpu")
    swapped = found_points(mirrored)[:, [1, 0, 2, 4, 3], 0]  # [N, 5], the viewer's left again
    middle = (found_points(detections)[..., 0] + swapped) / 2
    assert abs(middle.mean() - (images[0].shape[1] - 1) / 2) < 0.4


def test_batches_change_no_point(
    images: list[np.ndarray], detections: list[Detection | None]
) -> None:
    single = detection.detect(images, "cpu", batch_size=1)
    np.testing.assert_allclose(found_points(single), found_points(detections), atol=0.1)


def test_images_of_several_sizes_keep_their_order(
    images: list[np.ndarray], detections: list[Detection | None]
) -> None:
    """An image without its lower rows (clothes) shows the same face."""
    mixed = [images[0], images[1][:240], images[2][:240], images[3]]
    points = found_points(detection.detect(mixed, "cpu"))
    np.testing.assert_allclose(points, found_points(detections[:4]), atol=4)


def test_image_without_a_face_gives_none(images: list[np.ndarray]) -> None:
    faded = draw_pair(3, ink=0.12).sketch
    blank = np.full_like(images[0], 255)
    found = detection.detect([blank, images[0], faded], "cpu")
    assert [face is None for face in found] == [True, False, True]


def test_image_smaller_than_the_smallest_face_gives_none() -> None:
    assert detection.detect([np.zeros((30, 60), np.uint8)], "cpu", min_face_size=40) == [None]


def test_no_images_give_no_detections() -> None:
    assert detection.detect([], "cpu") == []


def test_portrait_is_the_largest_of_the_faces_that_score_well() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 90, 90], [0, 0, 80, 80]], np.float32)
    assert detection._portrait(boxes, np.array([0.99, 0.75, 0.95])) == 2
    assert detection._portrait(boxes, np.array([0.99, 0.95, 0.95])) == 1
    assert detection._portrait(boxes, np.array([0.99, 0.75, 0.75])) == 0


def test_table_of_pairs_has_photo_then_sketch_and_skips_images_without_a_face(
    faces: list[DemoPair], tmp_path: Path
) -> None:
    import cv2

    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for number, face in enumerate(faces[:3]):
        photo, sketch = tmp_path / f"p{number}.png", tmp_path / f"s{number}.png"
        image = draw_pair(3, ink=0.12).sketch if number == 1 else face.sketch
        cv2.imwrite(str(photo), face.photo[:, :, ::-1])
        cv2.imwrite(str(sketch), image)
        lines.append(f"demo\t0{number}\t{'test' if number else 'train'}\t{photo}\t{sketch}")
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    listed = pairs.index_pairs(tmp_path / "pairs.tsv", (200, 250))

    table = detection.detect_pairs(listed, "cpu", min_face_size=40)
    write_landmarks(table, tmp_path / "demo.csv")
    read = read_landmarks(tmp_path / "demo.csv")
    assert list(zip(read["id"], read["modality"], strict=True)) == [
        ("00", "photo"),
        ("00", "sketch"),
        ("01", "photo"),
        ("02", "photo"),
        ("02", "sketch"),
    ]
    assert set(read["source"]) == {"mtcnn"}
    left_eye = points_of(read, "02", "sketch")[0]
    assert np.linalg.norm(left_eye - faces[2].sketch_landmarks[0]) < 6


def test_no_batch_holds_images_of_two_splits(
    listed: list[pairs.Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a further test pair leaves the points of the training pairs as they were, to the bit."""
    batches = []

    def detect(images: Iterable[np.ndarray], device: str) -> list[None]:
        batches.append(len(list(images)))
        return [None] * batches[-1]

    monkeypatch.setattr(detection, "detect", detect)
    first, *rest = listed
    mixed = [first, dataclasses.replace(rest[0], split="train"), *rest[1:]]
    assert len(detection.detect_pairs(mixed, "cpu")) == 0
    assert batches == [4, 2, 0]  # of training, test, validation


def test_images_are_taken_as_they_are_needed() -> None:
    """And not all of them before the first is looked at."""
    taken = []

    def blank() -> Iterator[np.ndarray]:
        for number in range(40):
            taken.append(number)
            yield np.zeros((50, 50), np.uint8)

    most = []

    def count(networks: object, images: object, *_: object) -> list:
        most.append(len(taken))
        return [EMPTY, EMPTY]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mtcnn, "find_faces", count)
        assert detection.detect(blank(), "cpu", batch_size=2) == [None] * 40
    assert most[0] < 10
    assert len(most) == 20


def test_a_batch_is_bounded_by_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 copies of 1,600 pixels a side would take 2.3 GB a thread."""
    batches = []

    def count(networks: object, images: torch.Tensor, *_: object) -> list[mtcnn.Faces]:
        batches.append(len(images))
        return [EMPTY] * len(images)

    monkeypatch.setattr(mtcnn, "find_faces", count)
    sizes = [(250, 200)] * 40 + [(500, 400)] * 10 + [(1600, 1200)] * 2
    assert len(detection.detect((np.zeros(size, np.uint8) for size in sizes), "cpu")) == 52
    assert sorted(batches, reverse=True) == [32, 8, 8, 2, 1, 1]


def test_a_face_whose_eye_is_beyond_the_border_counts_as_not_found(
    tmp_path: Path, faces: list[DemoPair], capsys: pytest.CaptureFixture[str]
) -> None:
    cut = np.repeat(faces[0].photo[:, -1:], 200, axis=1)
    cut[:, :120] = faces[0].photo[:, 80:]  # the left eye lies some pixels left of column 80
    found = detection.detect([cut], "cpu")[0]
    assert found is not None
    assert found.points[0, 0] < 0, "the point is inside: the test shows nothing"
    Image.fromarray(cut).save(tmp_path / "photo.png")
    Image.fromarray(faces[0].sketch).save(tmp_path / "sketch.png")
    files = [tmp_path / f"{modality}.png" for modality in pairs.MODALITIES]
    digests = [file_sha256(file) for file in files]
    pair = pairs.Pair("demo", "00", "train", *map(str, files), 200, 250, *digests)

    table = detection.detect_pairs([pair], "cpu")

    assert table["modality"].tolist() == ["sketch"]
    said = capsys.readouterr().out
    assert "face in the photo of demo 00 left out: left_eye_x -" in said
    assert "outside the image of 200x250" in said


def test_real_faces_are_found_where_the_release_puts_the_eyes(cufs: Path) -> None:
    listed = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))[::12]
    table = detection.detect_pairs(listed, "cpu")
    assert len(table) == 2 * len(listed)
    mean = table[list(COORDINATES)].mean().to_numpy().reshape(5, 2)
    # Aligned at (75, 125) and (125, 125).
    np.testing.assert_allclose(mean[:2], [[75, 125], [125, 125]], atol=1.5)
    assert mean[0, 1] < mean[2, 1] < mean[3, 1]


def test_faces_anywhere_in_large_images_are_looked_at_small_and_then_closer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs_anywhere, _, drawn = scattered_pairs(tmp_path)
    monkeypatch.setattr("photosketch.data.images.LONGEST", 480)  # of 600

    table = detection.detect_pairs(pairs_anywhere, "cpu")

    assert len(table) == 4
    for index, face in enumerate(drawn):
        for modality in pairs.MODALITIES:
            place = PLACES[modality][index]
            found = place.inverse()(points_of(table, str(index), modality))  # where it was drawn
            true = getattr(face, f"{modality}_landmarks")
            assert np.linalg.norm(found - true, axis=1).mean() < 3


def test_a_closer_look_finds_the_same_points_wherever_the_first_one_saw_them(
    tmp_path: Path,
) -> None:
    [pair, _], _, [face, _] = scattered_pairs(tmp_path)
    place = PLACES["photo"][0]
    key, true = (pair, "photo"), place(face.photo_landmarks)
    off = (true - true.mean(axis=0)) * 1.06 + true.mean(axis=0) + (8, -5)
    firsts = [Detection(true, 0.9), None, Detection(off, 0.8)]

    one, none, other = detection.look_closer([key] * 3, firsts, "cpu")

    assert none is None
    assert one
    assert other
    apart = np.linalg.norm(one.points - other.points, axis=1).mean() / place.scale
    assert apart < 1  # of 4.7 before
    [kept] = detection.look_closer([key], [Detection(true + 1000, 0.7)], "cpu")
    assert kept  # there is no face there
    np.testing.assert_allclose(kept.points, true + 1000)
