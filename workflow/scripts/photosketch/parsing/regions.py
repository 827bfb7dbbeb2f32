"""Hair, skin and clothes inside the head mask, told apart by colour models and their usual places.

A Gaussian for each of the three is learned from the picture by expectation maximisation (Dempster,
Laird & Rubin 1977). It starts from pixels that surely belong to the region, and a soft prior for
place guides it. The line between neck and clothes is then a path through the columns (dynamic
programming), because in a sketch both are paper and only the stroke of the collar separates them.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data.array_types import Field, Image, Mask
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.head import grown, opened
from photosketch.parsing.lines import trace

# Lengths are in units, unless a line says otherwise.

# What tells hair, skin and clothes apart: colours in a photo, tone and strokes in a sketch.
_TONE_BLUR = 1.7
_STROKES_BLUR = 2.5  # of the window in which the strength of strokes is measured
_COLOUR_NOISE, _GRAY_NOISE = 25.0, 60.0  # the least variance in photo and sketch, squared levels
_LEAST_PRIOR = 0.04  # of hair and skin, which are possible anywhere
_LEAST_CLOTHES = 0.01

# The colour models.
_ROUNDS = 4  # of expectation and maximisation
_THINNING = 2  # the models are learned from every second row and column
_FEWEST = 30  # pixels that a model can be learned from
_SKIN_LIGHTNESS = (0.25, 1)  # quantiles: the darkest quarter of the cheeks may be shadow
_HAIR_LIGHTNESS = (0, 0.75)  # quantiles: the lightest quarter of the crown may be a parting
_LEAST_WEIGHT = 1e-6  # so that no model is learned from nothing
_ODD = 5.0  # a log density this far below a model's best is as likely for clothes
_BARE = 1.5  # shoulders closer to skin than this, in standard deviations, may be bare
_IMPOSSIBLE = -12  # a log posterior this far below the best counts as none
_MOST_ADVANTAGE = 2  # of clothes over skin in a pixel, in log likelihood

# Which hair belongs to the head.
_LOCK = 2.5  # half the least width of hair that hangs down to the shoulders
_LEAST_HAIR = 40  # square units
_LARGEST_HOLE = 60  # square units
_RIM_KERNEL = (3, 3)  # pixels: the rim is a pixel wide
_HAIR_KERNEL = (5, 5)  # pixels: restores the pixels that opening a piece removes
_SLIVER = 2  # half the largest width of a sliver between hair and background
_SLIVER_REACH = 3  # how far the skin beside a sliver reaches

# The path of the collar.
_EDGE_BLUR = 1.2
_EDGE_REACH = 3  # an edge is compared with the pixels this far above and below
_CHANGE, _STROKE = 25, 20  # gray levels that count 1: of a change of colour, of a stroke
_CLEAREST_EDGE = 1.2  # more counts as this
_ADVANTAGE_WEIGHT = 0.12
_PLACE_WEIGHT = 0.35  # of the squared distance from the usual place
_PLACE_SPREAD = 10  # the unit of that distance
_FARTHEST = 4  # the most of that distance
_STIFFNESS = 0.15  # what a step by one row costs


def split_head(image: Image, head: Mask, frame: FaceFrame) -> tuple[Mask, Mask, Mask]:
    """Hair, skin and clothes [H, W]: a partition of the head mask."""
    x, y = frame.coordinates(head.shape)
    y = y / frame.stretch
    features, noise = _features(image, frame)
    prior = _prior(x, y)
    likelihood = _log_likelihoods(features, noise, prior, head, x, y, frame)

    posterior = likelihood + np.log(prior)
    posterior = np.exp(np.clip(posterior - posterior.max(0), _IMPOSSIBLE, 0))
    posterior /= posterior.sum(0)
    posterior *= head
    posterior = np.stack([cv2.GaussianBlur(p, (0, 0), frame.unit) for p in posterior])

    hair = _falling(head & (posterior[0] > posterior[1:].sum(0)), frame)
    hair = _main_hair(hair, head, y, frame)
    # A sliver between hair and background is a blend of both and looks like skin.
    rest = head & ~hair
    broad = grown(opened(rest, _SLIVER * frame.unit), _SLIVER_REACH * frame.unit)
    hair |= rest & ~broad & (y < atlas.HALO_END)
    rest = head & ~hair
    advantage = np.zeros(head.shape, np.float32)
    if image.ndim == 3:  # in a sketch neck and clothes are the same paper
        advantage = np.clip(likelihood[2] - likelihood[1], -_MOST_ADVANTAGE, _MOST_ADVANTAGE)
        advantage *= rest
    below = np.arange(len(head))[:, None] >= _collar(image, advantage, frame)
    return hair, rest & ~below, rest & below


def _features(image: Image, frame: FaceFrame) -> tuple[Field, float]:
    """The features [H, W, C] that tell the regions apart, and the least variance of a model."""
    if image.ndim == 3:
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
        return cv2.GaussianBlur(lab, (0, 0), frame.unit), _COLOUR_NOISE
    gray = image.astype(np.float32)
    tone = cv2.GaussianBlur(gray, (0, 0), _TONE_BLUR * frame.unit)
    local = cv2.GaussianBlur(gray, (0, 0), _STROKES_BLUR * frame.unit)
    square = cv2.GaussianBlur(gray * gray, (0, 0), _STROKES_BLUR * frame.unit)
    strokes = np.sqrt(np.maximum(square - local**2, 0))
    return np.dstack([tone, strokes]), _GRAY_NOISE


def _prior(x: Field, y: Field) -> Field:
    """How likely hair, skin and clothes are at each place [3, H, W]; x and y in units."""
    side = np.abs(x)
    # At cheek and jaw, shadow is likelier than hair; on the forehead only colours decide.
    blur = atlas.FOREHEAD_BLUR - atlas.CHEEK_BLUR_LESS * atlas.FOREHEAD_END.beyond(y)
    face = atlas.step(1 - atlas.FACE.distance(x, y), blur)
    neck = atlas.NECK_SIDE.before(side) * atlas.NECK_TOP.beyond(y)
    ears = atlas.EAR_SHOWS * np.exp(-atlas.EAR.squared(side, y))
    skin = np.maximum(np.maximum(face, neck), ears)
    neckline = atlas.NECKLINE_DEPTH * atlas.NECKLINE_SIDE.before(side)
    clothes = atlas.step(y - atlas.CLOTHES_TOP - neckline, atlas.CLOTHES_TOP_BLUR)
    long_hair = atlas.LONG_HAIR_SHOWS * atlas.LONG_HAIR_SIDE.beyond(side)
    hair = (1 - skin) * (1 - clothes) + long_hair * clothes
    weights = np.stack(
        [hair + _LEAST_PRIOR, skin * (1 - clothes) + _LEAST_PRIOR, clothes + _LEAST_CLOTHES]
    )
    return (weights / weights.sum(0)).astype(np.float32)


def _log_likelihoods(
    features: Field, noise: float, prior: Field, head: Mask, x: Field, y: Field, frame: FaceFrame
) -> Field:
    """The log likelihood of each pixel as hair, skin and clothes [3, H, W], without constants."""
    thin = np.zeros_like(head)
    thin[::_THINNING, ::_THINNING] = head[::_THINNING, ::_THINNING]
    padded = cv2.copyMakeBorder(head.astype(np.uint8), 1, 0, 1, 1, cv2.BORDER_CONSTANT)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_3)
    depth = distances[1:, 1:-1] / frame.unit  # the head goes on below the picture
    face = atlas.FACE.distance(x, y) < atlas.FACE_CORE
    cheeks = thin & face & atlas.CHEEKS.inside(x, y)
    if cheeks.sum() <= _FEWEST:  # the picture ends below the eyes
        cheeks = thin & face
    skin = _gaussian(_between(features[cheeks], *_SKIN_LIGHTNESS), noise)
    shallow, deep = atlas.CROWN_DEPTHS
    crown = thin & atlas.CROWN.inside(x, y) & (depth > shallow) & (depth < deep)
    hair = skin
    if crown.sum() > _FEWEST:
        hair = _gaussian(_between(features[crown], *_HAIR_LIGHTNESS), noise)
    above = thin & (y < atlas.CLOTHES_FREE)
    values, place = features[above], np.log(prior[:2, above])  # [N, C], [2, N]
    for _ in range(_ROUNDS):
        share = np.stack([_log_density(values, *model) for model in (hair, skin)]) + place
        share = np.exp(share - share.max(0))
        share /= share.sum(0)
        hair, skin = (_gaussian(values, noise, weights + _LEAST_WEIGHT) for weights in share)

    flat = features.reshape(-1, features.shape[2])
    as_hair, as_skin = (_log_density(flat, *model).reshape(head.shape) for model in (hair, skin))
    # A pixel that skin explains badly is clothes, and so is a pixel that looks like the shoulders.
    odd = np.full(head.shape, as_skin.max() - _ODD, np.float32)
    beside = (y > atlas.WORN_TOP) & (np.abs(x) > atlas.WORN_SIDE)
    shoulders = thin & beside & (as_hair < odd)
    if shoulders.sum() > _FEWEST:
        worn = _gaussian(features[shoulders], noise)
        off, covariance = worn[0] - skin[0], skin[1]
        if np.sqrt(off @ np.linalg.solve(covariance, off)) > _BARE:  # Mahalanobis distance
            odd = np.maximum(odd, _log_density(flat, *worn).reshape(head.shape))
    return np.stack([as_hair, as_skin, odd])


def _between(values: Field, low: float, high: float) -> Field:
    """The rows [N, C] whose first column, the lightness, lies between two quantiles."""
    least, most = np.quantile(values[:, 0], [low, high])
    return values[(values[:, 0] >= least) & (values[:, 0] <= most)]


def _gaussian(
    values: Field, noise: float, weights: Field | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The mean [C] and the covariance [C, C], at least `noise` in any direction, of rows [N, C]."""
    shares = np.full(len(values), 1 / len(values)) if weights is None else weights / weights.sum()
    mean = shares @ values
    centred = values - mean
    return mean, (centred * shares[:, None]).T @ centred + noise * np.eye(values.shape[1])


