"""The head mask of a face picture: everything that is not background, by GrabCut.

Rother, Kolmogorov & Blake 2004, "GrabCut", cuts a picture in two by colour models of both sides.
White faces on white paper have no colours to tell apart, so the cut is prepared here: the plain
background is modelled from the picture's margins and flooded from its borders; what the flood
cannot reach is the person, and the cut only settles the seam between the two.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.arrays import Field, Image, Mask
from photosketch.parsing.atlas import FaceFrame

_BLACK = 14  # at most this dark (0..255) is the fill that turning a picture leaves at its borders
_BARRIER = 3.5  # how unlike the background, in standard deviations, a pixel stops the flood
_SLOPE = 0.5  # how many standard deviations the unlikeness changes in a unit at an edge
_FLATNESS = (0.01, 0.01, 0.002, 0.002)  # how strongly the background's slopes and bends are damped
_LOOSER = (1.0, 1.8)  # the barrier's factors, tried until the flood covers the margins
_COVERED = 0.55  # of the margins, at least, by a flood that can be trusted
_LEAKED = 0.35  # of a head's usual place, at most


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.

    `fill` [H, W], the corners that `turned_corners` finds, counts as background.
    """
    shape = image.shape[:2]
    x, y = frame.coordinates(shape)
    unlike, background = _unlikeness(image, frame, fill)
    face = (x / 36) ** 2 + ((y - 22) / 50) ** 2 < 1
    shoulder_row = frame.row(78, shape[0])
    seeds = np.zeros(shape, bool)
    seeds[0] = True
    seeds[: frame.row(75, shape[0]), [0, -1]] = True

    outside = _reachable(unlike, face, fill, frame, seeds)
    if outside is None:
        trimap = _guessed_trimap(x, y, face)
    else:
        trimap = _flooded_trimap(*outside, unlike, frame, face)
    trimap[face] = cv2.GC_FGD
    trimap[fill] = cv2.GC_BGD
    head = _cut(_cut_features(image, background, fill, frame), trimap, 2 if outside else 5)
    head = _piece_at(head, frame.row(20, shape[0]), round(frame.x))
    # Whatever the outside cannot flood is part of the head: holes, and clothes as light as paper.
    return ~_flood(~head, seeds, shoulder_row) & ~fill


def turned_corners(image: Image) -> Mask:
    """The black wedges along the borders [H, W] that turning a picture has filled in.

    A wedge is told from black hair or clothes by its straight inner edge: seen from its border, the
    lengths of the black runs lie on a line.
    """
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    wedges = np.zeros(gray.shape, bool)
    for turns in range(4):
        black = np.rot90(gray <= _BLACK, turns)
        wedges |= np.rot90(_wedge_on_top(black), -turns)
    return wedges


def _wedge_on_top(black: Mask) -> Mask:
    """The wedge along the top border of a picture, as a mask."""
    height, width = black.shape
    run = np.where(black.all(0), height, black.argmin(0))
    columns = np.flatnonzero((run >= 2) & (run < 0.35 * height))
    needed = 0.15 * max(height, width)
    if len(columns) < needed:
        return np.zeros_like(black)
    # The line that most run lengths agree on, among the lines through pairs of a few of them.
    picked = columns[np.linspace(0, len(columns) - 1, 24).astype(int)]
    i, j = (picked[k] for k in np.triu_indices(len(picked), 1))
    apart = j - i >= 0.08 * width
    i, j = i[apart], j[apart]
    slope = (run[j] - run[i]) / (j - i)
    i, slope = i[np.abs(slope) <= 0.35], slope[np.abs(slope) <= 0.35]
    if not len(i):
        return np.zeros_like(black)
    lines = run[i, None] + slope[:, None] * (columns - i[:, None])  # [lines, columns]
    agreeing = (np.abs(lines - run[columns]) < 1.2).sum(1)
    best = int(agreeing.argmax())
    if agreeing[best] < max(needed, 0.6 * len(columns)):
        return np.zeros_like(black)
    line = run[i[best]] + slope[best] * (np.arange(width) - i[best])
    depth = np.where(line < 0.5, 0, np.ceil(line + 1.5))
    return np.arange(height)[:, None] < depth


