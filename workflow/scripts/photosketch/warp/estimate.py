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

from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.parsing.labels import BACKGROUND, BROWS, EYES, HAIR, MOUTH, NOSE
from photosketch.warp.correlation import Picture, correlations
from photosketch.warp.maps import Warp, at, identity, sampled, without_folds

Mode = Literal["face", "region"]

# Lengths in pixels at the size of CUFS, 50 between the eyes.
# The prior.
_REACH = 40.0  # standard deviation of the Gaussians that a displacement is made of
_SPACING = 26.0  # between their centres
_AMPLITUDE = 4.0  # prior standard deviation of a displacement
# Observations.
_POINT_NOISE = 0.5  # of a point
_OUTLINE_NOISE = 3.0  # of an outline, whose neighbouring pixels are not independent
_FAR = 14.0  # signed distances to outlines are cut off here
_MATCH_SCALE = 2.0  # larger residuals of matching patches are outliers
_MATCH_PRECISION = 12.0  # per curvature of the correlation peak; chosen on generated pairs
_MATCH_HALF, _MATCH_SEARCH = 6, 9  # half a patch; how far around its place it is searched

# Of a region: points [N, 2] on its outline in the photo, their signed distances [N] in the photo;
# in the sketch the signed distance and its slopes in x and y [h, w, 3], in a window whose first
# pixel is the fourth part (x, y); the reliability of this region's outline.
Outline = tuple[Points, Field, Field, Points, float]
# Rows of the basis [N, C], the precisions [N, 2, 2] of the shifts observed there, and each
# precision times its shift [N, 2].
Observations = tuple[Field, Field, Field]


class Face(NamedTuple):
    """A picture with its labels and points."""

    image: Image  # [H, W, 3] RGB or [H, W] gray, uint8
    labels: Labels  # [H, W]
    points: Points  # [5, 2] float32 in the order of `table.LANDMARK_NAMES`


def estimate(photo: Face, sketch: Face, mode: Mode = "face", shrink: int = 1) -> Warp:
    """The map from the photo's pixels to the sketch, equal to the identity at the border.

    `face` moves the whole head. `region` moves only eyes with brows, nose and mouth, each by its
    part of the displacement. The estimate is made in pictures shrunk by the factor `shrink`, by
    which they are larger than CUFS's. Deterministic.
    """
    shape = photo.labels.shape
    assert sketch.labels.shape == sketch.image.shape[:2] == photo.image.shape[:2] == shape
    if shrink > 1:
        photo, sketch = _shrunk(photo, shrink), _shrunk(sketch, shrink)
    displacement = fitted(photo, sketch, mode)
    if mode == "region":
        displacement = _within_regions(displacement, photo)
    if shrink > 1:
        factors = np.divide(shape, displacement.shape[:2])[::-1].astype(np.float32)
        displacement = cv2.resize(displacement, shape[::-1]) * factors
    return without_folds(displacement)


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


def fitted(photo: Face, sketch: Face, mode: Mode) -> Field:
    """The displacement [H, W, 2] that explains outlines, points and matching patches best. Each
    solution is a Gauss-Newton step, with outliers weighted down by a Cauchy function."""
    shape = photo.labels.shape
    outlines = _outlines(photo, sketch, mode)
    on_outlines = _basis(np.concatenate([outline[0] for outline in outlines]), shape)
    on_points = _basis(photo.points, shape)
    precisions = np.tile(np.eye(2, dtype=np.float32) / _POINT_NOISE**2, (len(on_points), 1, 1))
    points = on_points, precisions, (sketch.points - photo.points) / _POINT_NOISE**2
    weights = np.zeros((on_points.shape[1], 2), np.float32)
    for scale in (8.0, 4.0):  # larger residuals are outliers; first coarse, then fine
        weights = _solved(_seen_at(outlines, on_outlines, weights, scale), points)
    for spacing in (12, 8, 6):  # between patches
        matches = _matches(photo, sketch, _field(weights, shape), spacing)
        for _ in range(2):  # the second step knows the outliers of the first
            # A still finer scale, because the rough map is nearly right.
            seen = [_seen_at(outlines, on_outlines, weights, 2.0), points]
            if matches:
                seen.append(_trusted(*matches, weights))
            weights = _solved(*seen)
    return _field(weights, shape)