def _log_density(values: Field, mean: NDArray[Any], covariance: NDArray[Any]) -> NDArray[Any]:
    """The log density of a Gaussian at each row [N, C], without its constant."""
    root = np.linalg.cholesky(covariance)
    whitened = ((values - mean) @ np.linalg.inv(root).T).astype(np.float32)
    return -0.5 * (whitened**2).sum(1) - np.float32(np.log(np.diag(root)).sum())


def _falling(hair: Mask, frame: FaceFrame) -> Mask:
    """Hair without pixels at the shoulders that do not hang down from above: dark clothes."""
    low = frame.row(atlas.HANGING * frame.stretch, len(hair))
    falling = hair.copy()
    falling[low:] &= opened(hair, _LOCK * frame.unit)[low:]
    for row in range(low, len(hair)):
        above = falling[row - 1]
        if row % 2:  # locks may drift sideways by half a pixel a row
            above = above.copy()
            above[1:] |= falling[row - 1, :-1]
            above[:-1] |= falling[row - 1, 1:]
        falling[row] &= above
    return falling


def _main_hair(hair: Mask, head: Mask, y: Field, frame: FaceFrame) -> Mask:
    """The pieces of hair that belong to the top or the rim of the head, with their holes filled."""
    rim = head & ~cv2.erode(head.astype(np.uint8), np.ones(_RIM_KERNEL, np.uint8)).astype(bool)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        opened(hair, frame.unit).astype(np.uint8), connectivity=4
    )
    large = stats[:, cv2.CC_STAT_AREA] >= _LEAST_HAIR * frame.unit**2
    placed = np.zeros(len(stats), bool)
    placed[pieces[rim & (y < atlas.HAIR_RIM_END)]] = True
    top = np.broadcast_to(y < atlas.HAIR_TOP, head.shape)
    placed[pieces[::_THINNING][top[::_THINNING]]] = True
    placed[0] = False
    core = (placed & large)[pieces]
    main = hair & (cv2.dilate(core.astype(np.uint8), np.ones(_HAIR_KERNEL, np.uint8)) > 0)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (head & ~main).astype(np.uint8), connectivity=4
    )
    small = stats[:, cv2.CC_STAT_AREA] < _LARGEST_HOLE * frame.unit**2
    small[0] = False
    return main | small[pieces]


