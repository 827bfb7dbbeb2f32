"""The map T that lays a sketch over its photo, Px = T(Py), estimated without training.

T is a smooth displacement of the photo's pixels, a sum of Gaussians with a Gaussian-process prior
(as in Rasmussen & Williams 2006, ch. 2), fitted by robust least squares to three observations:

- the outlines of corresponding regions in both label maps, by signed distance, which does not
  constrain movement along an outline;
- the five points of each picture, with the uncertainty of their detector;
- patches whose tones and edges look alike in both pictures (normalised cross-correlation), each
  with the curvature of its correlation peak as precision, so that a line is matched across and not
  along itself.

`warp.maps` defines maps.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.parsing.labels import BACKGROUND, BROWS, EYES, HAIR, MOUTH, NOSE
from photosketch.warp.correlation import Picture, correlations
from photosketch.warp.maps import Warp, at, identity, sampled, without_folds

Mode = Literal["face", "region"]
MODES: tuple[Mode, ...] = ("face", "region")

# Lengths in pixels at the size of CUFS, 50 between the eyes.
# The prior.
_REACH = 40.0  # standard deviation of the Gaussians that a displacement is made of
_SPACING = 26.0  # between their centres
_AMPLITUDE = 4.0  # prior standard deviation of a displacement
# Points and outlines.
_POINT_NOISE = 0.5  # of a point
_OUTLINE_NOISE = 3.0  # of an outline, whose neighbouring pixels are not independent
_OUTLINE_SCALES = (8.0, 4.0)  # larger residuals are outliers; first coarse, then fine
_OUTLINE_SCALE_AMONG_MATCHES = 2.0  # still finer, because the rough map is nearly right then
# The head's outline is the most reliable; hatching blurs the edge of hair, and brows are drawn in
# other shapes than those of the photo.
_HEAD_WEIGHT, _FEATURE_WEIGHT, _BROW_WEIGHT, _HAIR_WEIGHT = 2.0, 1.0, 0.6, 0.5
_LEAST_AREA = 12  # pixels: smaller regions are specks
_OUTLINE_BAND = 1.6  # pixels this close to an outline stand for the outline, without gaps
# Every 3rd of these pixels is used; in regions larger than any feature every 8th, which is faster.
_OUTLINE_STEP, _LARGE_OUTLINE_STEP, _LARGE_AREA = 3, 8, 1500
_FAR = 14.0  # signed distances are cut off here
_WINDOW_PADDING = round(_FAR) + 4  # around a region: the distances up to _FAR, and their smoothing
_BORDER_PADDING = 16  # a region goes on beyond the picture, further than `_FAR`
_DISTANCE_BLUR = 1.0  # standard deviation; smooths the slopes from pixel to pixel
# Matching patches.
_MATCH_SPACINGS = (12, 8, 6)  # between patches, round by round
_STEPS_PER_ROUND = 2  # the second step knows the outliers of the first
_MATCH_SCALE = 2.0  # larger residuals are outliers
_MATCH_PRECISION = 12.0  # per curvature of the correlation peak; chosen on generated pairs
_MATCH_HALF, _MATCH_SEARCH = 6, 9  # half a patch; how far around its place it is searched
_MATCH_BLUR = 0.8  # standard deviation of the smoothing before; more hides distinctive detail
_MATCH_CONTRAST, _MATCH_LEAST = 2.0, 0.4  # the least gray levels; the least correlation
_LEAST_CURVATURE = 1e-3  # along a line a peak has no curvature
_LONGEST_STEP = 0.7  # from the highest correlation to the peak; 0.5 along an axis of a parabola
# Regions: a displacement fades out over 12 pixels, or over 2.5 times its length if that is more.
_FEATHER, _FEATHER_OF_LENGTH = 12.0, 2.5


@dataclass(frozen=True)
class Face:
    """A picture with its labels and points.

    image: [H, W, 3] RGB or [H, W] gray, uint8; labels [H, W] uint8 by `labels.CLASSES`;
    points [5, 2] float32 in the order of `table.LANDMARK_NAMES`.
    """

    image: Image
    labels: Labels
    points: Points


def estimate(photo: Face, sketch: Face, mode: Mode = "face", shrink: int = 1) -> Warp:
    """The map from the photo's pixels to the sketch, equal to the identity at the border.

    `face` moves the whole head. `region` moves only eyes with brows, nose and mouth, each by its
    part of the displacement. For the estimate, pictures are shrunk by the factor `shrink`, by which
    they are larger than CUFS's. Deterministic.
    """
    shape = photo.labels.shape
    assert sketch.labels.shape == sketch.image.shape[:2] == photo.image.shape[:2] == shape
    if shrink > 1:
        photo, sketch = _shrunk(photo, shrink), _shrunk(sketch, shrink)
    displacement = _Fit(photo, sketch, mode).displacement()
    if mode == "region":
        displacement = _within_regions(displacement, photo)
    return without_folds(_grown(displacement, shape) if shrink > 1 else displacement)


def _shrunk(face: Face, shrink: int) -> Face:
    """The face in a picture smaller by the factor `shrink`, sides rounded to whole pixels."""
    height, width = face.labels.shape
    size = round(width / shrink), round(height / shrink)
    points = (face.points + 0.5) * np.divide(size, (width, height)) - 0.5
    return Face(
        cv2.resize(face.image, size, interpolation=cv2.INTER_AREA),
        cv2.resize(face.labels, size, interpolation=cv2.INTER_NEAREST),
        points.astype(np.float32),
    )


def _grown(displacement: Field, shape: tuple[int, ...]) -> Field:
    """A displacement [h, w, 2] scaled to a picture of a larger shape (height, width)."""
    height, width = shape
    factors = np.array([width / displacement.shape[1], height / displacement.shape[0]], np.float32)
    return cv2.resize(displacement, (width, height), interpolation=cv2.INTER_LINEAR) * factors


class _Fit:
    """The displacement [H, W, 2] that explains outlines, points and matching patches best."""

    def __init__(self, photo: Face, sketch: Face, mode: Mode) -> None:
        self.photo, self.sketch = photo, sketch
        self.basis = _basis(photo.labels.shape)
        self.outlines = _outlines(photo, sketch, mode)
        self.on_outlines = self.basis.at(np.concatenate([o.points for o in self.outlines]))
        self.on_points = self.basis.at(photo.points)
        self.weights = np.zeros((self.on_points.shape[1], 2), np.float32)

    def displacement(self) -> Field:
        for scale in _OUTLINE_SCALES:
            self._step(scale, None)
        for spacing in _MATCH_SPACINGS:
            rough = self.basis.field(self.weights)
            matches = _matches(self.photo, self.sketch, rough, spacing, self.basis)
            for _ in range(_STEPS_PER_ROUND):
                self._step(_OUTLINE_SCALE_AMONG_MATCHES, matches)
        return self.basis.field(self.weights)

    def _step(self, scale: float, matches: "_Matches | None") -> None:
        """One Gauss-Newton step, outliers weighted down by a Cauchy function."""
        moved = self.on_outlines @ self.weights  # [N, 2]
        slopes, misses, trust = self._seen_at(moved, scale)
        weighted = trust[:, None] * slopes
        precision_of_points = np.full((len(self.on_points), 1), 1 / _POINT_NOISE**2, np.float32)
        shifts = self.sketch.points - self.photo.points
        # For each row of the basis: the precision [2, 2] of the observed shift, and their product.
        rows = [self.on_outlines, self.on_points]
        precisions = [
            weighted[:, :, None] * slopes[:, None],
            precision_of_points[..., None] * np.eye(2, dtype=np.float32),
        ]
        pulls = [
            weighted * ((slopes * moved).sum(1) - misses)[:, None],
            precision_of_points * shifts,
        ]
        if matches is not None:
            off = matches.rows @ self.weights - matches.shifts
            trust = _MATCH_PRECISION / (1 + (off**2).sum(1) / _MATCH_SCALE**2)
            rows.append(matches.rows)
            precisions.append(trust[:, None, None] * matches.precisions)
            pulls.append((precisions[-1] @ matches.shifts[..., None])[..., 0])
        self.weights = _solved(*(np.concatenate(parts) for parts in (rows, precisions, pulls)))

    def _seen_at(self, moved: Field, scale: float) -> tuple[Field, Field, Field]:
        """At moved outlines: the slopes [N, 2], residuals [N] and weights [N] of distances."""
        slopes, misses, precisions = [], [], []
        stops = np.cumsum([len(outline.points) for outline in self.outlines])[:-1]
        for outline, shifts in zip(self.outlines, np.split(moved, stops), strict=True):
            seen = at(outline.sketch, outline.points - outline.corner + shifts)
            miss = seen[:, 0] - outline.distances
            slopes.append(seen[:, 1:])
            misses.append(miss)
            precisions.append(outline.weight / _OUTLINE_NOISE**2 / (1 + (miss / scale) ** 2))
        return np.concatenate(slopes), np.concatenate(misses), np.concatenate(precisions)


def _solved(rows: Field, precisions: Field, pulls: Field) -> Field:
    """The likeliest weights [C, 2] by rows of the basis [N, C], precisions [N, 2, 2], pulls [N, 2].

    A pull is a precision times the observed displacement. Under the prior, weights are independent.
    """
    rows, precisions, pulls = (part.astype(np.float64) for part in (rows, precisions, pulls))

    def seen_with(precision: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = np.sqrt(np.maximum(precision, 0))[:, None] * rows
        return scaled.T @ scaled  # symmetric, which halves the work

    across, both, down = precisions[:, 0, 0], precisions[:, 0, 1], precisions[:, 1, 1]
    first, last = seen_with(across), seen_with(down)
    mixed = (seen_with(across + 2 * both + down) - first - last) / 2
    square = np.block([[first, mixed], [mixed, last]])
    count = rows.shape[1]
    square[np.diag_indices(2 * count)] += 1 / _AMPLITUDE**2
    weights = np.linalg.solve(square, (rows.T @ pulls).T.ravel())
    return weights.reshape(2, count).T.astype(np.float32)


@dataclass(frozen=True)
class _Basis:
    """Smooth functions that make up a displacement: products of a function of x and one of y.

    They combine Gaussians on a grid so that the prior makes their weights independent, each of
    standard deviation `_AMPLITUDE`. So equations in the weights are well conditioned.
    """

    across: "_Waves"  # A of them, in x
    down: "_Waves"  # D, in y

    def at(self, points: Points) -> Field:
        """The functions' values at points [N, 2]: [N, D A]."""
        across, down = self.across.at(points[:, 0]), self.down.at(points[:, 1])
        return (down[:, :, None] * across[:, None]).reshape(len(points), -1)

    def field(self, weights: Field) -> Field:
        """The displacement [H, W, 2] of weights [D A, 2]."""
        across, down = self.across.on_grid, self.down.on_grid
        shaped = weights.reshape(down.shape[1], across.shape[1], 2)
        return np.stack([down @ shaped[..., k] @ across.T for k in (0, 1)], -1)


