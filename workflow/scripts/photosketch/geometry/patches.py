"""The parts of a face that the local networks draw, and the places of their rectangles.

The parts are those of APDrawingGAN (Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait
Drawings From Face Photos With Hierarchical GANs, CVPR 2019): four rectangles around facial points,
hair and background. Sizes are for a frame of 256 pixels and grow with a larger frame.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np


class Patch(NamedTuple):
    """A rectangle of `height` x `width` pixels around the mean of some of the five points."""

    name: str
    height: int
    width: int
    points: slice  # their indices
    shift: int  # is added to the centre's y


_FRAME = 256  # pixels a side of the frame that the sizes are given for
PATCHES = (
    Patch("left_eye", 40, 56, slice(0, 1), -4),
    Patch("right_eye", 40, 56, slice(1, 2), -4),
    Patch("nose", 48, 48, slice(2, 3), -8),
    Patch("mouth", 40, 64, slice(3, 5), 0),
)
PARTS = (*(patch.name for patch in PATCHES), "hair", "background")


@cache
def patches_of(frame: int) -> tuple[Patch, ...]:
    """`PATCHES`, scaled to a frame of that many pixels (a multiple of 64) a side."""
    return tuple(
        patch._replace(
            height=patch.height * frame // _FRAME,
            width=patch.width * frame // _FRAME,
            shift=patch.shift * frame // _FRAME,
        )
        for patch in PATCHES
    )


def placed(points: Any, frame: int, *, clamp: bool = True) -> list[tuple[Any, Any]]:
    """The top left pixel (x, y) of each rectangle, whole numbers [...], for points [..., 5, 2].
    Points are numpy arrays or torch tensors, in pixels of the frame; results have the same type.
    Halves are rounded up, so that rectangles shift with points. `clamp` keeps rectangles inside."""
    found = []
    for patch in patches_of(frame):
        centre = points[..., patch.points, :].mean(-2)
        left = (centre[..., 0] + 0.5) // 1 - patch.width // 2
        top = (centre[..., 1] + patch.shift + 0.5) // 1 - patch.height // 2
        if clamp:
            left = left.clip(0, frame - patch.width)
            top = top.clip(0, frame - patch.height)
        found.append((left, top))
    return found


def corners(
    points: np.ndarray, size: Sequence[int], frame: int = _FRAME, *, clamp: bool = True
) -> np.ndarray:
    """The top left pixels (x, y) of the rectangles, int [4, 2], in pixels of the image. The image
    of `size` (width, height), with points [5, 2], lies unscaled in the centre of the frame. `clamp`
    keeps rectangles inside the frame, but they may reach beyond the image."""
    offset = np.array([(frame - length) // 2 for length in size])
    framed = (points + offset).astype(np.float32)  # the type of packed points: same rounding
    return np.array(placed(framed, frame, clamp=clamp), int) - offset


def clamped(points: np.ndarray, size: Sequence[int], frame: int = _FRAME) -> list[str]:
    """The names of the rectangles that clamping moves. The arguments are those of `corners`."""
    meant, cut = (corners(points, size, frame, clamp=clamp) for clamp in (False, True))
    return [PATCHES[index].name for index in np.flatnonzero((meant != cut).any(axis=1))]
