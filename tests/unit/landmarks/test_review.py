import weakref

import numpy as np
import pandas as pd
import pytest

from photosketch.data.pairs import Pair
from photosketch.figures import contact_sheet
from photosketch.landmarks import review
from photosketch.landmarks.table import COLUMNS

SHAPE = np.array([(74, 110), (126, 111), (100, 140), (80, 170), (121, 171)], float)


def faces(count: int, spread: float = 3.0) -> np.ndarray:
    """[N, 5, 2]: a shape with noise."""
    return SHAPE + np.random.default_rng(0).normal(0, spread, (count, 5, 2))


def table(points: np.ndarray, modality: str = "photo", source: str = "mtcnn") -> pd.DataFrame:
    rows = [(str(i), modality, *p.ravel(), 0.9, source) for i, p in enumerate(points)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_distances_are_in_spreads_and_half_of_the_faces_are_within_one():
    distances = review.distances(faces(99))
    assert np.median(distances) == pytest.approx(1)
    np.testing.assert_allclose(distances, review.distances(faces(99) * 10), rtol=1e-9)


def test_face_that_moved_is_far_outside_and_moves_no_other_ones_distance():
    points = faces(99)
    before = review.distances(points)
    points[7, 2] += (60, 0)
    after = review.distances(points)
    assert after[7] > review.FAR
    assert np.argmax(after) == 7
    others = np.arange(99) != 7
    np.testing.assert_allclose(after[others], before[others], rtol=0.1)
    assert (after[others] < review.FAR).all()


def test_faces_that_agree_are_not_flagged_for_fractions_of_a_pixel():
    assert review.distances(faces(50, spread=0.1)).max() < 1
    assert review.distances(SHAPE[None]).tolist() == [0]


@pytest.mark.filterwarnings("error")
def test_a_modality_without_images_has_no_distances():
    assert review.distances(np.zeros((0, 5, 2))).tolist() == []
    assert list(review.reviewed(table(faces(3)))["modality"]) == ["photo"] * 3


def test_review_has_the_furthest_first_photos_before_sketches_each_with_its_own_shape():
    photos, sketches = faces(9), faces(9) + 30
    photos[4] += 50
    sketches[2] -= 50
    found = review.reviewed(pd.concat([table(photos), table(sketches, "sketch", "manual")]))
    assert list(found["modality"]) == ["photo"] * 9 + ["sketch"] * 9
    assert found["id"].iloc[0] == "4"
    assert found["id"].iloc[9] == "2"
    assert found["far"].sum() == 2
    for modality in ("photo", "sketch"):
        assert found[found["modality"] == modality]["distance"].is_monotonic_decreasing


def test_counts_tell_sources_and_flags_apart():
    photos = faces(9)
    photos[4] += 50
    both = pd.concat([table(photos), table(faces(2), "sketch", "facepp")])
    listed = [Pair("AR", str(i), "train", "", "", 200, 250, "", "") for i in range(9)]
    counted = review.counts({"AR": review.reviewed(both)}, listed)
    assert counted.to_dict("records") == [
        {
            "subset": "AR",
            "modality": "photo",
            "mtcnn": 9,
            "manual": 0,
            "facepp": 0,
            "far_outside": 1,
            "without_points": 0,
        },
        {
            "subset": "AR",
            "modality": "sketch",
            "mtcnn": 0,
            "manual": 0,
            "facepp": 2,
            "far_outside": 0,
            "without_points": 7,
        },
    ]


def test_montage_frames_what_is_far_outside_and_marks_points_in_the_sources_colour():
    photos = faces(9)
    photos[4] += 50
    found = review.reviewed(pd.concat([table(photos[:8]), table(photos[8:], source="manual")]))
    images = [np.full((250, 200), 255, np.uint8)] * 9
    picture = np.asarray(review.montage("AR: photos", found, images, [], {}, (200, 250)))
    seen = {tuple(colour) for colour in picture.reshape(-1, 3)}

    def colour(text: str) -> tuple[int, ...]:
        return tuple(bytes.fromhex(text[1:]))

    assert colour(contact_sheet.ALARM) in seen
    assert colour(review.COLOURS["mtcnn"]) in seen
    assert colour(review.COLOURS["manual"]) in seen
    assert colour(review.COLOURS["facepp"]) not in seen
    calm = review.reviewed(table(faces(9)))
    picture = np.asarray(review.montage("AR: photos", calm, images, [], {}, (200, 250)))
    assert colour(contact_sheet.ALARM) not in {tuple(c) for c in picture.reshape(-1, 3)}


def test_images_without_points_come_first_in_the_montage_without_crosses():
    faint = np.full((250, 200), 90, np.uint8)
    empty = review.reviewed(table(faces(0)))
    alone = np.asarray(review.montage("AR", empty, [], [("7", faint)], {}, (200, 250)))
    assert (alone == 90).all(axis=2).sum() == 120 * 150
    found = review.reviewed(table(faces(2)))
    images = [np.full((250, 200), 255, np.uint8)] * 2
    picture = np.asarray(review.montage("AR", found, images, [("7", faint)], {}, (200, 250)))
    _, columns = np.nonzero((picture == 90).all(axis=2))
    assert columns.size == 120 * 150
    assert columns.max() < 24 + 120


def test_images_without_points_are_held_one_at_a_time():
    held, most = weakref.WeakSet(), 0

    class Held(np.ndarray):
        __hash__ = object.__hash__

    def faint():
        nonlocal most
        for name in "abcd":
            image = np.full((250, 200), 90, np.uint8).view(Held)
            held.add(image)
            most = max(most, len(held))
            yield name, image
            del image

    review.montage("AR", review.reviewed(table(faces(0))), [], faint(), {}, (200, 250))
    assert 1 <= most <= 2


def test_faces_anywhere_are_compared_as_alignment_shows_them():
    turn = np.array([[0.9, -0.4], [0.4, 0.9]])
    points = faces(9)
    scattered = np.array([scale * face @ turn + 40 * scale for scale, face in enumerate(points, 1)])
    scattered[4, 2] += 200
    found = review.reviewed(table(scattered), aligns=True)
    assert found["id"][found["far"]].tolist() == ["4"]
    assert review.reviewed(table(scattered))["id"].iloc[0] != "4"


def test_rectangles_are_drawn_around_the_photos_points_and_images_may_have_several_sizes():
    found = review.reviewed(table(faces(2)))
    images = [np.full((250, 200), 255, np.uint8), np.full((300, 700, 3), 255, np.uint8)]
    colour = tuple(bytes.fromhex(contact_sheet.RECTANGLE[1:]))

    def coloured(framed) -> int:
        picture = np.asarray(review.montage("AR: photos", found, images, [], framed))
        return int((picture == colour).all(axis=2).sum())

    assert coloured({}) == 0
    assert coloured(review.photo_points(table(faces(2)))) > coloured({"1": SHAPE}) > 50
