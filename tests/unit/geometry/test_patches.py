"""The places of a face's rectangles."""

import numpy as np
import pytest
import torch

from photosketch.geometry import patches
from photosketch.training import parts


@pytest.mark.parametrize(
    ("size", "frame"), [((200, 250), 256), ((256, 256), 256), ((131, 97), 256), ((400, 500), 512)]
)
def test_the_rectangles_are_those_that_training_cuts_out(size, frame):
    points = (np.random.default_rng(0).random((60, 5, 2)) * size).astype(np.float32)
    points[:20] = np.round(points[:20])
    points[20:40] = np.round(points[20:40] * 2) / 2  # halves, where rounding may differ
    offset = np.array([(frame - length) // 2 for length in size])
    framed = torch.from_numpy((points + offset).astype(np.float32))  # as pack does
    found = [patches.corners(own, size, frame) + offset for own in points]
    np.testing.assert_array_equal(found, parts.rectangles(framed, frame).numpy())


def test_a_rectangle_is_clamped_as_soon_as_a_pixel_of_it_would_lie_outside():
    eye = patches.PATCHES[0]
    points = np.full((5, 2), 128.0)
    points[0] = eye.width // 2, eye.height // 2 - eye.shift
    assert patches.clamped(points, (256, 256)) == []
    assert patches.clamped(points - (1, 0), (256, 256)) == ["left_eye"]
    assert patches.clamped(points - (1, 0), (200, 250)) == []  # the image lies inside the frame
