"""The parts of a face that the local networks work on, and where their rectangles lie.

APDrawingGAN's (Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait Drawings From Face
Photos With Hierarchical GANs, CVPR 2019), sizes for a frame of 256 pixels: four rectangles around
facial points, then hair and background. In a larger frame the rectangles grow with it.
"""

import dataclasses
from functools import cache


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
