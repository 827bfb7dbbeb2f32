"""The metric `structure` on generated faces: known shifts, other people, sheets without a face."""

import cv2
import numpy as np
import pytest
import torch

from photosketch.data.images import gray
from photosketch.evaluation.structure import Structure
from photosketch.jobs.messages import InputError
from photosketch.landmarks import mesh as face_mesh
from photosketch.landmarks.mesh import mesh
from support.drawn_pairs import on_disk, true_points
from support.faces.pair import DemoPair, draw_pair


@pytest.fixture(scope="module")
def faces() -> list[DemoPair]:
    return [draw_pair(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def structure(faces, tmp_path_factory) -> Structure:
    people = on_disk(tmp_path_factory.mktemp("faces"), "AR", "abc", faces)
    return Structure.of(people, {"AR": true_points("abc", faces)}, mesh)


@pytest.fixture(scope="module")
def drawn(faces) -> np.ndarray:
    """Each person's sketch, brought onto the photo by the true map."""
    sketches = [cv2.remap(pair.sketch, pair.map, None, cv2.INTER_CUBIC) for pair in faces]
    return np.stack(sketches)


@pytest.mark.slow
def test_the_photo_itself_scores_zero_and_its_gray_copy_almost_zero(faces, structure):
    photos = np.stack([pair.photo for pair in faces])
    assert structure.scores(photos).tolist() == [0, 0, 0]
    grays = np.stack([gray(photo) for photo in photos])
    own, others = structure.scores(grays), structure.scores(np.roll(grays, 1, axis=0))
    assert own.max() < 0.015 < others.min()


@pytest.mark.parametrize("pixels", [3, 6])
def test_a_face_moved_by_some_pixels_scores_that_part_of_the_eye_distance(faces, structure, pixels):
    moved = np.stack([np.roll(pair.photo, pixels, axis=0) for pair in faces])
    eyes = np.linalg.norm(structure.points[:, 1] - structure.points[:, 0], axis=1)
    np.testing.assert_allclose(structure.scores(moved), pixels / eyes, rtol=0.1)


@pytest.mark.slow
def test_sketches_of_other_people_and_sheets_without_a_face_score_worse(drawn, structure):
    own, others = structure.scores(drawn), structure.scores(np.roll(drawn, 1, axis=0))
    assert own.mean() < others.mean()
    noise = np.random.default_rng(0).integers(0, 256, drawn.shape, np.uint8)
    for faceless in (np.full_like(drawn, 240), noise):
        assert structure.scores(faceless).min() > 2 * own.mean()


def test_scores_are_the_same_for_every_number_of_threads(drawn, structure):
    found, before = [], (cv2.getNumThreads(), torch.get_num_threads())
    for threads in (1, 2):
        cv2.setNumThreads(threads)
        torch.set_num_threads(threads)
        found.append(structure.scores(drawn).tolist())
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])
    assert found[0] == found[1]


def test_a_person_without_a_face_in_the_photo_has_no_score(faces, drawn, tmp_path):
    people = on_disk(tmp_path, "AR", "ab", faces[:2])
    flags = iter([-1.0, 1.0])

    def find(image, points):
        return np.zeros((468, 2)), next(flags, 1.0)

    structure = Structure.of(people, {"AR": true_points("ab", faces[:2])}, find)
    assert np.isnan(structure.scores(drawn[:2])).tolist() == [True, False]


def test_a_missing_file_of_the_network_is_an_error_with_its_remedy(faces, tmp_path, monkeypatch):
    people = on_disk(tmp_path, "AR", "a", faces[:1])
    monkeypatch.setattr("photosketch.data.weights.weights_folder", lambda: tmp_path)
    face_mesh._network.cache_clear()
    with pytest.raises(InputError, match=r"face_landmark.tflite: no such weights.*make setup"):
        Structure.of(people, {"AR": true_points("a", faces[:1])}, mesh)