def _unlikeness(image: Image, frame: FaceFrame, fill: Mask) -> tuple[Field, Image]:
    """How many standard deviations each pixel is from the background [H, W], and that background.

    The background is a smooth surface in Lab (or gray) fitted to the margins around the head,
    which the head may cover in part: values far from the surface are left out again and again.
    """
    shape = image.shape[:2]
    x, y = frame.coordinates(shape)
    colours = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    blurred = cv2.GaussianBlur(colours.astype(np.float32), (0, 0), 0.7 * frame.unit)
    values = blurred.reshape(*shape, -1)
    around_fill = grown(fill, 2)
    margins = ((x / 72) ** 2 + ((y - 5) / 105) ** 2 > 1) & (y < 40) & ~around_fill
    sides = margins.copy()
    sides[:, round(0.12 * shape[1]) : round(0.88 * shape[1])] = False
    if sides.sum() < 50:  # a close-up: hardly any background to learn from
        return np.full(shape, np.inf, np.float32), image

    height, width = shape
    across = np.arange(width, dtype=np.float32) / width - 0.5
    down = np.arange(height, dtype=np.float32) / height - 0.5
    terms = np.stack(
        np.broadcast_arrays(1, across, down[:, None], across**2, down[:, None] ** 2), axis=2
    ).astype(np.float32)  # [H, W, 5]
    sample, design = values[margins][::5], terms[margins][::5]  # [N, C], [N, 5]
    surface = np.zeros((5, values.shape[2]), np.float32)
    surface[0] = np.median(values[sides], axis=0)
    least = 2.0 if image.ndim == 3 else 3.2  # paper has grain and smudges
    spread = np.full(values.shape[2], 7.0, np.float32)
    for _ in range(4):
        close = (np.abs(sample - design @ surface) < 3 * spread + 3).all(1)
        if close.sum() < 50:
            break
        kept = design[close]
        flat = np.diag([0, *_FLATNESS]) * close.sum()
        surface = np.linalg.solve(kept.T @ kept + flat, kept.T @ sample[close]).astype(np.float32)
        residuals = np.abs(sample[close] - kept @ surface)
        spread = np.clip(1.48 * np.median(residuals, axis=0), least, 6.0).astype(np.float32)
    fitted = terms @ surface
    unlike = np.sqrt((((values - fitted) / spread) ** 2).sum(2))
    unlike[around_fill] = 0
    painted = np.clip(fitted, 0, 255).astype(np.uint8)
    if image.ndim == 2:
        return unlike, painted[..., 0]
    return unlike, cv2.cvtColor(painted, cv2.COLOR_LAB2RGB)


def _reachable(
    unlike: Field, face: Mask, fill: Mask, frame: FaceFrame, seeds: Mask
) -> tuple[Mask, Mask] | None:
    """What the background floods from the borders: through any gap, and through wide gaps alone.

    None where no flood covers the margins around the head, for the background is not plain, or
    where it leaks into the head.
    """
    x, y = frame.coordinates(unlike.shape)
    low = frame.row(78, len(unlike))
    margins = ((x / 85) ** 2 + ((y - 5) / 115) ** 2 > 1) & (y < 40) & ~fill
    usual = (x / 48) ** 2 + ((y - 8) / 75) ** 2 < 1
    # A slow change is a shadow on the background; a person begins with an edge.
    smooth = cv2.GaussianBlur(np.minimum(unlike, 100), (0, 0), 1.5 * frame.unit)
    slope = np.hypot(
        cv2.Sobel(smooth, -1, 1, 0, scale=1 / 8), cv2.Sobel(smooth, -1, 0, 1, scale=1 / 8)
    )
    abrupt = grown(slope * frame.unit > _SLOPE, 2 * frame.unit)
    for factor in _LOOSER:
        certain = unlike > 3 * factor * _BARRIER
        barrier = certain | (abrupt & (unlike > factor * _BARRIER)) | face
        free = ~barrier
        free[low:] &= ~fill[low:]
        tight, wide = (
            grown(_flood(~grown(barrier, reach), seeds, low), reach) & free
            for reach in (frame.unit, 4 * frame.unit)
        )
        if _share(wide, margins) >= _COVERED and _share(wide, usual) <= _LEAKED:
            return tight, wide
    return None


