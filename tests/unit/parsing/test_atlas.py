import numpy as np
import pytest

from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.labels import BACKGROUND, BROWS, CLOTHES, EYES, HAIR, MOUTH, NOSE
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair

POINTS = np.array([(75, 126), (125, 126), (100, 155), (80, 181), (120, 181)], np.float32)


def test_a_unit_is_a_fiftieth_of_the_distance_between_the_eyes():
    frame = FaceFrame.of(POINTS)
    assert frame == FaceFrame(100, 126, 1, 1)
    twice = FaceFrame.of(2 * POINTS)
    assert twice == FaceFrame(200, 252, 2, 1)
    x, y = twice.coordinates((500, 400, 3))
    assert (x[0, 150], y[180, 0]) == (-25, -36)
    assert (twice.row(10, 500), twice.row(-200, 500), twice.row(200, 500)) == (272, 0, 499)


@pytest.mark.parametrize(("distance", "stretch"), [(55, 1), (60.5, 1.1), (90, 1.2), (20, 0.85)])
def test_the_stretch_of_a_face_is_bounded(distance, stretch):
    points = POINTS.copy()
    points[3:, 1] = 126 + distance
    assert FaceFrame.of(points).stretch == pytest.approx(stretch)


@pytest.mark.parametrize("seed", range(4))
def test_places_and_windows_hold_what_they_are_certain_to_on_a_generated_face(seed):
    pair = draw_pair(seed, LOOKS[0])
    points, labels = pair.photo_landmarks, pair.photo_labels
    frame = FaceFrame.of(points)
    x, y = frame.coordinates(labels.shape)
    assert not np.isin(labels[atlas.INNER_FACE.squared(x, y) < 1], (BACKGROUND, CLOTHES)).any()
    core = atlas.FACE.distance(x, y / frame.stretch) < atlas.FACE_CORE
    assert (labels[core] == HAIR).mean() < 0.1
    tip = (points[2, 1] - frame.y) / frame.unit
    for part, origin, window in (
        ((labels == EYES) & (x < 0), points[0], atlas.EYE_WINDOW),
        ((labels == EYES) & (x > 0), points[1], atlas.EYE_WINDOW),
        ((labels == BROWS) & (x < 0), points[0], atlas.BROW_WINDOW),
        ((labels == BROWS) & (x > 0), points[1], atlas.BROW_WINDOW),
        ((labels == NOSE) & (y > tip), points[2], atlas.NOSE_WINDOW),
        (labels == MOUTH, points[3:].mean(0), atlas.MOUTH_WINDOW),
    ):
        rows, columns = np.nonzero(part)
        across, down = (columns - origin[0]) / frame.unit, (rows - origin[1]) / frame.unit
        half, top, bottom = window
        assert part.any()
        assert np.abs(across).max() < half and top < down.min() and down.max() < bottom
