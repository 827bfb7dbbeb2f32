"""Hair, skin and clothes inside the head mask, told apart by colour models and their usual places.

A Gaussian for each of the three is learned from the picture by expectation maximisation (Dempster,
Laird & Rubin 1977), started where the region is sure to be and held by a soft prior for place. The
line between neck and clothes is then a path through the columns (dynamic programming), because in
a sketch both are paper and only the collar's stroke tells.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.arrays import Field, Image, Mask
from photosketch.parsing.atlas import FaceFrame
from photosketch.parsing.head import grown, opened
from photosketch.parsing.lines import trace

_ROUNDS = 4
_ODD = 5.0  # log density below a model's best at which a pixel is no longer of its kind
_BARE = 1.5  # shoulders closer to skin than this, in standard deviations, may be bare
_THINNING = 2  # the models are learned from every second row and column


def split_head(image: Image, head: Mask, frame: FaceFrame) -> tuple[Mask, Mask, Mask]:
    """Hair, skin and clothes [H, W]: a partition of the head mask."""
    x, y = frame.coordinates(head.shape)
    y = y / frame.stretch
    features, noise = _features(image, frame)
    prior = _prior(x, y)
    likelihood = _log_likelihoods(features, noise, prior, head, x, y, frame)

    posterior = likelihood + np.log(prior)
    posterior = np.exp(np.clip(posterior - posterior.max(0), -12, 0))
    posterior /= posterior.sum(0)
    posterior *= head
    posterior = np.stack([cv2.GaussianBlur(p, (0, 0), frame.unit) for p in posterior])

    hair = _falling(head & (posterior[0] > posterior[1:].sum(0)), y, frame)
    hair = _main_hair(hair, head, y, frame)
    hair |= _halo(head & ~hair, y, frame)
    advantage = np.zeros(head.shape, np.float32)
    if image.ndim == 3:  # in a sketch neck and clothes are the same paper
        advantage = np.clip(likelihood[2] - likelihood[1], -2, 2) * (head & ~hair)
    collar = _collar(image, advantage, frame)  # [W] rows
    below = np.arange(len(head))[:, None] >= collar
    clothes = head & ~hair & below
    return hair, head & ~hair & ~clothes, clothes


def _features(image: Image, frame: FaceFrame) -> tuple[Field, float]:
    """What tells the regions apart [H, W, C], and the least variance it is to have."""
    if image.ndim == 3:
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
        return cv2.GaussianBlur(lab, (0, 0), frame.unit), 25.0
    gray = image.astype(np.float32)
    tone = cv2.GaussianBlur(gray, (0, 0), 1.7 * frame.unit)
    local = cv2.GaussianBlur(gray, (0, 0), 2.5 * frame.unit)
    square = cv2.GaussianBlur(gray * gray, (0, 0), 2.5 * frame.unit)
    strokes = np.sqrt(np.maximum(square - local**2, 0))
    return np.dstack([tone, strokes]), 60.0


def _prior(x: Field, y: Field) -> Field:
    """How likely hair, skin and clothes are at each place [3, H, W]; x and y in units."""
    side = np.abs(x)
    # Shadows at cheek and jaw are likelier than hair there; on the forehead only colours tell.
    certainty = 0.1 - 0.045 * _step(y - 8, 4)
    face = _step(1 - np.hypot(x / 56, (y - 19) / 68), certainty)
    neck = _step(34 - side, 3.5) * _step(y - 55, 4)
    ears = 0.6 * np.exp(-(((side - 62) / 10) ** 2) - ((y - 15) / 20) ** 2)
    skin = np.maximum(np.maximum(face, neck), ears)
    clothes = _step(y - 97 - 15 * _step(30 - side, 4), 3.5)
    hair = (1 - skin) * (1 - clothes) + 0.3 * _step(side - 34, 3) * clothes
    weights = np.stack([hair + 0.04, skin * (1 - clothes) + 0.04, clothes + 0.01])
    return (weights / weights.sum(0)).astype(np.float32)


def _step(distance: Field, width: Field | float) -> Field:
    """0 far below zero, 1 far above, in between over about `width` on both sides."""
    return 1 / (1 + np.exp(-np.clip(distance / width, -30, 30)))


def _log_likelihoods(
    features: Field, noise: float, prior: Field, head: Mask, x: Field, y: Field, frame: FaceFrame
) -> Field:
    """The log likelihood of each pixel as hair, skin and clothes [3, H, W], constants left out."""
    thin = np.zeros_like(head)
    thin[::_THINNING, ::_THINNING] = head[::_THINNING, ::_THINNING]
    padded = cv2.copyMakeBorder(head.astype(np.uint8), 1, 0, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:, 1:-1] / frame.unit
    face = np.hypot(x / 56, (y - 19) / 68) < 0.8
    # Dark features are left out of the skin, a light parting or forehead of the hair.
    cheeks = thin & face & (y > 7) & (y < 62)
    if cheeks.sum() <= 30:  # the picture ends below the eyes
        cheeks = thin & face
    skin = _gaussian(_between(features[cheeks], 0.25, 1), noise)
    crown = thin & (y < -37) & (depth > 2) & (depth < 14) & (np.abs(x) < 50)
    hair = _gaussian(_between(features[crown], 0, 0.75), noise) if crown.sum() > 30 else skin
    above = thin & (y < 95)
    values, place = features[above], np.log(prior[:2, above])  # [N, C], [2, N]
    for _ in range(_ROUNDS):
        share = np.stack([_log_density(values, *model) for model in (hair, skin)]) + place
        share = np.exp(share - share.max(0))
        share /= share.sum(0)
        hair, skin = (_gaussian(values, noise, weights + 1e-6) for weights in share)

    flat = features.reshape(-1, features.shape[2])
    as_hair, as_skin = (_log_density(flat, *model).reshape(head.shape) for model in (hair, skin))
    # What skin explains badly is clothes, and all the more what looks like the shoulders.
    odd = np.full(head.shape, as_skin.max() - _ODD, np.float32)
    shoulders = thin & (y > 103) & (np.abs(x) > 45) & (as_hair < odd)
    if shoulders.sum() > 30:
        worn = _gaussian(features[shoulders], noise)
        if _distance(worn[0], *skin) > _BARE:
            odd = np.maximum(odd, _log_density(flat, *worn).reshape(head.shape))
    return np.stack([as_hair, as_skin, odd])


def _between(values: Field, low: float, high: float) -> Field:
    """The rows [N, C] whose first column, lightness, lies between two quantiles."""
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


def _falling(hair: Mask, y: Field, frame: FaceFrame) -> Mask:
    """Hair without what lies at the shoulders and does not hang down from above: dark clothes."""
    low = frame.row(80 * frame.stretch, len(hair))
    falling = hair.copy()
    falling[low:] &= opened(hair, 2.5 * frame.unit)[low:]
    for row in range(low, len(hair)):
        above = falling[row - 1]
        if row % 2:  # locks may drift sideways by half a pixel a row
            above = above.copy()
            above[1:] |= falling[row - 1, :-1]
            above[:-1] |= falling[row - 1, 1:]
        falling[row] &= above
    return falling


def _distance(value: NDArray[Any], mean: NDArray[Any], covariance: NDArray[Any]) -> float:
    """How many standard deviations (Mahalanobis) a value [C] is from a Gaussian's mean."""
    return float(np.sqrt((value - mean) @ np.linalg.solve(covariance, value - mean)))


