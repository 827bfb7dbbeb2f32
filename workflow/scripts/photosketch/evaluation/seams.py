"""How visible it is where the parts of a face were put together: the metric `seam`.

The parts are those of the local networks (`patches`, `training.parts`): four rectangles around the
photo's points, hair and background, whose common border is the outline of the head in the photo's
labels. With g = |gradient along the border's normal| of a sketch (derivatives of a gaussian, sigma
1 pixel), a border's ratio is

    max(1, mean of g less than 1 pixel off the border)
    / max(1, mean of g 3 to 6 pixels off it, on both sides)

with a floor of one gray level. The score of a drawn sketch is the ratio of the drawn over that of
the true sketch at the same places, as the geometric mean over the borders: 1 where there is no seam
or it cannot be told from what the artist drew, more where there is one.

A border is measured where the true sketch is quiet: where its own gradient stays below a few gray
levels all around (`_QUIET`), at most along the quieter half of the border and at least at its
quietest places. Elsewhere strokes make the true sketch's ratio other than 1; noise and blur bring
any ratio nearer to 1, and a seam against a stroke's own step lowers it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from photosketch.configuration.settings import FRAMES
from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.data.pairs import Pair, read_image
from photosketch.geometry.patches import PATCHES, corners, patches_of
from photosketch.landmarks.table import points_of
from photosketch.parsing.labels import BACKGROUND

OUTLINE = "outline"
BORDERS = (*(patch.name for patch in PATCHES), OUTLINE)
ACROSS = 1.0  # pixels: less than that off the border
NEAREST, FARTHEST = 3.0, 6.0  # pixels: beside it
_MARGIN = 7  # pixels along the image's edge that are left out, so that both sides lie inside
_FLOOR = 1.0  # gray levels a pixel
_QUIET = 6.0  # gray levels a pixel
_AROUND = 4  # pixels, how far a stroke makes a place loud
_FEWEST = 40  # pixels of each border that are measured at least
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
        """Where `mask` [H, W] is true, and where the distance [H, W] from the border grows there;
        none of them at the edge of the image."""
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


@dataclass(frozen=True)
class Seams:
    """What drawn sketches of N people are compared with.

    borders: for each person those of `BORDERS`, None if nothing of one lies inside the image;
    true_ratios [N, 5], of the true sketches, missing (NaN) there.
    """

    borders: Sequence[Sequence[Border | None]]
    true_ratios: np.ndarray

    @classmethod
    def of(
        cls, points: np.ndarray, labels: Labels, sketches: np.ndarray, frame: int = FRAMES[0]
    ) -> "Seams":
        """The photos' points [N, 5, 2] and labels [N, H, W], the true sketches [N, H, W] uint8, and
        the side of the frame that the networks saw them in."""
        people = zip(points, labels, sketches, strict=True)
        borders = [borders_of(*person, frame) for person in people]
        return cls(borders, _ratios(sketches, borders))

    def by_border(self, sketches: np.ndarray) -> np.ndarray:
        """The ratio of each border of drawn sketches [N, H, W] over the true one's, [N, 5]."""
        return _ratios(sketches, self.borders) / self.true_ratios

    def scores(self, sketches: np.ndarray) -> np.ndarray:
        """`seam` of drawn sketches [N, H, W], [N]; missing if a person has no border at all."""
        logarithms = np.log(self.by_border(sketches))
        known = ~np.isnan(logarithms)
        total, count = np.where(known, logarithms, 0).sum(axis=1), known.sum(axis=1)
        return np.exp(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))


def seams_of(
    people: Sequence[Pair],
    landmarks: Mapping[str, pd.DataFrame],
    labels: Mapping[str, Mapping[str, Labels]],
    frame: int = FRAMES[0],
) -> Seams:
    """The seams of people by landmark tables of their subsets and the photos' labels, by subset and
    id; `frame` as in `of`."""
    return Seams.of(
        np.stack([points_of(landmarks[pair.subset], pair.id, "photo") for pair in people]),
        np.stack([labels[pair.subset][pair.id] for pair in people]),
        np.stack([read_image(pair, "sketch") for pair in people]),
        frame,
    )


