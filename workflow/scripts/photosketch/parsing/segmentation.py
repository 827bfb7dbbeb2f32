"""Parsing of faces by segmentation: the head, then hair, skin and clothes, then the features.

From `head_mask` on, lengths are in units of the atlas, unless a line says otherwise.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.data.weights import PERSON_NETWORK, verify_weights
from photosketch.geometry.similarity import Similarity
from photosketch.parsing import atlas
from photosketch.parsing.atlas import EYE_DISTANCE, FaceFrame
from photosketch.parsing.features import find_features, trace
from photosketch.parsing.labels import CLOTHES, HAIR, SKIN

_CONTRAST = 110.0  # between ink and paper (0..255): a sketch with less is faint
_SIDE = 256  # pixels, of the network's square input
_NETWORK_LOCK = threading.Lock()  # one thread at a time may load or use the network
_THINNING = 2  # the models are learned from every second row and column
_FEWEST = 30  # pixels that a model can be learned from


def parse_segmentation(image: Image, points: Points) -> Labels:
    """Label a photo [H, W, 3] (RGB) or a sketch [H, W] by `CLASSES`: [H, W] uint8.

    `points` [5, 2] are (x, y) in pixels, in the order of `table.LANDMARK_NAMES`. They say where to
    look; the labels follow the pixels. The same picture always gives the same labels: OpenCV's
    random state is set.

    A face of about CUFS's size that is tilted by at most 5 degrees is parsed as it is, any other in
    a copy that is upright and of CUFS's size.
    """
    points = np.asarray(points, np.float32)
    assert image.dtype == np.uint8 and image.shape[2:] in ((), (3,)) and points.shape == (5, 2)
    (x, y), (across, down) = points[:2].mean(axis=0), points[1] - points[0]
    height, width = image.shape[:2]
    distance = float(np.hypot(across, down))
    if distance < 2 or not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"the eyes lie at {points[:2].tolist()}: not apart, or not in the image")
    usual_size = 0.8 <= distance / EYE_DISTANCE <= 1.25
    if usual_size and abs(np.degrees(np.arctan2(down, across))) <= 5:
        return _parse_upright(image, points)
    cosine, sine = np.array([across, down], np.float64) * EYE_DISTANCE / distance**2
    turn = np.array([[cosine, sine], [-sine, cosine]])
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)])
    corners = (corners @ turn.T).astype(np.float32)
    upright = Similarity(turn, -corners.min(0))
    size = np.ceil(np.ptp(corners, axis=0)).astype(int) + 1
    if upright.scale < 1:  # against aliasing
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / upright.scale)
    matrix, repeated = upright.array(), cv2.BORDER_REPLICATE
    copy = cv2.warpAffine(image, matrix, size.tolist(), borderMode=repeated)  # bilinear
    labels = _parse_upright(copy, upright(points).astype(np.float32))
    back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(labels, matrix, (width, height), flags=back, borderMode=repeated)


def _parse_upright(image: Image, points: Points) -> Labels:
    frame = FaceFrame.of(points)
    corners = turned_corners(image)
    if image.ndim == 2:
        image = _inked(image, frame)
    head = head_mask(image, frame, corners)
    regions = zip((HAIR, SKIN, CLOTHES), split_head(image, head, frame), strict=True)
    labels = np.zeros(head.shape, np.uint8)
    for label, mask in (*regions, *find_features(image, points, frame)):
        labels[mask & head] = label
    return labels


def _inked(sketch: Image, frame: FaceFrame) -> Image:
    """A sketch [H, W]; a faint one gets the contrast of a usual sketch."""
    x, y = frame.coordinates(sketch.shape)
    drawn = (np.abs(x) < 60) & (y > -60) & (y < 90)  # head and neck, with the paper around
    ink, paper = np.percentile(sketch[drawn], (2, 98))
    gain = _CONTRAST / max(paper - ink, _CONTRAST / 10)  # with more, grain would look like strokes
    if gain <= 1:
        return sketch
    return np.clip(250 - gain * (paper - sketch.astype(np.float32)), 0, 255).astype(np.uint8)


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.

    A small network (MediaPipe's selfie segmentation, Apache 2.0) finds the person. GrabCut (Rother,
    Kolmogorov & Blake 2004) corrects the outline by the colours on both sides. `fill` [H, W] is
    what `turned_corners` finds; it counts as background. Raises InputError if the network's file is
    missing or damaged.
    """
    colours = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    face = atlas.INNER_FACE.squared(*frame.coordinates(image.shape)) < 1
    height, width = image.shape[:2]
    # The network misses a face that the border cuts, unless the picture is mirrored there. It needs
    # to see 95 units to both sides of a face, and 115 below.
    sides = (95, frame.x), (95, width - frame.x), (115, height - frame.y)
    left, right, below = (max(0, round(far * frame.unit - side)) for far, side in sides)
    bust = cv2.copyMakeBorder(colours, 0, below, left, right, cv2.BORDER_REFLECT_101)
    likely = _person_probability(bust)[:height, left : left + width]
    head = _cut(colours, (likely > 0.5) & ~fill | face, face, fill, frame)
    if image.ndim == 3:  # the network imagines shoulders below a person cut out on white
        head &= (image.min(2) < 253) | face
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(head) & ~fill)
    column = int(np.clip(round(frame.x), 0, width - 1))
    return pieces == pieces[frame.row(20, height), column]  # the middle of the face


