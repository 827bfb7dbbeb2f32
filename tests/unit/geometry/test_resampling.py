"""Resampling: exact without a move, filtered if it shrinks, with the background as border."""

import numpy as np
import pytest

from photosketch.geometry.resampling import background, resampled
from photosketch.geometry.similarity import Similarity


def test_an_image_that_stays_where_it_is_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    still, shifted = (Similarity(np.eye(2), np.array(shift)) for shift in ([0.0, 0], [3.0, -2]))
    assert np.array_equal(resampled(image, still, (40, 50)), image)
    assert np.array_equal(resampled(image, shifted, (40, 50))[:48, 3:], image[2:, :37])


@pytest.mark.parametrize(("scale", "degrees"), [(0.5, 20), (0.23, 7)])
def test_rings_that_fit_the_small_picture_are_kept_and_no_others_come_up(scale, degrees):
    """A zone plate, whose frequency grows with the radius to 0.5 cycles a pixel at the border, is
    turned and shrunk about its middle to 160 x 160 pixels."""
    side = round(160 / scale)

    def ideal(axis):
        return 127.5 + 127.5 * np.cos(np.pi / side * (axis**2 + axis[:, None] ** 2))

    plate = ideal(np.arange(side) - (side - 1) / 2).round().astype(np.uint8)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = scale * np.array([[cosine, -sine], [sine, cosine]])
    transform = Similarity(matrix, 79.5 - matrix @ np.full(2, (side - 1) / 2))
    seen = resampled(np.dstack([plate] * 3), transform, (160, 160))[..., 0].astype(float)

    axis = (np.arange(160) - 79.5) / scale  # in pixels of the plate
    radius = np.hypot(axis, axis[:, None])
    frequency = radius / side / scale  # cycles a pixel of the small picture
    inside = radius < side / 2.2
    kept, lost = (inside & (frequency < 0.3)), (inside & (frequency > 0.65))
    assert np.sqrt(np.mean((seen - ideal(axis))[kept] ** 2)) < 4
    assert np.sqrt(np.mean((seen - 127.5)[lost] ** 2)) < 20


def test_what_the_image_does_not_cover_has_the_colour_behind_the_face():
    photo = np.full((100, 80, 3), (200, 150, 90), np.uint8)
    photo[60:] = (10, 10, 10)  # clothes, to the lower border
    photo[:40, 20:60] = (60, 40, 20)  # hair, in the middle of the upper border
    away = Similarity(np.eye(2) * 0.5, np.array([30.0, 40.0]))

    seen = resampled(photo, away, (80, 100))

    assert background(photo).tolist() == [200, 150, 90]
    assert (seen[:30, :20] == (200, 150, 90)).all()
    assert (seen[95:, 75:] == (200, 150, 90)).all()
    assert (seen[80:84, 40:60] == (10, 10, 10)).all()