def _flooded_trimap(
    tight: Mask, wide: Mask, unlike: Field, frame: FaceFrame, face: Mask
) -> NDArray[np.uint8]:
    """GrabCut's start where the background was flooded: sure but for a seam of a few units."""
    u = frame.unit
    x, y = frame.coordinates(tight.shape)
    inside = _piece_at(opened(~wide | face, 2 * u), frame.row(20, len(wide)), round(frame.x))
    inside = grown(inside, 2.5 * u) & ~wide
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 3)
    near = ((x / 75) ** 2 + ((y - 12) / 108) ** 2 < 1) | (y > 70)
    trimap = np.where(inside & ~tight, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[(depth > 6 * u) & near & ~tight] = cv2.GC_FGD
    trimap[(np.abs(x) < 22) & (y > 22)] = cv2.GC_FGD  # neck and breast
    trimap[away > 5 * u] = cv2.GC_BGD
    trimap[wide & (away > 2 * u) & (unlike < 2)] = cv2.GC_BGD  # paper below a drawing, too
    trimap[(np.abs(x) < 22) & (y > 22) & (y < 95)] = cv2.GC_FGD
    return trimap


def _guessed_trimap(x: Field, y: Field, face: Mask) -> NDArray[np.uint8]:
    """GrabCut's start where the background is not plain: a head's usual place."""
    far = ((x / 100) ** 2 + ((y - 15) / 130) ** 2 > 1) & ~((y > 80) & (np.abs(x) < 150))
    usual = ((x / 75) ** 2 + ((y - 15) / 105) ** 2 < 1) | ((np.abs(x) < 80) & (y > 95))
    trimap = np.where(usual, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[far] = cv2.GC_BGD
    trimap[:2] = cv2.GC_BGD
    trimap[face | ((np.abs(x) < 20) & (y > 50))] = cv2.GC_FGD
    return trimap


def _cut_features(image: Image, background: Image, fill: Mask, frame: FaceFrame) -> Image:
    """The three channels to cut by: colours, or a sketch's gray at three scales of its strokes."""
    if image.ndim == 3:
        channels = image.copy()
    else:
        gray = image.astype(np.float32)
        strokes = cv2.GaussianBlur(gray, (0, 0), 1.2 * frame.unit)
        tone = cv2.GaussianBlur(gray, (0, 0), 3 * frame.unit)
        channels = np.dstack([(gray + strokes) / 2, strokes, tone]).astype(np.uint8)
        background = np.repeat(background[..., None], 3, axis=2)
    around_fill = grown(fill, 2)
    channels[around_fill] = background[around_fill]
    return channels


def _cut(channels: Image, trimap: NDArray[np.uint8], rounds: int) -> Mask:
    """GrabCut from a trimap; OpenCV's random state is set, for it seeds the colour models."""
    fore = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    if fore.all() or not fore.any():
        return fore  # one side is empty, as in a close-up: nothing to learn, nothing to cut
    behind, front = np.zeros((1, 65)), np.zeros((1, 65))
    rectangle = (0, 0, 1, 1)  # not looked at, with a trimap
    cv2.setRNGSeed(0)
    trimap = trimap.copy()
    cv2.grabCut(channels, trimap, rectangle, behind, front, rounds, cv2.GC_INIT_WITH_MASK)
    return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)


def _flood(free: Mask, seeds: Mask, low: int) -> Mask:
    """The free pixels that seeds above row `low` reach; from that row on only sideways and down.

    So the paper below a drawing's lower edge does not flood the clothes above it.
    """
    count, pieces = cv2.connectedComponents(free[:low].astype(np.uint8), connectivity=4)
    reached = np.zeros(count, bool)
    reached[pieces[seeds[:low] & free[:low]]] = True
    reached[0] = False
    flooded = free.copy()
    flooded[:low] = reached[pieces]
    for y in range(max(low, 1), len(free)):
        row = flooded[y]
        run = np.cumsum(np.diff(row, prepend=False) & row) * row  # runs numbered from 1
        wet = np.zeros(run.max() + 1, bool)
        wet[run[flooded[y - 1]]] = True
        wet[0] = False
        flooded[y] = wet[run]
    return flooded


def _share(mask: Mask, region: Mask) -> float:
    """The part of a region that a mask covers; 1 of an empty region."""
    return float(mask[region].mean()) if region.any() else 1.0


def _piece_at(mask: Mask, row: int, column: int) -> Mask:
    """The connected piece of a mask that holds a pixel, which must be set."""
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    column = int(np.clip(column, 0, mask.shape[1] - 1))
    return pieces == pieces[row, column]


def grown(mask: Mask, reach: float) -> Mask:
    """A mask dilated by a disc of that radius in pixels."""
    return cv2.dilate(mask.astype(np.uint8), _disc(reach)) > 0


def opened(mask: Mask, reach: float) -> Mask:
    """A mask without the parts that a disc of that radius in pixels does not fit into."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(reach)) > 0


def _disc(reach: float) -> NDArray[Any]:
    size = 2 * max(1, round(reach)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