class _Waves:
    """Functions of one coordinate: combinations of Gaussians, independent under the prior."""

    def __init__(self, size: int) -> None:
        self._centres = np.arange(-_SPACING / 2, size + _SPACING, _SPACING)
        values, vectors = np.linalg.eigh(_gaussians(self._centres, self._centres))
        self._mixing = vectors / np.sqrt(values)
        self.on_grid = self.at(np.arange(size))  # [size, count]

    def at(self, places: NDArray[Any]) -> Field:
        """The functions' values at places [N]: [N, count]."""
        return (_gaussians(places, self._centres) @ self._mixing).astype(np.float32)


@lru_cache(maxsize=4)
def _basis(shape: tuple[int, int]) -> _Basis:
    height, width = shape
    return _Basis(_Waves(width), _Waves(height))


def _gaussians(places: NDArray[Any], centres: NDArray[Any]) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((places.astype(np.float64)[:, None] - centres) / _REACH) ** 2)


class _Outline(NamedTuple):
    """Points on a region's outline in the photo, and the same region in the sketch.

    points [N, 2]; distances [N]: the points' signed distances in the photo; sketch [h, w, 3]:
    signed distance and its slopes in x and y, in a window whose first pixel is `corner` (x, y);
    weight: the reliability of this region's outline.
    """

    points: Points
    distances: Field
    sketch: Field
    corner: Points
    weight: float


