"""Sketches put back at the places of their faces in the photo."""

from collections.abc import Sequence

import numpy as np

from photosketch.data.array_types import Image
from photosketch.draw.sketcher import Sketch
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity

_PAPER = 90  # percentile of a sketch's gray levels that counts as paper; the border may be dark


def in_place(sketches: Sequence[Sketch], size: tuple[int, int]) -> Image:
    """A picture [H, W] uint8 of the photo's `size` (width, height) with every sketch in its place.

    The rest is paper of the sketches' mean gray. If pictures of several faces overlap, a pixel
    belongs to the face with the nearest middle, in units of each face's size.
    """
    width, height = size
    papers = [np.percentile(sketch.image, _PAPER) for sketch in sketches]
    canvas = np.full((height, width), round(float(np.mean(papers))), np.uint8)
    nearest = np.full((height, width), np.inf, np.float32)
    for sketch in sketches:
        back = sketch.transform.inverse()
        rows, columns = sketch.image.shape
        corners = back(np.array([(x, y) for x in (-0.5, columns) for y in (-0.5, rows)]))
        left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(0)) + 1, size).astype(int)
        if right <= left or bottom <= top:
            continue
        shifted = Similarity(back.matrix, back.shift - (left, top))
        gray = np.repeat(sketch.image[..., None], 3, axis=2)
        drawn = resampled(gray, shifted, (right - left, bottom - top))[..., 0]
        # The places of the rectangle's pixels in the aligned picture.
        across = np.arange(left, right, dtype=np.float32)[None]
        down = np.arange(top, bottom, dtype=np.float32)[:, None]
        (a, b), (c, d) = sketch.transform.matrix.astype(np.float32)
        shift_x, shift_y = sketch.transform.shift.astype(np.float32)
        x, y = a * across + b * down + shift_x, c * across + d * down + shift_y
        inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
        middle_x, middle_y = sketch.transform(sketch.face.points).mean(axis=0)
        distance = np.hypot(x - middle_x, y - middle_y)
        place = slice(top, bottom), slice(left, right)
        own = inside & (distance < nearest[place])
        canvas[place][own] = drawn[own]
        nearest[place][own] = distance[own]
    return canvas
