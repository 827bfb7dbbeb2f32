"""Maps from a photo's pixels to its sketch: applying them, and what keeps them from folding.

Maps are float32 [H, W, 2]: `map[y, x]` is the place (x, y) in the original sketch that belongs to
the photo's pixel (x, y). Pixel centres lie at integers.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.parsing.labels import BACKGROUND

LEAST_JACOBIAN = 0.05  # the smallest determinant that a map is given
# Longest displacement at a pixel from the border, and so on inwards, by where it points.
_OUTWARDS, _INWARDS = 0.85, 2.0
# Unfolding, pass by pass: where a map folds and so many pixels around, fading out over so many
# (standard deviation), the displacement is mixed with itself smoothed (standard deviation).
_UNFOLDING_PASSES, _UNFOLDING_REACH, _UNFOLDING_FADE, _UNFOLDING_BLUR = 30, 4, 3, 5
_SHRINKING = np.float32(0.9)  # each time that folds are left after all passes
_INVERSE_STEPS = 40  # displacements that change by 0.7 a pixel, which is much, leave 0.7^40 < 1e-6
_SAMPLES_PER_ROW = 256  # of a list of places: OpenCV takes at most 32767 in a row
_LEAST_LENGTH = 1e-6  # against dividing by zero
_STEPS = 64  # to a pixel: what maps are rounded to


@dataclass(frozen=True)
class Warp:
    """A map, and what was done to keep it from folding.

    map [H, W, 2] float32; smallest_jacobian: its least determinant anywhere; shrunk: whether the
    estimated displacement had to be made smaller for that.
    """

    map: Field
    smallest_jacobian: float
    shrunk: bool


def without_folds(displacement: Field) -> Warp:
    """The map of a displacement [H, W, 2], made zero at the border and free of folds.

    Where the determinant is below `LEAST_JACOBIAN`, the displacement is smoothed; if that does not
    help, all of it is shrunk. A map that would have folded counts as shrunk. The map is
    rounded to a 64th of a pixel, finer than OpenCV resamples by it, and has its determinants then.
    """
    displacement = _held_at_border(displacement)
    map = _rounded(displacement)
    least = float(jacobian(map).min())
    shrunk = least <= 0
    for _ in range(_UNFOLDING_PASSES):
        if least >= LEAST_JACOBIAN:
            break
        tight = np.zeros(map.shape[:2], np.float32)
        tight[:-1, :-1] = jacobian(map) < LEAST_JACOBIAN
        around = cv2.dilate(tight, np.ones((2 * _UNFOLDING_REACH + 1,) * 2))
        share = cv2.GaussianBlur(around, (0, 0), _UNFOLDING_FADE)[..., None]
        smoother = cv2.GaussianBlur(displacement, (0, 0), _UNFOLDING_BLUR)
        displacement = _held_at_border(displacement + share * (smoother - displacement))
        map = _rounded(displacement)
        least = float(jacobian(map).min())
    while least < LEAST_JACOBIAN:
        displacement = displacement * _SHRINKING
        map = _rounded(displacement)
        least = float(jacobian(map).min())
    return Warp(map, least, shrunk)


def _rounded(displacement: Field) -> Field:
    """The map of a displacement [H, W, 2], to a 64th of a pixel."""
    return identity(displacement.shape) + np.rint(displacement * _STEPS) / _STEPS


def identity(shape: tuple[int, ...]) -> Field:
    """The map [H, W, 2] that moves nothing."""
    height, width = shape[:2]
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def jacobian(map: Field) -> Field:
    """The smallest determinant in each cell between four pixels [H - 1, W - 1].

    Of the four corners of the cell; if all are positive, the map interpolated between pixels is
    one to one (and so are central differences, which are means of them).
    """
    across, down = np.diff(map, axis=1), np.diff(map, axis=0)  # [H, W - 1, 2], [H - 1, W, 2]
    corners = [
        a[..., 0] * d[..., 1] - a[..., 1] * d[..., 0]
        for a in (across[:-1], across[1:])
        for d in (down[:, :-1], down[:, 1:])
    ]
    return np.minimum.reduce(corners)


def apply(sketch: Image, map: Field, labels: Labels) -> tuple[Image, Mask]:
    """The sketch [H, W] or [H, W, 3] seen through a map, and which pixels [H, W] show it.

    Resampled once (Lanczos); what lies outside the sketch becomes paper: the median colour of the
    background in its `labels`. The identity returns the sketch unchanged.
    """
    height, width = sketch.shape[:2]
    blank = labels == BACKGROUND
    paper = np.median(sketch[blank] if blank.any() else sketch.reshape(-1, *sketch.shape[2:]), 0)
    warped = sampled(sketch, map, cv2.INTER_LANCZOS4)
    x, y = map[..., 0], map[..., 1]
    valid = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    warped[~valid] = paper.astype(np.uint8)
    return warped, valid


def apply_labels(labels: Labels, map: Field) -> Labels:
    """The label map [H, W] of a sketch that `apply` draws: the nearest labels, and background where
    it puts paper."""
    return cv2.remap(
        labels,
        map[..., 0],
        map[..., 1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BACKGROUND,
    )


def sampled(image: Image, map: Field, interpolation: int) -> Image:
    """An image [H, W] or [H, W, C] at the places of a map [h, w, 2]: [h, w] or [h, w, C].

    `interpolation` is OpenCV's; beyond the border the image goes on as it is there.
    """
    return cv2.remap(
        image, map[..., 0], map[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE
    )


def at(field: Field, points: Points) -> Field:
    """A field [H, W, C] or [H, W] at points [N, 2], bilinear: [N, C] or [N]."""
    columns = _SAMPLES_PER_ROW
    padded = np.pad(points.astype(np.float32), ((0, -len(points) % columns), (0, 0)))
    values = sampled(field, padded.reshape(-1, columns, 2), cv2.INTER_LINEAR)  # [R, 256(, C)]
    return values.reshape(-1, *field.shape[2:])[: len(points)]


def inverse_at(map: Field, points: Points) -> Points:
    """Where the map takes on the places `points` [N, 2]: the sketch's points in the warped sketch.

    Solves map(q) = p by q <- q - (map(q) - p), which contracts as displacements change slowly.
    """
    places = points.astype(np.float32)
    for _ in range(_INVERSE_STEPS):
        places = places - (at(map, places) - points)
    return places.astype(np.float32)


def inverse_consistency(forth: Field, back: Field, mask: Mask) -> float:
    """Mean distance in pixels between a pixel of the mask and where both maps together take it."""
    there = identity(forth.shape)[mask]
    return float(np.linalg.norm(at(back, at(forth, there)) - there, axis=1).mean())


def iou(mask: Mask, other: Mask) -> float:
    """Intersection over union of two masks; NaN if both are empty."""
    union = int((mask | other).sum())
    return int((mask & other).sum()) / union if union else float("nan")


def sharpness(image: Image, mask: Mask) -> float:
    """Variance of the Laplacian of a gray image within a mask."""
    return float(cv2.Laplacian(image.astype(np.float32), cv2.CV_32F)[mask].var())


def _held_at_border(displacement: Field) -> Field:
    """A displacement [H, W, 2] that fades to zero at the border, no faster than a map may.

    Just short enough that the determinant stays positive: `_OUTWARDS` pixels for each pixel from
    the border where it points out of the picture, where rows are squeezed together until none is
    left, and `_INWARDS` where it points inside, which stretches them.
    """
    room, outwards = _border(displacement.shape[:2])
    mean, half = (1 / _OUTWARDS + 1 / _INWARDS) / 2, (1 / _OUTWARDS - 1 / _INWARDS) / 2
    length = np.hypot(displacement[..., 0], displacement[..., 1])
    needed = mean * length + half * (displacement * outwards).sum(-1)  # [H, W]
    return displacement * np.minimum(1, room / np.maximum(needed, _LEAST_LENGTH))[..., None]


@lru_cache(maxsize=4)
def _border(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Pixels to the border [H, W], and the direction [H, W, 2] in which it lies.

    At a corner the two distances are joined smoothly: with the smaller of them the fading of
    displacements towards it has a crease, at which maps fold.
    """
    height, width = shape
    x, y = (
        np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32)
        for size in (width, height)
    )
    across, down = np.meshgrid(x, y)  # [H, W]
    both = np.maximum(np.hypot(across, down), _LEAST_LENGTH)
    signs = (np.sign(np.arange(size) - (size - 1) / 2) for size in (width, height))
    slopes = np.stack([down, across], -1) ** 3 * np.stack(np.meshgrid(*signs), -1)
    slopes /= np.maximum(np.linalg.norm(slopes, axis=-1, keepdims=True), _LEAST_LENGTH)
    return across * down / both, slopes.astype(np.float32)