def borders_of(
    points: Points, labels: Labels, sketch: Image, frame: int = FRAMES[0]
) -> list[Border | None]:
    """The borders of a person's parts, where a true sketch [H, W] lets them be measured.

    points [5, 2] and labels [H, W] of the photo.
    """
    height, width = labels.shape
    rectangles = [
        rectangle_distance(corner, (patch.width, patch.height), labels.shape)
        for corner, patch in zip(
            corners(points, (width, height), frame), patches_of(frame), strict=True
        )
    ]
    outline = outline_distance(labels != BACKGROUND)
    distances = [*rectangles, outline]
    to_rectangle = np.min(np.abs(rectangles), axis=0)
    to_any = np.minimum(to_rectangle, np.abs(outline))
    inside = np.zeros(labels.shape, bool)
    inside[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = True
    loudness = loudness_of(sketch)

    borders = []
    for name, distance in zip(BORDERS, distances, strict=True):
        off = np.abs(distance)
        across = inside & (off < ACROSS)
        if name == OUTLINE:
            across &= to_rectangle >= NEAREST
        # what lies near the border of another part may hold that one's seam
        beside = inside & (off >= NEAREST) & (off <= FARTHEST) & (to_any >= NEAREST)
        # smoothed, because an outline goes round pixels in steps
        smooth = cv2.GaussianBlur(distance, (0, 0), _SIGMA)
        borders.append(_quiet_border(across, beside, loudness, smooth))
    return borders


def rectangle_distance(corner: np.ndarray, size: tuple[int, int], shape: tuple[int, ...]) -> Field:
    """The distance in pixels of each pixel of an image [H, W] from the border of a rectangle of
    `size` (width, height) with its top left pixel at `corner` (x, y); negative inside."""
    (left, top), (width, height) = corner, size
    y, x = np.ogrid[: shape[0], : shape[1]]
    beyond_x = np.abs(x - (left + (width - 1) / 2)) - width / 2
    beyond_y = np.abs(y - (top + (height - 1) / 2)) - height / 2
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return outside + np.minimum(np.maximum(beyond_x, beyond_y), 0)


def outline_distance(head: Mask) -> Field:
    """The distance of each pixel from the outline of a mask [H, W], negative inside; beyond all
    else if the mask has no outline."""
    if head.all() or not head.any():
        return np.full(head.shape, float(sum(head.shape)))
    # to the nearest pixel of the other side; the outline runs half a pixel before that
    to_head, to_background = (
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for side in (~head, head)
    )
    # their last digits depend on where the buffer lies in memory, and their squares are whole
    to_head, to_background = (
        np.sqrt(np.rint(side.astype(np.float64) ** 2)) for side in (to_head, to_background)
    )
    return np.where(head, 0.5 - to_background, to_head - 0.5)


def loudness_of(sketch: Image) -> Field:
    """The largest gradient of a sketch [H, W] near each pixel, in gray levels a pixel."""
    gradient = gradient_of(sketch)
    around = np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)
    return cv2.dilate(np.hypot(gradient[..., 0], gradient[..., 1]), around)


def gradient_of(sketch: Image) -> Field:
    """The gradient (x, y) of a sketch [H, W], [H, W, 2] in gray levels a pixel."""
    kernels = (_DERIVATIVE, _SMOOTHING), (_SMOOTHING, _DERIVATIVE)  # along x, along y
    border = cv2.BORDER_REFLECT
    sides = [cv2.sepFilter2D(sketch, cv2.CV_64F, *each, borderType=border) for each in kernels]
    return np.stack(sides, axis=-1)


def _quiet_border(across: Mask, beside: Mask, loudness: Field, distance: Field) -> Border | None:
    """The quiet places across and beside a border; None if there are none on either side."""
    levels = np.sort(loudness[across])
    if not len(levels):
        return None
    fewest = levels[min(_FEWEST, len(levels)) - 1]
    quiet = loudness <= max(fewest, min(_QUIET, float(np.median(levels))))
    if not (beside & quiet).any():
        return None
    return Border(Places.of(across & quiet, distance), Places.of(beside & quiet, distance))


def _ratios(sketches: np.ndarray, borders: Sequence[Sequence[Border | None]]) -> np.ndarray:
    """The ratio of each border of sketches [N, H, W], [N, 5]; missing if it is None."""
    ratios = np.full((len(sketches), len(BORDERS)), np.nan)
    for index, (sketch, own) in enumerate(zip(sketches, borders, strict=True)):
        gradient = gradient_of(sketch).reshape(-1, 2)
        for place, border in enumerate(own):
            if border is not None:
                ratios[index, place] = border.across.mean_step(gradient) / border.beside.mean_step(
                    gradient
                )
    return ratios
