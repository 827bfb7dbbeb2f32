import weakref

import numpy as np
import pandas as pd
import pytest

from photosketch.data.pairs import Pair
from photosketch.figures import contact_sheet
from photosketch.landmarks import review
from support.drawn_pairs import landmark_table

SHAPE = np.array([(74, 110), (126, 111), (100, 140), (80, 170), (121, 171)], float)


def faces(count, spread=3.0):
    """[N, 5, 2]: a shape with noise."""
    return SHAPE + np.random.default_rng(0).normal(0, spread, (count, 5, 2))


def table(points, modality="photo", source="mtcnn"):
    return landmark_table({(str(id), modality): own for id, own in enumerate(points)}, source)


def pairs(count, sizes=((200, 250),)):
    """Pairs 0, 1, ..., of one size or several in turn."""
    sizes = [sizes[number % len(sizes)] for number in range(count)]
    return [Pair("AR", str(id), "train", "", "", *size, "", "") for id, size in enumerate(sizes)]


def test_distances_are_in_spreads_and_a_face_that_moved_is_far_outside_and_moves_no_other():
    points = faces(99)
    before = review.distances(points)
    assert np.median(before) == pytest.approx(1)
    np.testing.assert_allclose(before, review.distances(points * 10), rtol=1e-9)
    points[7, 2] += (60, 0)
    after = review.distances(points)
    assert after[7] > review.FAR
    assert np.argmax(after) == 7
    others = np.arange(99) != 7
    np.testing.assert_allclose(after[others], before[others], rtol=0.1)
    assert (after[others] < review.FAR).all()


@pytest.mark.filterwarnings("error")
def test_faces_that_agree_or_are_alone_or_none_are_not_flagged():
    assert review.distances(faces(50, spread=0.1)).max() < 1
    assert review.distances(SHAPE[None]).tolist() == [0]
    assert review.distances(np.zeros((0, 5, 2))).tolist() == []
    assert list(review.reviewed(table(faces(3)))["modality"]) == ["photo"] * 3


def test_review_has_the_furthest_first_photos_before_sketches_each_with_its_own_shape():
    photos, sketches = faces(9), faces(9) + 30
    photos[4] += 50
    sketches[2] -= 50
    found = review.reviewed(pd.concat([table(photos), table(sketches, "sketch", "manual")]))
    assert list(found["modality"]) == ["photo"] * 9 + ["sketch"] * 9
    assert list(found["id"].iloc[[0, 9]]) == ["4", "2"]
    assert found["far"].sum() == 2
    assert found[:9]["distance"].is_monotonic_decreasing
    assert found[9:]["distance"].is_monotonic_decreasing


def test_counts_tell_sources_and_flags_apart():
    photos = faces(9)
    photos[4] += 50
    both = pd.concat([table(photos), table(faces(2), "sketch", "facepp")])
    found = both.assign(faces=1)
    found.loc[found["id"] == "1", "faces"] = 2
    found.loc[found["id"] == "0", "source"] = "other"  # whose points were not taken
    found.loc[found["id"] == "0", "faces"] = 3
    counted = review.counts({"AR": review.reviewed(both, [found])}, pairs(9))
    sources, flags = ["mtcnn", "manual", "facepp", "mesh"], ["far_outside", "several_faces"]
    assert list(counted) == ["subset", "modality", *sources, *flags, "without_points"]
    assert counted.to_numpy().tolist() == [
        ["AR", "photo", 9, 0, 0, 0, 1, 1, 0],
        ["AR", "sketch", 0, 0, 2, 0, 0, 1, 7],
    ]


class Held(np.ndarray):
    """An image that a test can follow by weak references."""

    __hash__ = object.__hash__


@pytest.fixture
def montage(monkeypatch):
    """A function that draws the photos 0, 1, ... of one size or several. Photos without points are
    gray (90), the others white. At most two photos are in memory at the same time."""

    def draw(found, count, sizes=((200, 250),), aligns=False):
        held = weakref.WeakSet()
        listed = pairs(count, sizes)

        def read_image(pair, modality):
            level = 255 if pair.id in set(found["id"]) else 90
            image = np.full((pair.height, pair.width), level, np.uint8).view(Held)
            held.add(image)
            assert len(held) <= 2
            return image

        monkeypatch.setattr(review, "read_image", read_image)
        return np.asarray(review.montage(listed, found, "photo", aligns=aligns, frame=256))

    return draw


def has(picture, colour):
    """The number of pixels of a colour."""
    return int((picture == tuple(bytes.fromhex(colour[1:]))).all(axis=2).sum())


def test_montage_frames_what_is_far_outside_and_marks_points_in_the_sources_colour(montage):
    photos = faces(9)
    photos[4] += 50
    manual = table(photos[8:], source="manual").assign(id="8")
    picture = montage(review.reviewed(pd.concat([table(photos[:8]), manual])), 9)
    shown = {source for source, colour in review.COLOURS.items() if has(picture, colour)}
    assert shown == {"mtcnn", "manual"}
    assert has(picture, contact_sheet.ALARM)
    usual = table(faces(9))
    assert not has(montage(review.reviewed(usual), 9), contact_sheet.ALARM)
    assert has(montage(review.reviewed(usual, [usual.assign(faces=2)]), 9), contact_sheet.ALARM)


def test_images_without_points_come_first_in_the_montage_without_crosses(montage):
    assert has(montage(review.reviewed(table(faces(0))), 4), "#5a5a5a") == 4 * 120 * 150
    picture = montage(review.reviewed(table(faces(2))), 3)
    _, columns = np.nonzero((picture == 90).all(axis=2))
    assert columns.size == 120 * 150 and columns.max() < 24 + 120


def test_rectangles_are_drawn_around_the_photos_points_unless_aligned_ones_are_used(montage):
    found = review.reviewed(table(faces(2)))
    for sizes in (((200, 250),), ((200, 250), (700, 300))):
        assert has(montage(found, 2, sizes), contact_sheet.RECTANGLE) > 50
        assert has(montage(found, 2, sizes, aligns=True), contact_sheet.RECTANGLE) == 0


def test_faces_anywhere_are_compared_as_alignment_shows_them():
    turn = np.array([[0.9, -0.4], [0.4, 0.9]])
    points = faces(9)
    scattered = np.array([scale * face @ turn + 40 * scale for scale, face in enumerate(points, 1)])
    scattered[4, 2] += 200
    found = review.reviewed(table(scattered), aligns=True)
    assert found["id"][found["far"]].tolist() == ["4"]
    assert review.reviewed(table(scattered))["id"].iloc[0] != "4"
