"""The parts of a face that the local networks work on, and where their rectangles lie.

APDrawingGAN's (Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait Drawings From Face
Photos With Hierarchical GANs, CVPR 2019), sizes for a frame of 256 pixels: four rectangles around
facial points, then hair and background. In a larger frame the rectangles grow with it.
"""

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Patch:
    """A rectangle of `height` x `width` pixels around the mean of some of the five points.

    `points` selects them by their place in the order of landmarks; `shift` is added to the
    centre's y.
    """

    name: str
    height: int
    width: int
    points: slice
    shift: int


_FRAME = 256  # pixels, the frame that the sizes are given for
PATCHES = (
    Patch("left_eye", 40, 56, slice(0, 1), -4),
    Patch("right_eye", 40, 56, slice(1, 2), -4),
    Patch("nose", 48, 48, slice(2, 3), -8),
    Patch("mouth", 40, 64, slice(3, 5), 0),
)
PARTS = (*(patch.name for patch in PATCHES), "hair", "background")


@cache
def patches_of(frame: int) -> tuple[Patch, ...]:
    """`PATCHES`, of the same share of a frame of that many pixels (a multiple of 64) a side."""
    return tuple(
        dataclasses.replace(
            patch,
            height=patch.height * frame // _FRAME,
            width=patch.width * frame // _FRAME,
            shift=patch.shift * frame // _FRAME,
        )
        for patch in PATCHES
    )


def placed(points: Any, frame: int, *, clamp: bool = True) -> list[tuple[Any, Any]]:
    """The top left pixel (x, y) of each rectangle, whole numbers [...], for points [..., 5, 2] in a
    frame of that many pixels a side: arrays of numpy or tensors of torch, as the points are.

    Rounded halves up, so that points shifted by whole pixels shift the rectangles alike, and
    clamped, so that every rectangle lies inside the frame.
    """
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
    """The top left pixels (x, y) of the rectangles, int [4, 2], around points [5, 2] of an image of
    `size` (width, height), which is the centre of the frame, unscaled.

    Clamped into the frame; in an image smaller than the frame a rectangle may reach beyond it.
    """
    offset = np.array([(frame - length) // 2 for length in size])
    framed = (points + offset).astype(np.float32)  # as packed, so that halves are rounded alike
    return np.array(placed(framed, frame, clamp=clamp), int) - offset


def clamped(points: np.ndarray, size: Sequence[int], frame: int = _FRAME) -> list[str]:
    """The names of the rectangles that clamping moves; arguments as of `corners`."""
    meant, cut = (corners(points, size, frame, clamp=clamp) for clamp in (False, True))
    moved = (meant != cut).any(axis=1)  # [4]
    return [patch.name for patch, each in zip(PATCHES, moved, strict=True) if each]
