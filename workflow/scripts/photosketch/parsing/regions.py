"""Hair, skin and clothes inside the head mask, told apart by colour models and their usual places.

A Gaussian for each of the three is learned from the picture by expectation maximisation (Dempster,
Laird & Rubin 1977). It starts from pixels that surely belong to the region, and a soft prior for
place guides it. The line between neck and clothes is then a path through the columns (dynamic
programming), because in a sketch both are paper and only the stroke of the collar separates them.

Lengths are in units of the atlas, unless a line says otherwise.
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

_THINNING = 2  # the models are learned from every second row and column
_FEWEST = 30  # pixels that a model can be learned from


def split_head(image: Image, head: Mask, frame: FaceFrame) -> tuple[Mask, Mask, Mask]:
    """Hair, skin and clothes [H, W]: a partition of the head mask."""
    x, y = frame.coordinates(head.shape)
    y = y / frame.stretch
    features, noise = _features(image, frame)
    prior = _prior(x, y)
    likelihood = _log_likelihoods(features, noise, prior, head, x, y, frame)

    posterior = likelihood + np.log(prior)
    posterior = np.exp(np.clip(posterior - posterior.max(0), -12, 0))  # below counts as impossible
    posterior /= posterior.sum(0)
    posterior *= head
    posterior = np.stack([cv2.GaussianBlur(p, (0, 0), frame.unit) for p in posterior])

    hair = _falling(head & (posterior[0] > posterior[1:].sum(0)), frame)
    hair = _main_hair(hair, head, y, frame)
    # A sliver between hair and background is a blend of both and looks like skin.
    rest = head & ~hair
    broad = grown(opened(rest, 2 * frame.unit), 3 * frame.unit)
    hair |= rest & ~broad & (y < 75)
    rest = head & ~hair
    advantage = np.zeros(head.shape, np.float32)
    if image.ndim == 3:  # in a sketch neck and clothes are the same paper
        advantage = rest * np.clip(likelihood[2] - likelihood[1], -2, 2)
    below = np.arange(len(head))[:, None] >= _collar(image, advantage, frame)
    return hair, rest & ~below, rest & below


def _features(image: Image, frame: FaceFrame) -> tuple[Field, float]:
    """What tells the regions apart [H, W, C]: colours in a photo, tone and strokes in a sketch. And
    the least variance of a model, in squared gray levels."""
    if image.ndim == 3:
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
        return cv2.GaussianBlur(lab, (0, 0), frame.unit), 25.0
    gray = image.astype(np.float32)
    tone = cv2.GaussianBlur(gray, (0, 0), 1.7 * frame.unit)
    local = cv2.GaussianBlur(gray, (0, 0), 2.5 * frame.unit)
    square = cv2.GaussianBlur(gray * gray, (0, 0), 2.5 * frame.unit)
    return np.dstack([tone, np.sqrt(np.maximum(square - local**2, 0))]), 60.0


def _prior(x: Field, y: Field) -> Field:
    """How likely hair, skin and clothes are at each place [3, H, W]; x and y in units."""
    side = np.abs(x)
    # At cheek and jaw, shadow is likelier than hair; on the forehead only colours decide.
    blur = 0.1 - 0.045 * _step(y - 8, 4)
    face = _step(1 - atlas.FACE.distance(x, y), blur)
    neck = _step(34 - side, 3.5) * _step(y - 55, 4)
    ears = 0.6 * np.exp(-atlas.EAR.squared(side, y))
    skin = np.maximum(np.maximum(face, neck), ears)
    neckline = 15 * _step(30 - side, 4)  # how much lower the clothes begin at the throat
    clothes = _step(y - 97 - neckline, 3.5)
    hair = (1 - skin) * (1 - clothes) + 0.3 * _step(side - 34, 3) * clothes
    # Hair and skin are possible anywhere.
    weights = np.stack([hair + 0.04, skin * (1 - clothes) + 0.04, clothes + 0.01])
    return (weights / weights.sum(0)).astype(np.float32)


def _step(distance: Field, width: Field | float) -> Field:
    """The logistic function of distance / width: 0 far below zero, 1 far above."""
    return 1 / (1 + np.exp(-np.clip(distance / width, -30, 30)))  # the exponential cannot overflow


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
    cheeks = thin & face & (y > 7) & (y < 62)  # below brows and eyes
    if cheeks.sum() <= _FEWEST:  # the picture ends below the eyes
        cheeks = thin & face
    # The darkest quarter of the cheeks may be shadow, the lightest of the crown a parting.
    hair = skin = _gaussian(_between(features[cheeks], 0.25, 1), noise)
    crown = thin & (np.abs(x) < 50) & (y < -37) & (depth > 2) & (depth < 14)
    if crown.sum() > _FEWEST:
        hair = _gaussian(_between(features[crown], 0, 0.75), noise)
    above = thin & (y < 95)  # there are only hair and skin
    values, place = features[above], np.log(prior[:2, above])  # [N, C], [2, N]
    for _ in range(4):
        share = np.stack([_log_density(values, *model) for model in (hair, skin)]) + place
        share = np.exp(share - share.max(0))
        share /= share.sum(0)
        hair, skin = (_gaussian(values, noise, weights + 1e-6) for weights in share)

    flat = features.reshape(-1, features.shape[2])
    as_hair, as_skin = (_log_density(flat, *model).reshape(head.shape) for model in (hair, skin))
    # A pixel that skin explains badly is clothes, and so is a pixel that looks like the shoulders.
    odd = np.full(head.shape, as_skin.max() - 5, np.float32)
    shoulders = thin & (y > 103) & (np.abs(x) > 45) & (as_hair < odd)
    if shoulders.sum() > _FEWEST:
        worn = _gaussian(features[shoulders], noise)
        off, covariance = worn[0] - skin[0], skin[1]
        # By their Mahalanobis distance; shoulders that are closer to skin may be bare.
        if np.sqrt(off @ np.linalg.solve(covariance, off)) > 1.5:
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
    low = frame.row(80 * frame.stretch, len(hair))
    falling = hair.copy()
    falling[low:] &= opened(hair, 2.5 * frame.unit)[low:]
    for row in range(low, len(hair)):
        above = falling[row - 1].copy()
        if row % 2:  # locks may drift sideways by half a pixel a row
            above[1:] |= falling[row - 1, :-1]
            above[:-1] |= falling[row - 1, 1:]
        falling[row] &= above
    return falling


def _main_hair(hair: Mask, head: Mask, y: Field, frame: FaceFrame) -> Mask:
    """The pieces of hair that belong to the top or the rim of the head, with their holes filled."""
    rim = head & ~cv2.erode(head.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    pieces, areas = _pieces(opened(hair, frame.unit))
    placed = np.zeros(len(areas), bool)
    placed[pieces[rim & (y < 62)]] = True
    top = np.broadcast_to(y < -40, head.shape)
    placed[pieces[::_THINNING][top[::_THINNING]]] = True
    placed[0] = False
    core = (placed & (areas >= 40 * frame.unit**2))[pieces].astype(np.uint8)
    # Opening removed pixels at the border of the pieces.
    main = hair & (cv2.dilate(core, np.ones((5, 5), np.uint8)) > 0)
    pieces, areas = _pieces(head & ~main)
    small = areas < 60 * frame.unit**2
    small[0] = False
    return main | small[pieces]


def _pieces(mask: Mask) -> tuple[NDArray[Any], NDArray[Any]]:
    """The number of each pixel's connected piece [H, W], 0 outside; the pieces' areas in pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return pieces, stats[:, cv2.CC_STAT_AREA]