def _main_hair(hair: Mask, head: Mask, y: Field, frame: FaceFrame) -> Mask:
    """The pieces of hair that belong to the top or the rim of the head, holes in them filled."""
    rim = head & ~cv2.erode(head.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        opened(hair, frame.unit).astype(np.uint8), connectivity=4
    )
    large = stats[:, cv2.CC_STAT_AREA] >= 40 * frame.unit**2
    placed = np.zeros(len(stats), bool)
    placed[pieces[rim & (y < 62)]] = True
    placed[pieces[::_THINNING][(np.broadcast_to(y, head.shape) < -40)[::_THINNING]]] = True
    placed[0] = False
    core = (placed & large)[pieces]
    kept = hair & (cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (head & ~kept).astype(np.uint8), connectivity=4
    )
    small = stats[:, cv2.CC_STAT_AREA] < 60 * frame.unit**2
    small[0] = False
    return kept | small[pieces]


def _halo(rest: Mask, y: Field, frame: FaceFrame) -> Mask:
    """Slivers between hair and background, which are a blend of both and look like skin."""
    broad = grown(opened(rest, 2 * frame.unit), 3 * frame.unit)
    return rest & ~broad & (y < 75)


def _collar(image: Image, advantage: Field, frame: FaceFrame) -> NDArray[np.int64]:
    """The row of each column [W] from which on it is clothes (H: nowhere).

    `advantage` [H, W] says how much better clothes explain a pixel than skin. The path gains it
    below itself, likes a stroke or a change of colour, and keeps near a collar's usual place.
    """
    height, width = advantage.shape
    x, y = frame.coordinates(advantage.shape)
    y = y / frame.stretch
    top = frame.row(72 * frame.stretch, height)
    u = frame.unit
    values = image.reshape(height, width, -1).astype(np.float32)
    smooth = cv2.GaussianBlur(values, (0, 0), 1.2 * u).reshape(height, width, -1)
    reach = max(1, round(3 * u))
    above, below = (smooth[np.clip(np.arange(height) + s, 0, height - 1)] for s in (-reach, reach))
    change = np.abs(above - below).mean(2) / 25
    stroke = np.minimum(above, below).mean(2) - smooth.mean(2)
    edge = np.clip(np.maximum(change, stroke / 20), 0, 1.2)
    gained = np.cumsum(advantage[::-1], axis=0)[::-1]
    usual = 112 - 13 * np.clip(np.abs(x) / 38, 0, 1.3) ** 4
    score = 0.12 * gained + edge - 0.35 * np.clip((y - usual) / 10, -4, 4) ** 2
    score = np.concatenate([score[top:], score[-1:] - edge[-1:]])
    return top + trace(score.astype(np.float32), 0.15)
