"""Marks on the pictures of sheets: points, and the rectangles that the local networks see."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from photosketch.data.array_types import Points
from photosketch.geometry.patches import corners, patches_of

RECTANGLE = "#CC79A7"  # Okabe & Ito 2008


def cross(pen: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
    """A small upright cross with a white rim, at pixels of the picture."""
    for fill, width, arm in (("white", 4, 5), (colour, 2, 4)):
        pen.line((x - arm, y, x + arm, y), fill=fill, width=width)
        pen.line((x, y - arm, x, y + arm), fill=fill, width=width)


def rectangles(
    pen: ImageDraw.ImageDraw, points: Points, size: Sequence[int], scale: float, frame: int
) -> None:
    """Thin frames of the four rectangles around points [5, 2] of an image of `size` (width,
    height), which lies in a frame of that many pixels a side, on a picture of it that is `scale`
    times as large."""
    for patch, corner in zip(patches_of(frame), corners(points, size, frame), strict=True):
        ends = np.array([corner, corner + (patch.width, patch.height)]) * scale
        (left, top), (right, bottom) = ends
        pen.rectangle((left, top, right - 1, bottom - 1), outline=RECTANGLE)


def cross_key(colour: str) -> Image.Image:
    """Such a cross for a sheet's legend."""
    mark = Image.new("RGB", (15, 15), "white")
    cross(ImageDraw.Draw(mark), 7, 7, colour)
    return mark


def rectangle_key() -> Image.Image:
    """Such a rectangle for a sheet's legend."""
    mark = Image.new("RGB", (14, 14), RECTANGLE)
    mark.paste("white", (1, 1, 13, 13))
    return mark
