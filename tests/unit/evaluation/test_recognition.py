"""People found by a sketch: NLDA, identity computed by hand, and dlib's network on faces."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from photosketch.data import pairs
from photosketch.data.weights import FACE_NETWORK, PackagedWeights
from photosketch.evaluation import recognition
from photosketch.evaluation.recognition import FaceRecogniser, face_boxes, rank_one_and_auc
from photosketch.jobs.messages import InputError
from support.faces.pair import draw_pair

# of an aligned face; the eyes in CUFS are within 2 px
POINTS = np.array([[75, 126], [126, 126], [100, 155], [80, 181], [121, 181]], float)


def people(count: int, seed: int = 0) -> np.ndarray:
    """Real sketches [count, 20, 16] uint8, each of its own random pattern."""
    return np.random.default_rng(seed).integers(60, 200, (count, 20, 16)).astype(np.uint8)


def test_sketches_are_found_by_their_own_person_and_by_chance_by_another():
    real, noise = people(60), 5 * np.random.default_rng(9).normal(size=(60, 20, 16))
    style = 40 * np.sin(np.arange(20)[:, None] / 3)  # a shading common to all
    drawn = np.clip(real + style + noise, 0, 255).astype(np.uint8)
    assert recognition.nlda_rank_one(real, drawn) == 1
    assert recognition.nlda_rank_one(real, people(60, seed=5)) < 0.15


def test_few_people_have_no_rate():
    assert np.isnan(recognition.nlda_rank_one(people(39), people(39)))
    assert recognition.nlda_rank_one(people(40), people(40)) == 1
    assert np.isnan(rank_one_and_auc(np.ones((1, 3)), np.ones((1, 3)))).all()


def test_the_subspace_is_blind_to_the_variation_within_classes():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 8, 40))
    subspace = recognition.null_space_lda(first, second)
    assert subspace.shape == (40, 7)
    assert subspace.T @ subspace == pytest.approx(np.eye(7), abs=1e-9)
    assert first @ subspace == pytest.approx(second @ subspace, abs=1e-9)


@pytest.fixture(scope="session")
def recogniser() -> FaceRecogniser:
    if find_spec("dlib") is None or FACE_NETWORK.installed() is None:
        pytest.skip("the extra for identity is not installed (make setup IDENTITY=1)")
    return FaceRecogniser.load()


def test_rank_one_and_auc_are_those_counted_by_hand():
    photos = np.array([[0.0], [10.0], [20.0]])
    sketches = np.array([[1.0], [17.0], [16.0]])  # the second is nearer to the third photo
    # distances to one's own: 1, 7, 4; to others': 9 19, 17 3, 16 6: of 18 comparisons 15 are right
    assert rank_one_and_auc(sketches, photos) == (2 / 3, pytest.approx(15 / 18))
    assert rank_one_and_auc(photos, photos) == (1, 1)
    assert rank_one_and_auc(photos[[1, 2, 0]], photos)[0] == 0
    same = np.ones((4, 3))  # told apart by chance alone
    assert rank_one_and_auc(same, same) == (0.25, 0.5)
    random = np.random.default_rng(0).normal(size=(2, 200, 8))
    rank_one, auc = rank_one_and_auc(*random)
    assert rank_one < 0.05
    assert auc == pytest.approx(0.5, abs=0.05)


def test_a_subset_is_looked_up_among_its_own_photos():
    photos = np.array([[0.0], [10.0], [1.0], [11.0]])
    sketches = np.array([[0.9], [10.0], [1.0], [10.4]])  # two are nearer to the other subset
    masks = {
        "a": np.array([True, True, False, False]),
        "b": np.array([False, False, True, True]),
        "all": np.ones(4, bool),
    }
    columns = recognition.identity_scores(sketches, photos, masks)
    assert columns["identity_rank1"] == [1, 1, 0.5]
    assert columns["identity_auc"][:2] == [1, 1]


def test_the_box_holds_the_face_and_moves_and_grows_with_its_points():
    [[left, top, right, bottom]] = face_boxes(POINTS[None])
    assert right - left == pytest.approx(bottom - top, abs=1)
    assert left < 75 - 15 and right > 126 + 15 and top < 126 - 20 and bottom > 181 + 10
    [moved] = face_boxes(POINTS[None] + [30, -20])
    assert moved.tolist() == [left + 30, top - 20, right + 30, bottom - 20]
    [larger] = face_boxes(2 * POINTS[None])
    assert larger[2] - larger[0] == pytest.approx(2 * (right - left), abs=2)


def test_a_missing_package_or_another_file_is_told_with_the_remedy(monkeypatch):
    pytest.importorskip("dlib", reason="the extra for identity is not installed")
    absent = PackagedWeights("no-such-package", "1", "a.dat", 64 * "0", None, 3, "make setup X=1")
    monkeypatch.setattr(recognition, "FACE_LANDMARKS", absent)
    with pytest.raises(InputError, match=r"needs no-such-package.*make setup X=1"):
        FaceRecogniser.load()
    other = PackagedWeights("numpy", "1", "numpy/__init__.py", 64 * "0", None, 3, "make setup X=1")
    monkeypatch.setattr(recognition, "FACE_LANDMARKS", other)
    with pytest.raises(InputError, match="damaged or another file") as error:
        FaceRecogniser.load()
    assert "_sha256 to" not in str(error.value)  # there is no such setting


def test_generated_people_are_found_by_their_photo_in_gray_and_blurred(recogniser):
    people = [draw_pair(seed) for seed in range(4)]
    photos = np.stack([person.photo for person in people])
    points = np.stack([person.photo_landmarks for person in people])
    known = recogniser.embed(photos, points)
    assert known.shape == (4, 128)
    gray = np.stack([cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) for photo in photos])
    rank_one, auc = rank_one_and_auc(recogniser.embed(gray, points), known)
    assert rank_one == 1
    assert auc > 0.9
    # the predictor corrects a box that is some pixels off
    moved = recogniser.embed(photos, points + [4, -4])
    assert rank_one_and_auc(moved, known)[0] == 1
    empty = recogniser.embed(np.full_like(gray, 255), points)  # no face at all
    assert np.isfinite(empty).all()


def test_real_people_are_found_by_their_photo_in_gray_and_by_a_sketch_better_than_by_chance(
    recogniser, cufs
):
    people = pairs.select(pairs.index_pairs(cufs / "pairs.tsv", (200, 250)), split="test")[:12]
    photos = np.stack([pairs.read_image(person, "photo") for person in people])
    sketches = np.stack([pairs.read_image(person, "sketch") for person in people])
    points = np.tile(POINTS, (len(people), 1, 1))
    known = recogniser.embed(photos, points)
    gray = np.stack([cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) for photo in photos])
    assert rank_one_and_auc(recogniser.embed(gray, points), known) == (1, 1)
    rank_one, auc = rank_one_and_auc(recogniser.embed(sketches, points), known)
    assert 1 / 12 < rank_one < 1
    assert 0.7 < auc < 1