def _collar(image: Image, advantage: Field, frame: FaceFrame) -> NDArray[np.int64]:
    """The row in each column [W] at which clothes begin (H: no clothes).

    `advantage` [H, W] says how much better clothes explain a pixel than skin does. The path gains
    the advantage below itself, follows a stroke or a change of colour, and stays near a collar's
    usual place.
    """
    height, width = advantage.shape
    x, y = frame.coordinates(advantage.shape)
    y = y / frame.stretch
    top = frame.row(atlas.COLLAR_TOP * frame.stretch, height)
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), _EDGE_BLUR * frame.unit)
    smooth = smooth.reshape(height, width, -1)
    reach = max(1, round(_EDGE_REACH * frame.unit))
    above, below = (smooth[np.clip(np.arange(height) + s, 0, height - 1)] for s in (-reach, reach))
    change = np.abs(above - below).mean(2) / _CHANGE
    stroke = np.minimum(above, below).mean(2) - smooth.mean(2)
    edge = np.clip(np.maximum(change, stroke / _STROKE), 0, _CLEAREST_EDGE)
    gained = np.cumsum(advantage[::-1], axis=0)[::-1]
    off = np.clip((y - atlas.collar(x)) / _PLACE_SPREAD, -_FARTHEST, _FARTHEST)
    score = _ADVANTAGE_WEIGHT * gained + edge - _PLACE_WEIGHT * off**2
    score = np.concatenate([score[top:], score[-1:] - edge[-1:]])
    return top + trace(score.astype(np.float32), _STIFFNESS)