def _regions(face: Face, mode: Mode) -> list[tuple[Mask, float]]:
    """The masks whose outlines are compared, and their weights.

    The skin is left out: head and hair share most of its outline, and the rest, the collar, is
    parsed badly in sketches, where neck and clothes are hatched alike. The features are used only
    if only they are moved: points and patches locate them too, and their parsed outlines are less
    reliable.
    """
    labels, left = face.labels, _left(face)
    whole = [(labels != BACKGROUND, _HEAD_WEIGHT), (labels == HAIR, _HAIR_WEIGHT)]
    if mode == "face":
        return whole
    eyes, brows = labels == EYES, labels == BROWS
    return [
        *whole,
        (labels == MOUTH, _FEATURE_WEIGHT),
        (labels == NOSE, _FEATURE_WEIGHT),
        (eyes & left, _FEATURE_WEIGHT),
        (eyes & ~left, _FEATURE_WEIGHT),
        (brows & left, _BROW_WEIGHT),
        (brows & ~left, _BROW_WEIGHT),
    ]


def _left(face: Face) -> Mask:
    """The columns [1, W] left of the middle between the eyes."""
    return np.arange(face.labels.shape[1])[None] < face.points[:2, 0].mean()


def _outlines(photo: Face, sketch: Face, mode: Mode) -> list[_Outline]:
    """The outlines of the regions that both pictures have."""
    outlines = []
    height, width = photo.labels.shape
    for (seen, weight), (drawn, _) in zip(
        _regions(photo, mode), _regions(sketch, mode), strict=True
    ):
        if min(seen.sum(), drawn.sum()) < _LEAST_AREA:
            continue
        x, y, across, down = cv2.boundingRect((seen | drawn).astype(np.uint8))
        left, top = max(x - _WINDOW_PADDING, 0), max(y - _WINDOW_PADDING, 0)
        window = np.s_[top : y + down + _WINDOW_PADDING, left : x + across + _WINDOW_PADDING]
        distance, other = _signed_distance(seen[window]), _signed_distance(drawn[window])
        rows, columns = np.nonzero(np.abs(distance) < _OUTLINE_BAND)
        step = _OUTLINE_STEP if seen.sum() < _LARGE_AREA else _LARGE_OUTLINE_STEP
        points = np.stack([columns, rows], 1)[::step]
        corner = np.array([left, top], np.float32)
        place = points + corner
        # Not at the border, where the mask ends because the picture ends.
        inside = ((place > 1) & (place < np.array([width, height]) - 2)).all(1)
        points = points[inside].astype(np.float32)
        # Sobel's sums are 8 times the slope.
        slopes = [cv2.Sobel(other, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
        sketched = np.dstack([other, *slopes])
        outlines.append(_Outline(points + corner, at(distance, points), sketched, corner, weight))
    return outlines


def _signed_distance(mask: Mask) -> Field:
    """Pixels to the outline, positive inside; a mask at the border goes on beyond the border."""
    pad = _BORDER_PADDING
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    inside, outside = (
        cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_5) for part in (wide, 1 - wide)
    )
    distance = np.where(inside > 0, inside - 0.5, 0.5 - outside)  # 0 between two pixels
    smooth = cv2.GaussianBlur(np.clip(distance, -_FAR, _FAR), (0, 0), _DISTANCE_BLUR)
    return smooth[pad:-pad, pad:-pad].astype(np.float32)


class _Matches(NamedTuple):
    """Displacements of matching patches: rows of the basis [M, D A], [M, 2] and [M, 2, 2]."""

    rows: Field
    shifts: Field
    precisions: Field


def _matches(
    photo: Face, sketch: Face, rough: Field, spacing: int, basis: _Basis
) -> _Matches | None:
    """Patches of the photo, `spacing` apart, found in the sketch near their places by `rough`.

    Both tones and edges are compared. Tones alone would confuse an outline, which is a step in a
    photo and a line in a sketch; edges alone would be lost among hatching.
    """
    half, search = _MATCH_HALF, _MATCH_SEARCH
    gray, drawn = (
        cv2.GaussianBlur(images.gray(face.image).astype(np.float32), (0, 0), _MATCH_BLUR)
        for face in (photo, sketch)
    )
    drawn = sampled(drawn, identity(gray.shape) + rough, cv2.INTER_LINEAR)
    pad = half + search
    gray, drawn = (
        cv2.copyMakeBorder(part, pad, pad, pad, pad, cv2.BORDER_REPLICATE) for part in (gray, drawn)
    )
    height, width = photo.labels.shape
    rows, columns = np.mgrid[half : height - half : spacing, half : width - half : spacing]
    person = photo.labels[rows, columns] != BACKGROUND
    rows, columns = rows[person], columns[person]
    tones = Picture.of(gray, half)
    clear = tones.spread(rows + pad, columns + pad) >= _MATCH_CONTRAST
    rows, columns = rows[clear], columns[clear]
    if not len(rows):
        return None
    views = (
        (tones, Picture.of(drawn, half)),
        (Picture.of(_steepness(gray), half), Picture.of(_steepness(drawn), half)),
    )
    of_tones, of_edges = (
        correlations(here, there, rows + pad, columns + pad, search) for here, there in views
    )
    scores = (of_tones + of_edges) / 2
    good, peaks, precisions = _peaks(scores)
    if not good.any():
        return None
    points = np.stack([columns, rows], 1).astype(np.float32)[good]
    shifts = peaks - search
    # From the roughly warped sketch to the original sketch.
    shifts = shifts + at(rough, points + shifts)
    return _Matches(basis.at(points), shifts.astype(np.float32), precisions.astype(np.float32))


def _steepness(gray: Field) -> Field:
    """The length of a picture's slope at each pixel."""
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    # Not cv2.magnitude, whose last digits depend on the arguments' place in memory.
    return np.sqrt(across * across + down * down)


def _peaks(scores: Field) -> tuple[Mask, NDArray[Any], NDArray[Any]]:
    """Which correlations [M, S, S] have a peak [M]; the peaks' (x, y) [G, 2], curvatures [G, 2, 2].

    Places are finer than a pixel. Low peaks are left out, and peaks at the rim, beyond which a
    higher peak may lie.
    """
    count, side = scores.shape[:2]
    rows, columns = np.divmod(scores.reshape(count, -1).argmax(1), side)
    top = scores[np.arange(count), rows, columns]
    good = (top >= _MATCH_LEAST) & (np.minimum(rows, columns) > 0)
    good &= np.maximum(rows, columns) < side - 1
    rows, columns, top = rows[good], columns[good], top[good].astype(np.float64)
    around = np.arange(-1, 2)
    near = scores[
        np.flatnonzero(good)[:, None, None],
        rows[:, None, None] + around[:, None],
        columns[:, None, None] + around,
    ].astype(np.float64)  # [G, 3, 3]
    slope = np.stack([near[:, 1, 2] - near[:, 1, 0], near[:, 2, 1] - near[:, 0, 1]], 1) / 2
    bend = np.empty((len(top), 2, 2))
    bend[:, 0, 0] = 2 * top - near[:, 1, 2] - near[:, 1, 0]
    bend[:, 1, 1] = 2 * top - near[:, 2, 1] - near[:, 0, 1]
    bend[:, 0, 1] = bend[:, 1, 0] = (
        near[:, 0, 2] + near[:, 2, 0] - near[:, 0, 0] - near[:, 2, 2]
    ) / 4
    values, directions = np.linalg.eigh(bend)
    values = np.maximum(values, _LEAST_CURVATURE)
    across = np.swapaxes(directions, 1, 2)
    step = (directions @ ((across @ slope[..., None]) / values[..., None]))[..., 0]
    places = np.stack([columns, rows], 1) + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    return good, places, top[:, None, None] * ((directions * values[:, None]) @ across)


def _within_regions(displacement: Field, photo: Face) -> Field:
    """The displacement in and around `feature_masks`, fading to zero around each."""
    share = np.zeros(displacement.shape[:2], np.float32)
    lengths = np.hypot(displacement[..., 0], displacement[..., 1])
    for mask in feature_masks(photo):
        far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        part = np.clip(1 - far / max(_FEATHER, _FEATHER_OF_LENGTH * lengths[mask].max()), 0, 1)
        share = np.maximum(share, part**2 * (3 - 2 * part))  # without a crease at its ends
    return displacement * share[..., None]


def feature_masks(face: Face) -> list[Mask]:
    """Convex masks of the regions that `region` moves, if present: eyes with brows, nose, mouth."""
    labels, left = face.labels, _left(face)
    sight = np.isin(labels, (EYES, BROWS))
    masks = []
    for part in (sight & left, sight & ~left, labels == NOSE, labels == MOUTH):
        if part.any():
            hull = cv2.convexHull(np.argwhere(part)[:, ::-1].astype(np.int32))
            mask = cv2.fillConvexPoly(np.zeros(labels.shape, np.uint8), hull, 1)
            masks.append(mask.astype(bool))
    return masks
