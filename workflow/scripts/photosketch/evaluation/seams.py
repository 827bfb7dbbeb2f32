"""The metric `seam`: how visible are the borders at which the parts of a face were put together?

docs/metrics.md defines it. The parts are those of the local networks (`patches`, `training.parts`).
Only quiet places of the true sketch are measured. Elsewhere strokes would change its ratio, noise
and blur would bring every ratio closer to 1, and a seam on the opposite step of a stroke would
lower the ratio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from photosketch.configuration.settings import FRAMES
from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.data.pairs import Pair, read_image
from photosketch.geometry.patches import PATCHES, Patch, corners, patches_of
from photosketch.landmarks.table import stack_points
from photosketch.parsing.labels import BACKGROUND

OUTLINE = "outline"
BORDERS = (*(patch.name for patch in PATCHES), OUTLINE)
ACROSS = 1.0  # pixels: closer places are on the border
NEAREST, FARTHEST = 3.0, 6.0  # pixels: places between are beside the border
_MARGIN = 7  # pixels along the image's edge that are left out, so both sides lie in the image
_FLOOR = 1.0  # gray levels per pixel
_QUIET = 6.0  # gray levels per pixel
_AROUND = 4  # pixels: a place so close to a stroke is not quiet
_FEWEST = 40  # pixels of a border that are always measured
_SIGMA = 1.0  # pixels
_OFFSETS = np.arange(-4, 5)
_GAUSSIAN = np.exp(-(_OFFSETS**2) / (2 * _SIGMA**2))
_SMOOTHING = _GAUSSIAN / _GAUSSIAN.sum()
_DERIVATIVE = _OFFSETS * _GAUSSIAN / (_OFFSETS**2 * _GAUSSIAN).sum()  # of a ramp: its slope


@dataclass(frozen=True)
class Places:
    """Pixels [M], as indices into a flattened image, and the border's normals (x, y) [M, 2]."""

    pixels: np.ndarray
    normals: np.ndarray

    @classmethod
    def of(cls, mask: Mask, distance: Field) -> "Places":
        """Where `mask` [H, W] is true, nowhere at the image's edge, and the directions in which the
        distance [H, W] from the border grows there."""
        y, x = np.nonzero(mask)
        growth = [distance[y, x + 1] - distance[y, x - 1], distance[y + 1, x] - distance[y - 1, x]]
        normals = np.stack(growth, axis=1)
        length = np.maximum(np.hypot(*growth), 1e-9)
        return cls(np.flatnonzero(mask), normals / length[:, None])

    def mean_step(self, gradient: Field) -> float:
        """The mean of |gradient along the normal|, at least the floor; gradient [H * W, 2]."""
        steps = (gradient[self.pixels] * self.normals).sum(axis=1)
        return max(_FLOOR, float(np.abs(steps).mean()))


@dataclass(frozen=True)
class Border:
    """Where one part's border is measured."""

    across: Places
    beside: Places

    def ratio(self, gradient: Field) -> float:
        """Of the steps across and beside the border; gradient [H * W, 2] of a sketch."""
        return self.across.mean_step(gradient) / self.beside.mean_step(gradient)


@dataclass(frozen=True)
class Seams:
    """The measured places of N people, and the ratios of their true sketches.

    borders: for each person the places on each of `BORDERS`, None for a border outside the image;
    true_ratios [N, 5], NaN for None.
    """

    borders: Sequence[Sequence[Border | None]]
    true_ratios: np.ndarray

    @classmethod
    def of(
        cls, points: np.ndarray, labels: Labels, sketches: np.ndarray, frame: int = FRAMES[0]
    ) -> "Seams":
        """From the photos' points [N, 5, 2] and labels [N, H, W], the true sketches [N, H, W]
        uint8, and the side of the frame in which the networks saw them."""
        people = zip(points, labels, sketches, strict=True)
        borders = [borders_of(*person, frame) for person in people]
        return cls(borders, _ratios(sketches, borders))

    def by_border(self, sketches: np.ndarray) -> np.ndarray:
        """The ratio of each border of drawn sketches [N, H, W] over the true sketch's, [N, 5]."""
        return _ratios(sketches, self.borders) / self.true_ratios

    def scores(self, sketches: np.ndarray) -> np.ndarray:
        """`seam` of drawn sketches [N, H, W], [N]; NaN if a person has no measurable border."""
        logarithms = pd.DataFrame(np.log(self.by_border(sketches)))
        return np.exp(logarithms.mean(axis=1)).to_numpy()  # without missing values