def _seen_at(outlines: list[Outline], rows: Field, weights: Field, scale: float) -> Observations:
    """What the outlines say at the places to which `weights` move their points."""
    moved = rows @ weights  # [N, 2]
    stops = np.cumsum([len(outline[0]) for outline in outlines])[:-1]
    slopes, misses, trusts = [], [], []
    for outline, shifts in zip(outlines, np.split(moved, stops), strict=True):
        points, distances, sketch, corner, weight = outline
        seen = at(sketch, points - corner + shifts)
        slopes.append(seen[:, 1:])
        misses.append(seen[:, 0] - distances)
        trusts.append(weight / _OUTLINE_NOISE**2 / (1 + (misses[-1] / scale) ** 2))
    slope, miss, trust = (np.concatenate(parts) for parts in (slopes, misses, trusts))
    weighted = trust[:, None] * slope
    pulls = weighted * ((slope * moved).sum(1) - miss)[:, None]
    return rows, weighted[:, :, None] * slope[:, None], pulls


def _trusted(rows: Field, shifts: Field, precisions: Field, weights: Field) -> Observations:
    """What matching patches say."""
    off = rows @ weights - shifts
    trust = _MATCH_PRECISION / (1 + (off**2).sum(1) / _MATCH_SCALE**2)
    trusted = trust[:, None, None] * precisions
    return rows, trusted, (trusted @ shifts[..., None])[..., 0]


def _solved(*observations: Observations) -> Field:
    """The likeliest weights [C, 2]. Under the prior, weights are independent."""
    rows, precisions, pulls = (
        np.concatenate(parts).astype(np.float64) for parts in zip(*observations, strict=True)
    )

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


def _basis(points: Points, shape: tuple[int, ...]) -> Field:
    """Smooth functions that make up a displacement, at points [N, 2]: [N, C].

    They are products of a function of x and one of y. These combine Gaussians on a grid so that the
    prior makes their weights independent, each of standard deviation `_AMPLITUDE`. So equations in
    the weights are well conditioned.
    """
    down, across = (_waves(points[:, k], size) for k, size in zip((1, 0), shape, strict=True))
    return (down[:, :, None] * across[:, None]).reshape(len(points), -1)


def _field(weights: Field, shape: tuple[int, ...]) -> Field:
    """The displacement [H, W, 2] of weights [C, 2] of the basis."""
    down, across = (_waves(np.arange(size), size) for size in shape)
    shaped = weights.reshape(down.shape[1], across.shape[1], 2)
    return np.stack([down @ shaped[..., k] @ across.T for k in (0, 1)], -1)


def _waves(places: NDArray[Any], size: int) -> Field:
    """The basis's functions of one coordinate at places [N]: [N, count]."""
    centres = np.arange(-_SPACING / 2, size + _SPACING, _SPACING)

    def gaussians(places: NDArray[Any]) -> NDArray[np.float64]:
        return np.exp(-0.5 * ((places.astype(np.float64)[:, None] - centres) / _REACH) ** 2)

    values, vectors = np.linalg.eigh(gaussians(centres))
    return (gaussians(places) @ (vectors / np.sqrt(values))).astype(np.float32)


