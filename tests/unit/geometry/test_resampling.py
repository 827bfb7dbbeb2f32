"""Resampling: exact without a move, filtered if it shrinks, with the background as border."""

import numpy as np

from photosketch.geometry.resampling import background, resampled
from photosketch.geometry.similarity import Similarity

STILL = Similarity(np.eye(2), np.zeros(2))


def about_middle(scale, degrees, old, new):
    """The similarity transform that scales and turns an image about its middle and centres it in
    another; sizes are (width, height)."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    old, new = ((np.array(size) - 1) / 2 for size in (old, new))
    return Similarity(scale * turn, new - scale * turn @ old)


def zone_plate(side):
    """Rings whose frequency grows with the radius, to 0.5 cycles a pixel at the border."""
    axis = np.arange(side) - (side - 1) / 2
    square = axis**2 + axis[:, None] ** 2
    pixels = 127.5 + 127.5 * np.cos(np.pi / side * square)
    return np.repeat(pixels.round().astype(np.uint8)[..., None], 3, axis=2)


def test_an_image_that_stays_where_it_is_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    assert np.array_equal(resampled(image, STILL, (40, 50)), image)
    shifted = Similarity(np.eye(2), np.array([3.0, -2.0]))
    assert np.array_equal(resampled(image, shifted, (40, 50))[:48, 3:], image[2:, :37])


def shrunk_plate(scale, degrees):
    """A zone plate, shrunk about its middle to 160 x 160 pixels, the radius of each pixel in the
    plate, and the side of the plate."""
    side = round(160 / scale)
    transform = about_middle(scale, degrees, (side, side), (160, 160))
    axis = (np.arange(160) - 79.5) / scale
    seen = resampled(zone_plate(side), transform, (160, 160))[..., 0].astype(float)
    return seen, np.hypot(axis, axis[:, None]), side


def test_rings_that_fit_the_small_picture_are_kept_and_no_others_come_up():
    for scale, degrees in ((0.5, 20), (0.23, 7)):
        seen, radius, side = shrunk_plate(scale, degrees)
        frequency = radius / side / scale  # cycles a pixel of the small picture
        inside = radius < side / 2.2
        kept, lost = (inside & (frequency < 0.3)), (inside & (frequency > 0.65))
        ideal = 127.5 + 127.5 * np.cos(np.pi / side * radius**2)
        assert np.sqrt(np.mean((seen - ideal)[kept] ** 2)) < 4
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