def seams_of(
    people: Sequence[Pair],
    landmarks: Mapping[str, pd.DataFrame],
    labels: Mapping[str, Mapping[str, Labels]],
    frame: int,
) -> Seams:
    """From landmark tables by subset, and the photos' labels by subset and id."""
    return Seams.of(
        stack_points(people, landmarks, "photo"),
        np.stack([labels[pair.subset][pair.id] for pair in people]),
        np.stack([read_image(pair, "sketch") for pair in people]),
        frame,
    )


def borders_of(
    points: Points, labels: Labels, sketch: Image, frame: int = FRAMES[0]
) -> list[Border | None]:
    """The borders of a person's parts at the quiet places of the true sketch [H, W].

    points [5, 2] and labels [H, W] of the photo.
    """
    found = corners(points, labels.shape[::-1], frame)
    places = zip(found, patches_of(frame), strict=True)
    rectangles = [rectangle_distance(*place, labels.shape) for place in places]
    outline = outline_distance(labels != BACKGROUND)
    to_rectangle = np.min(np.abs(rectangles), axis=0)
    to_any = np.minimum(to_rectangle, np.abs(outline))
    inside = np.zeros(labels.shape, bool)
    inside[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    # the largest gradient near each pixel
    around = np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)
    loudness = cv2.dilate(np.hypot(*np.moveaxis(gradient_of(sketch), -1, 0)), around)

    borders: list[Border | None] = []
    for name, distance in zip(BORDERS, [*rectangles, outline], strict=True):
        off = np.abs(distance)
        across = inside & (off < ACROSS)
        if name == OUTLINE:
            across &= to_rectangle >= NEAREST
        # pixels near another border can show the seam of that border
        beside = inside & (off >= NEAREST) & (off <= FARTHEST) & (to_any >= NEAREST)
        levels = np.sort(loudness[across])
        if not len(levels):
            borders.append(None)
            continue
        fewest = levels[min(_FEWEST, len(levels)) - 1]
        quiet = loudness <= max(fewest, min(_QUIET, float(np.median(levels))))
        # smoothed, because an outline follows pixels in steps
        smooth = cv2.GaussianBlur(distance, (0, 0), _SIGMA)
        border = Border(Places.of(across & quiet, smooth), Places.of(beside & quiet, smooth))
        borders.append(border if len(border.beside.pixels) else None)
    return borders


def rectangle_distance(corner: np.ndarray, patch: Patch, shape: tuple[int, ...]) -> Field:
    """The distance in pixels of each pixel of an image [H, W] from the border of a patch with its
    top left pixel at `corner` (x, y), negative inside."""
    left, top = corner
    y, x = np.ogrid[: shape[0], : shape[1]]
    beyond_x = np.abs(x - (left + (patch.width - 1) / 2)) - patch.width / 2
    beyond_y = np.abs(y - (top + (patch.height - 1) / 2)) - patch.height / 2
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return outside + np.minimum(np.maximum(beyond_x, beyond_y), 0)


def outline_distance(head: Mask) -> Field:
    """The distance of each pixel from the outline of a mask [H, W], negative inside; larger than
    the image if the mask has no outline."""
    if head.all() or not head.any():
        return np.full(head.shape, float(sum(head.shape)))

    def to_other_side(side: Mask) -> Field:
        found = cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # the last digits depend on the buffer's place in memory; the exact squares are integers
        return np.sqrt(np.rint(found.astype(np.float64) ** 2))

    # the outline is half a pixel closer than the nearest pixel of the other side
    return np.where(head, 0.5 - to_other_side(head), to_other_side(~head) - 0.5)


def gradient_of(sketch: Image) -> Field:
    """The gradient (x, y) of a sketch [H, W], [H, W, 2] in gray levels per pixel."""
    kernels = (_DERIVATIVE, _SMOOTHING), (_SMOOTHING, _DERIVATIVE)  # along x, along y
    border = cv2.BORDER_REFLECT
    sides = [cv2.sepFilter2D(sketch, cv2.CV_64F, *each, borderType=border) for each in kernels]
    return np.stack(sides, axis=-1)


def _ratios(sketches: np.ndarray, borders: Sequence[Sequence[Border | None]]) -> np.ndarray:
    """The ratio of each border of sketches [N, H, W], [N, 5]; NaN for a border that is None."""
    ratios = []
    for sketch, own in zip(sketches, borders, strict=True):
        gradient = gradient_of(sketch).reshape(-1, 2)
        ratios.append([np.nan if border is None else border.ratio(gradient) for border in own])
    return np.array(ratios)