def _collar(image: Image, advantage: Field, frame: FaceFrame) -> NDArray[np.int64]:
    """The row in each column [W] at which clothes begin (H: no clothes). `advantage` [H, W] says
    how much better clothes explain a pixel than skin does. The path gains the advantage below
    itself, follows a stroke or a change of colour, and stays near a collar's usual place."""
    height, width = advantage.shape
    x, y = frame.coordinates(advantage.shape)
    y = y / frame.stretch
    top = frame.row(72 * frame.stretch, height)  # no collar reaches higher
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2 * frame.unit)
    smooth = smooth.reshape(height, width, -1)
    reach = max(1, round(3 * frame.unit))
    above, below = (smooth[np.clip(np.arange(height) + s, 0, height - 1)] for s in (-reach, reach))
    change = np.abs(above - below).mean(2) / 25  # gray levels
    stroke = (np.minimum(above, below).mean(2) - smooth.mean(2)) / 20
    edge = np.clip(np.maximum(change, stroke), 0, 1.2)
    gained = np.cumsum(advantage[::-1], axis=0)[::-1]
    # A collar is flat at the throat and steep at the sides of the neck.
    usual = 112.0 - 13.0 * np.clip(np.abs(x) / 38.0, 0, 1.3) ** 4
    off = np.clip((y - usual) / 10, -4, 4)
    score = 0.12 * gained + edge - 0.35 * off**2
    score = np.concatenate([score[top:], score[-1:] - edge[-1:]])
    return top + trace(score.astype(np.float32), stiffness=0.15)