def _regions(face: Face, mode: Mode) -> list[tuple[Mask, float]]:
    """The masks whose outlines are compared, and their weights.

    The skin is left out: head and hair share most of its outline, and the rest, the collar, is
    parsed badly in sketches, where neck and clothes are hatched alike. The features are used only
    if only they are moved: points and patches locate them too, and their parsed outlines are less
    reliable.
    """
    labels, left = face.labels, _left(face)
    # The head's outline is the most reliable; hatching blurs the edge of hair, and brows are drawn
    # in other shapes than those of the photo.
    regions = [(labels != BACKGROUND, 2.0), (labels == HAIR, 0.5)]
    if mode == "region":
        regions += [(labels == MOUTH, 1.0), (labels == NOSE, 1.0)]
        for label, weight in ((EYES, 1.0), (BROWS, 0.6)):
            regions += [((labels == label) & side, weight) for side in (left, ~left)]
    return regions


def _left(face: Face) -> Mask:
    """The columns [1, W] left of the middle between the eyes."""
    return np.arange(face.labels.shape[1])[None] < face.points[:2, 0].mean()


def _outlines(photo: Face, sketch: Face, mode: Mode) -> list[Outline]:
    """The outlines of the regions that both pictures have."""
    outlines = []
    height, width = photo.labels.shape
    for (seen, weight), (drawn, _) in zip(
        _regions(photo, mode), _regions(sketch, mode), strict=True
    ):
        if min(seen.sum(), drawn.sum()) < 12:
            continue  # a speck
        x, y, across, down = cv2.boundingRect((seen | drawn).astype(np.uint8))
        pad = round(_FAR) + 4  # the distances up to _FAR, and their smoothing
        left, top = max(x - pad, 0), max(y - pad, 0)
        window = np.s_[top : y + down + pad, left : x + across + pad]
        distance, other = _signed_distance(seen[window]), _signed_distance(drawn[window])
        # Pixels that stand for the outline, without gaps. Every third is used; in regions larger
        # than any feature every eighth, which is faster.
        rows, columns = np.nonzero(np.abs(distance) < 1.6)
        step = 3 if seen.sum() < 1500 else 8
        points = np.stack([columns, rows], 1)[::step]
        corner = np.array([left, top], np.float32)
        place = points + corner
        # Not at the border, where the mask ends because the picture ends.
        inside = ((place > 1) & (place < np.array([width, height]) - 2)).all(1)
        points = points[inside].astype(np.float32)
        # Sobel's sums are 8 times the slope.
        slopes = [cv2.Sobel(other, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
        sketched = np.dstack([other, *slopes])
        outlines.append((points + corner, at(distance, points), sketched, corner, weight))
    return outlines


def _signed_distance(mask: Mask) -> Field:
    """Pixels to the outline, positive inside; a mask at the border goes on beyond the border."""
    pad = 16  # farther than `_FAR`
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    inside, outside = (
        cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_5) for part in (wide, 1 - wide)
    )
    distance = np.where(inside > 0, inside - 0.5, 0.5 - outside)  # 0 between two pixels
    smooth = cv2.GaussianBlur(np.clip(distance, -_FAR, _FAR), (0, 0), 1.0)
    return smooth[pad:-pad, pad:-pad].astype(np.float32)


def _matches(
    photo: Face, sketch: Face, rough: Field, spacing: int
) -> tuple[Field, Field, Field] | None:
    """Patches of the photo, `spacing` apart, found in the sketch near their places by `rough`.

    For each: a row of the basis [M, C], the shift [M, 2] and its precision [M, 2, 2].

    Both tones and edges are compared. Tones alone would confuse an outline, which is a step in a
    photo and a line in a sketch; edges alone would be lost among hatching.
    """
    half, search, pad = _MATCH_HALF, _MATCH_SEARCH, _MATCH_HALF + _MATCH_SEARCH
    gray, drawn = (
        cv2.GaussianBlur(images.gray(face.image).astype(np.float32), (0, 0), 0.8)
        for face in (photo, sketch)
    )
    drawn = sampled(drawn, identity(gray.shape) + rough, cv2.INTER_LINEAR)
    gray, drawn = (
        cv2.copyMakeBorder(part, pad, pad, pad, pad, cv2.BORDER_REPLICATE) for part in (gray, drawn)
    )
    height, width = photo.labels.shape
    tones = Picture(gray, half)
    rows, columns = np.mgrid[half : height - half : spacing, half : width - half : spacing]
    clear = tones.spread(rows + pad, columns + pad) >= 2.0  # gray levels
    seen = clear & (photo.labels[rows, columns] != BACKGROUND)
    rows, columns = rows[seen], columns[seen]
    places = rows + pad, columns + pad
    edges, drawn_edges = (Picture(_steepness(part), half) for part in (gray, drawn))
    of_tones = correlations(tones, Picture(drawn, half), *places, search)
    of_edges = correlations(edges, drawn_edges, *places, search)
    good, peaks, precisions = _peaks((of_tones + of_edges) / 2)
    if not good.any():
        return None
    points = np.stack([columns, rows], 1).astype(np.float32)[good]
    shifts = peaks - search
    shifts = shifts + at(rough, points + shifts)  # in the original, not the roughly warped sketch
    rows = _basis(points, photo.labels.shape)
    return rows, shifts.astype(np.float32), precisions.astype(np.float32)


def _steepness(gray: Field) -> Field:
    """The length of a picture's slope at each pixel."""
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    # Not cv2.magnitude, whose last digits depend on the arguments' place in memory.
    return np.sqrt(across * across + down * down)


def _peaks(scores: Field) -> tuple[Mask, NDArray[Any], NDArray[Any]]:
    """Which correlations [M, S, S] have a peak [M]; the peaks' (x, y) [G, 2], curvatures [G, 2, 2].
    Places are finer than a pixel. Low peaks are left out, and peaks at the rim, beyond which a
    higher peak may lie."""
    count, side = scores.shape[:2]
    rows, columns = np.divmod(scores.reshape(count, side**2).argmax(1), side)
    top = scores[np.arange(count), rows, columns]
    good = (top >= 0.4) & (np.minimum(rows, columns) > 0)
    good &= np.maximum(rows, columns) < side - 1
    rows, columns, top = rows[good], columns[good], top[good]
    squares = sliding_window_view(scores, (3, 3), (1, 2))
    near = squares[np.flatnonzero(good), rows - 1, columns - 1]  # [G, 3, 3]
    slope = np.stack([near[:, 1, 2] - near[:, 1, 0], near[:, 2, 1] - near[:, 0, 1]], 1) / 2
    bend = np.empty((len(top), 2, 2))
    bend[:, 0, 0] = 2 * top - near[:, 1, 2] - near[:, 1, 0]
    bend[:, 1, 1] = 2 * top - near[:, 2, 1] - near[:, 0, 1]
    bend[:, 0, 1] = bend[:, 1, 0] = (
        near[:, 0, 2] + near[:, 2, 0] - near[:, 0, 0] - near[:, 2, 2]
    ) / 4
    values, directions = np.linalg.eigh(bend)
    values = np.maximum(values, 1e-3)  # along a line a peak has no curvature
    across = np.swapaxes(directions, 1, 2)
    step = (directions @ ((across @ slope[..., None]) / values[..., None]))[..., 0]
    # Along an axis, the peak of a parabola lies within 0.5 of the highest correlation.
    places = np.stack([columns, rows], 1) + np.clip(step, -0.7, 0.7)
    return good, places, top[:, None, None] * ((directions * values[:, None]) @ across)


def _within_regions(displacement: Field, photo: Face) -> Field:
    """The displacement in and around `feature_masks`, fading to zero around each."""
    share = np.zeros(displacement.shape[:2], np.float32)
    lengths = np.hypot(displacement[..., 0], displacement[..., 1])
    for mask in feature_masks(photo):
        far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        # It fades over 12 pixels, or over 2.5 times its length if that is more.
        part = np.clip(1 - far / max(12.0, 2.5 * lengths[mask].max()), 0, 1)
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
