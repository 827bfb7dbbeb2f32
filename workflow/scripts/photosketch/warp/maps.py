"""Maps from a photo's pixels to its sketch: how they are applied and kept free of folds.

Maps are float32 [H, W, 2]: `map[y, x]` is the place (x, y) in the original sketch that belongs to
the photo's pixel (x, y). Pixel centres lie at integers.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.parsing.labels import BACKGROUND

LEAST_JACOBIAN = 0.05  # the smallest determinant of a map
_LEAST_LENGTH = 1e-6  # against division by zero


class Warp(NamedTuple):
    """A map [H, W, 2] float32 without folds."""

    map: Field
    smallest_jacobian: float  # the least determinant
    shrunk: bool  # whether the estimated displacement was made smaller to avoid folds


def without_folds(displacement: Field) -> Warp:
    """The map of a displacement [H, W, 2], made zero at the border and free of folds.

    Where the determinant is below `LEAST_JACOBIAN`, the displacement is smoothed; if that does not
    help, it is shrunk. A map that would have folded counts as shrunk. The map is rounded to a 64th
    of a pixel, which is finer than OpenCV's resampling.
    """
    displacement = _held_at_border(displacement)
    map, determinants = _rounded(displacement)
    shrunk = bool(determinants.min() <= 0)
    passes = 0
    while determinants.min() < LEAST_JACOBIAN:
        if passes < 30:  # smooth folds and 4 pixels around
            tight = np.zeros(map.shape[:2], np.float32)
            tight[:-1, :-1] = determinants < LEAST_JACOBIAN
            share = cv2.GaussianBlur(cv2.dilate(tight, np.ones((9, 9))), (0, 0), 3)[..., None]
            smoother = cv2.GaussianBlur(displacement, (0, 0), 5)
            displacement = _held_at_border(displacement + share * (smoother - displacement))
        else:
            displacement = displacement * np.float32(0.9)
        map, determinants = _rounded(displacement)
        passes += 1
    return Warp(map, float(determinants.min()), shrunk)


def _rounded(displacement: Field) -> tuple[Field, Field]:
    """The map of a displacement [H, W, 2], to a 64th of a pixel, and its determinants."""
    map = identity(displacement.shape) + np.rint(displacement * 64) / 64
    return map, jacobian(map)


def identity(shape: tuple[int, ...]) -> Field:
    """The map [H, W, 2] that moves nothing."""
    height, width = shape[:2]
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def jacobian(map: Field) -> Field:
    """The smallest determinant at the four corners of each cell between pixels [H - 1, W - 1]. If
    all are positive, the map interpolated between pixels is one to one."""
    across, down = np.diff(map, axis=1), np.diff(map, axis=0)  # [H, W - 1, 2], [H - 1, W, 2]
    corners = [
        a[..., 0] * d[..., 1] - a[..., 1] * d[..., 0]
        for a in (across[:-1], across[1:])
        for d in (down[:, :-1], down[:, 1:])
    ]
    return np.minimum.reduce(corners)


def apply(sketch: Image, map: Field, labels: Labels) -> tuple[Image, Mask]:
    """The sketch [H, W] or [H, W, 3] warped by a map, and the pixels [H, W] that show the sketch.
    Resampled once (Lanczos). Places outside the sketch become paper: the median colour of the
    background in its `labels`. The identity returns the sketch unchanged."""
    height, width = sketch.shape[:2]
    blank = labels == BACKGROUND
    paper = np.median(sketch[blank] if blank.any() else sketch.reshape(-1, *sketch.shape[2:]), 0)
    warped = sampled(sketch, map, cv2.INTER_LANCZOS4)
    x, y = map[..., 0], map[..., 1]
    valid = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    warped[~valid] = paper.astype(np.uint8)
    return warped, valid


def apply_labels(labels: Labels, map: Field) -> Labels:
    """The labels [H, W] of a sketch warped by `apply`: the nearest label, background outside."""
    x, y = map[..., 0], map[..., 1]
    return cv2.remap(labels, x, y, cv2.INTER_NEAREST, borderValue=BACKGROUND)


def sampled(image: Image, map: Field, interpolation: int) -> Image:
    """An image [H, W] or [H, W, C] at the places of a map [h, w, 2]: [h, w] or [h, w, C]. The
    border is repeated outside."""
    x, y = map[..., 0], map[..., 1]
    return cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)


def at(field: Field, points: Points) -> Field:
    """A field [H, W, C] or [H, W] at points [N, 2], bilinear: [N, C] or [N]."""
    columns = 256  # OpenCV allows at most 32767 in a row
    padded = np.pad(points.astype(np.float32), ((0, -len(points) % columns), (0, 0)))
    values = sampled(field, padded.reshape(-1, columns, 2), cv2.INTER_LINEAR)  # [R, 256(, C)]
    return values.reshape(-1, *field.shape[2:])[: len(points)]


def inverse_at(map: Field, points: Points) -> Points:
    """The places [N, 2] that the map sends to `points`: the sketch's points in the warped sketch.
    Solves map(q) = p by q <- q - (map(q) - p), which converges because displacements change slowly:
    for one that changes by a steep 0.7 per pixel, 0.7^40 < 1e-6."""
    places = points.astype(np.float32)
    for _ in range(40):
        places = places - (at(map, places) - points)
    return places.astype(np.float32)


def inverse_consistency(forth: Field, back: Field, mask: Mask) -> float:
    """Mean distance in pixels between a pixel of the mask and its place after both maps."""
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
    """A displacement [H, W, 2] made zero at the border, with positive determinants on the way. For
    each pixel from the border, it has at most 0.85 pixels if it points out of the picture, which
    squeezes rows together, and 2 if it points inside, which stretches them."""
    room, outwards = _border(displacement.shape[:2])
    mean, half = (1 / 0.85 + 1 / 2.0) / 2, (1 / 0.85 - 1 / 2.0) / 2
    length = np.hypot(displacement[..., 0], displacement[..., 1])
    needed = mean * length + half * (displacement * outwards).sum(-1)  # [H, W]
    return displacement * np.minimum(1, room / np.maximum(needed, _LEAST_LENGTH))[..., None]


@lru_cache(maxsize=4)
def _border(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Pixels to the border [H, W], and the direction [H, W, 2] towards the border. Near a corner
    the two distances are joined smoothly. With the smaller distance, fading displacements would
    have a crease, at which maps fold."""
    places = [np.arange(size) for size in shape[::-1]]
    across, down = np.meshgrid(*(np.minimum(x, x[::-1]).astype(np.float32) for x in places))
    both = np.maximum(np.hypot(across, down), _LEAST_LENGTH)
    signs = np.meshgrid(*(np.sign(x - x[-1] / 2) for x in places))
    slopes = np.stack([down, across], -1) ** 3 * np.stack(signs, -1)
    slopes /= np.maximum(np.linalg.norm(slopes, axis=-1, keepdims=True), _LEAST_LENGTH)
    return across * down / both, slopes.astype(np.float32)