def _person_probability(image: Image) -> Field:
    """How likely each pixel of a picture [H, W, 3] (RGB) shows a person: [H, W], 0 to 1. The mean
    of the picture and its mirror image. The same for every number of threads."""
    how = cv2.INTER_AREA if max(image.shape) > _SIDE else cv2.INTER_LINEAR
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=how).astype(np.float32) / 255
    seen = []
    with _NETWORK_LOCK:
        for side in (small, small[:, ::-1]):
            _network().setInput(np.ascontiguousarray(side.transpose(2, 0, 1)[None]))
            seen.append(_network().forward().reshape(_SIDE, _SIDE))
    mean = (seen[0] + seen[1][:, ::-1]) / 2
    return cv2.resize(mean, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


@cache
def _network() -> cv2.dnn.Net:
    verify_weights(PERSON_NETWORK, Path(PERSON_NETWORK.path))
    return cv2.dnn.readNetFromTFLite(PERSON_NETWORK.path, cv2.dnn.ENGINE_CLASSIC)


def _cut(colours: Image, person: Mask, face: Mask, fill: Mask, frame: FaceFrame) -> Mask:
    """The person, corrected by GrabCut in a band of 6 units to both sides of the outline."""
    trimap = np.where(person, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[~grown(~person, 6 * frame.unit) | face] = cv2.GC_FGD
    trimap[~grown(person, 6 * frame.unit) | fill] = cv2.GC_BGD
    if not {cv2.GC_FGD, cv2.GC_BGD} <= set(trimap.flat):
        return person  # a close-up: one side has no pixels to learn colours from
    # The colour models: 5 Gaussians, each a weight, a mean [3] and a covariance [3, 3].
    behind, front = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)  # the models start from OpenCV's random numbers
    no_rectangle = (0, 0, 1, 1)  # ignored if there is a mask
    cv2.grabCut(colours, trimap, no_rectangle, behind, front, 3, cv2.GC_INIT_WITH_MASK)
    return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)


def turned_corners(image: Image) -> Mask:
    """The black wedges along the borders [H, W] of a picture that was rotated. Unlike black hair or
    clothes, a wedge has a straight inner edge: seen from the border, the ends of its runs of black
    lie on a line."""
    black = images.gray(image) <= 14
    sides = [np.rot90(_wedge_on_top(np.rot90(black, turns)), -turns) for turns in range(4)]
    return np.logical_or.reduce(sides)


def _wedge_on_top(black: Mask) -> Mask:
    """The wedge along the top border of a picture, as a mask."""
    height, width = black.shape
    run = np.logical_and.accumulate(black).sum(0)  # [W], lengths from the top
    # A longer run is hair or clothes.
    columns = np.flatnonzero((run >= 2) & (run < 0.35 * height))
    needed = max(0.15 * max(height, width), 0.6 * len(columns))
    if len(columns) < needed:
        return np.zeros_like(black)
    # Of the lines through the ends of two runs, the one that most runs agree with. They are tried
    # between each two of 24 columns. The steepest is that of a rotation by 19 degrees.
    ends = columns[np.linspace(0, len(columns) - 1, 24).astype(int)]
    i, j = (ends[k] for k in np.triu_indices(len(ends), 1))
    slope = (run[j] - run[i]) / np.maximum(j - i, 1)
    tried = (j - i >= 0.08 * width) & (np.abs(slope) <= 0.35)
    i, slope = i[tried], slope[tried]
    lines = run[i, None] + slope[:, None] * (columns - i[:, None])  # [lines, columns]
    agreeing = (np.abs(lines - run[columns]) < 1.2).sum(1)
    if agreeing.max(initial=0) < needed:
        return np.zeros_like(black)
    best = agreeing.argmax()
    line = run[i[best]] + slope[best] * (np.arange(width) - i[best])
    # Fill and picture blend in a seam of 1.5 pixels.
    depth = np.where(line < 0.5, 0, np.ceil(line + 1.5))
    return np.arange(height)[:, None] < depth


def grown(mask: Mask, reach: float) -> Mask:
    """A mask dilated by a disc of the radius `reach` in pixels."""
    return cv2.dilate(mask.astype(np.uint8), _disc(reach)) > 0


def opened(mask: Mask, reach: float) -> Mask:
    """A mask without the parts that a disc of the radius `reach` in pixels does not fit into."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(reach)) > 0


def _disc(reach: float) -> Image:
    size = 2 * max(1, round(reach)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def split_head(image: Image, head: Mask, frame: FaceFrame) -> tuple[Mask, Mask, Mask]:
    """Hair, skin and clothes [H, W]: a partition of the head mask.

    A Gaussian for each is learned from the picture by expectation maximisation (Dempster, Laird &
    Rubin 1977). It starts from pixels that surely belong to the region, and a soft prior for place
    guides it.
    """
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
    itself, follows a stroke or a change of colour (in a sketch, neck and clothes are the same paper
    and only the stroke of the collar separates them), and stays near a collar's usual place."""
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
