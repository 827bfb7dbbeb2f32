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

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Mask
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame

# Lengths are in units and unlikeness is in standard deviations, unless a line says otherwise.

# The wedges that turning a picture leaves along its borders.
_BLACK = 14  # at most this dark (0..255) is their fill
_DEEPEST_RUN = 0.35  # of the picture's height: a longer run of black is hair or clothes
_NARROWEST_WEDGE = 0.15  # of the picture's longer side
_LINE_COLUMNS = 24  # a line is tried through any two of so many columns,
_LINE_BASE = 0.08  # this part of the width apart,
_STEEPEST_LINE = 0.35  # and no steeper: a picture is turned by 19 degrees at most
_ON_LINE = 1.2  # pixels off a line that a run may end and still agree
_STRAIGHT = 0.6  # of the columns, at least, agree on a wedge's line
_WEDGE_SEAM = 1.5  # pixels in which fill and picture blend

# The background's colours, a quadratic surface.
_COLOUR_BLUR = 0.7
_FILL_SEAM = 2  # pixels around the wedges that are left out as well
_SIDE = 0.12  # of the picture's width: strips that the head hardly reaches
_FEWEST = 50  # pixels that a surface can be learned from
_THINNING = 5  # it is learned from every fifth
_FLATNESS = (0.01, 0.01, 0.002, 0.002)  # how strongly its slopes and bends are damped
_FITS = 4  # each leaves out what is far from the surface before it:
_FAR_DEVIATIONS, _FAR_LEVELS = 3, 3  # farther than so many deviations and gray levels
_FIRST_SPREAD = 7.0  # gray levels, before the first fit
_LEAST_SPREAD = 2.0  # gray levels
_LEAST_PAPER_SPREAD = 3.2  # paper has grain and smudges
_LARGEST_SPREAD = 6.0
_TO_DEVIATION = 1.48  # the standard deviation of normal values over their median distance
_WHITE = 255

# The flood from the borders.
_BARRIER = 3.5  # how unlike the background a pixel stops the flood, at an edge,
_CERTAIN = 3  # and so many times that anywhere
_EDGE_BLUR = 1.5
_MOST_UNLIKE = 100  # more counts as this: in a close-up everything is infinitely unlike
_SOBEL = 1 / 8  # makes the filter's output a slope
_SLOPE = 0.5  # how much the unlikeness changes in a unit at an edge
_EDGE_REACH = 2
_LOOSER = (1.0, 1.8)  # the barrier's factors, tried until the flood covers the surroundings
_GAPS = (1, 4)  # half the width of the gaps that hold up the two floods
_COVERED = 0.55  # of the surroundings, at least, by a flood that can be trusted
_LEAKED = 0.35  # of the head's core, at most

# The seam that GrabCut settles.
_BRIDGE = 2  # half the width of what may join the person to a thing behind, and is cut
_REGROWTH = 2.5  # gives back what the cut takes from the outline
_SURE_DEPTH = 6  # inside that outline from which on it is the person
_SURE_DISTANCE = 5  # outside it from which on it is background,
_PAPER_DISTANCE, _PAPER = 2, 2  # or where it is no more unlike than paper
_ROUNDS = 2
_GUESSED_ROUNDS = 5  # a guess is farther from the outline
_STROKE_BLUR, _TONE_BLUR = 1.2, 3  # what a sketch is cut by: its lines, its hatching
_MODEL = (1, 65)  # of OpenCV: 5 Gaussians, each a weight, a mean [3] and a covariance [3, 3]


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.

    `fill` [H, W], the corners that `turned_corners` finds, counts as background.
    """
    shape = image.shape[:2]
    x, y = frame.coordinates(shape)
    unlike, background = _unlikeness(image, frame, fill)
    face = atlas.INNER_FACE.inside(x, y)
    shoulder_row = frame.row(atlas.SHOULDERS, shape[0])
    seeds = np.zeros(shape, bool)
    seeds[0] = True
    seeds[: frame.row(atlas.BARE_SIDES, shape[0]), [0, -1]] = True

    outside = _reachable(unlike, face, fill, frame, seeds)
    if outside is None:
        trimap = _guessed_trimap(x, y, face)
    else:
        trimap = _flooded_trimap(*outside, unlike, frame, face)
    trimap[face] = cv2.GC_FGD
    trimap[fill] = cv2.GC_BGD
    rounds = _ROUNDS if outside else _GUESSED_ROUNDS
    head = _cut(_cut_features(image, background, fill, frame), trimap, rounds)
    head = _piece_of_face(head, frame)
    # Whatever the outside cannot flood is part of the head: holes, and clothes as light as paper.
    return ~_flood(~head, seeds, shoulder_row) & ~fill


def turned_corners(image: Image) -> Mask:
    """The black wedges along the borders [H, W] that turning a picture has filled in.

    A wedge is told from black hair or clothes by its straight inner edge: seen from its border, the
    lengths of the black runs lie on a line.
    """
    gray = images.gray(image)
    wedges = np.zeros(gray.shape, bool)
    for turns in range(4):
        black = np.rot90(gray <= _BLACK, turns)
        wedges |= np.rot90(_wedge_on_top(black), -turns)
    return wedges


def _wedge_on_top(black: Mask) -> Mask:
    """The wedge along the top border of a picture, as a mask."""
    height, width = black.shape
    run = np.where(black.all(0), height, black.argmin(0))
    columns = np.flatnonzero((run >= 2) & (run < _DEEPEST_RUN * height))
    needed = _NARROWEST_WEDGE * max(height, width)
    if len(columns) < needed:
        return np.zeros_like(black)
    # The line that most run lengths agree on, among the lines through pairs of a few of them.
    ends = columns[np.linspace(0, len(columns) - 1, _LINE_COLUMNS).astype(int)]
    i, j = (ends[k] for k in np.triu_indices(len(ends), 1))
    apart = j - i >= _LINE_BASE * width
    i, j = i[apart], j[apart]
    slope = (run[j] - run[i]) / (j - i)
    flat = np.abs(slope) <= _STEEPEST_LINE
    i, slope = i[flat], slope[flat]
    if not len(i):
        return np.zeros_like(black)
    lines = run[i, None] + slope[:, None] * (columns - i[:, None])  # [lines, columns]
    agreeing = (np.abs(lines - run[columns]) < _ON_LINE).sum(1)
    best = int(agreeing.argmax())
    if agreeing[best] < max(needed, _STRAIGHT * len(columns)):
        return np.zeros_like(black)
    line = run[i[best]] + slope[best] * (np.arange(width) - i[best])
    depth = np.where(line < 0.5, 0, np.ceil(line + _WEDGE_SEAM))
    return np.arange(height)[:, None] < depth


def _unlikeness(image: Image, frame: FaceFrame, fill: Mask) -> tuple[Field, Image]:
    """How many standard deviations each pixel is from the background [H, W], and that background.

    The background is a smooth surface in Lab (or gray) fitted to the surroundings of the head,
    which the head may cover in part.
    """
    shape = image.shape[:2]
    x, y = frame.coordinates(shape)
    colours = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    blurred = cv2.GaussianBlur(colours.astype(np.float32), (0, 0), _COLOUR_BLUR * frame.unit)
    values = blurred.reshape(*shape, -1)
    around_fill = grown(fill, _FILL_SEAM)
    surroundings = atlas.HEAD_SURROUNDS.outside(x, y) & (y < atlas.SURROUNDS_END) & ~around_fill
    sides = surroundings.copy()
    sides[:, round(_SIDE * shape[1]) : round((1 - _SIDE) * shape[1])] = False
    if sides.sum() < _FEWEST:  # a close-up: hardly any background to learn from
        return np.full(shape, np.inf, np.float32), image

    least_spread = _LEAST_SPREAD if image.ndim == 3 else _LEAST_PAPER_SPREAD
    fitted, spread = _fitted_surface(values, surroundings, sides, least_spread)
    unlike = np.sqrt((((values - fitted) / spread) ** 2).sum(2))
    unlike[around_fill] = 0
    painted = np.clip(fitted, 0, _WHITE).astype(np.uint8)
    if image.ndim == 2:
        return unlike, painted[..., 0]
    return unlike, cv2.cvtColor(painted, cv2.COLOR_LAB2RGB)


def _fitted_surface(
    values: Field, surroundings: Mask, sides: Mask, least_spread: float
) -> tuple[Field, Field]:
    """A quadratic surface [H, W, C] through the values in the surroundings; their spread [C].

    It starts from the values at the sides; those far from it are left out again and again.
    """
    height, width, channels = values.shape
    across = np.arange(width, dtype=np.float32) / width - 0.5
    down = np.arange(height, dtype=np.float32) / height - 0.5
    terms = np.stack(
        np.broadcast_arrays(1, across, down[:, None], across**2, down[:, None] ** 2), axis=2
    ).astype(np.float32)  # [H, W, terms]
    sample = values[surroundings][::_THINNING]  # [N, C]
    design = terms[surroundings][::_THINNING]  # [N, terms]
    surface = np.zeros((terms.shape[2], channels), np.float32)
    surface[0] = np.median(values[sides], axis=0)
    spread = np.full(channels, _FIRST_SPREAD, np.float32)
    for _ in range(_FITS):
        close = (np.abs(sample - design @ surface) < _FAR_DEVIATIONS * spread + _FAR_LEVELS).all(1)
        if close.sum() < _FEWEST:
            break
        near = design[close]
        flat = np.diag([0, *_FLATNESS]) * close.sum()
        surface = np.linalg.solve(near.T @ near + flat, near.T @ sample[close]).astype(np.float32)
        residuals = np.abs(sample[close] - near @ surface)
        deviation = _TO_DEVIATION * np.median(residuals, axis=0)
        spread = np.clip(deviation, least_spread, _LARGEST_SPREAD).astype(np.float32)
    return terms @ surface, spread


def _reachable(
    unlike: Field, face: Mask, fill: Mask, frame: FaceFrame, seeds: Mask
) -> tuple[Mask, Mask] | None:
    """What the background floods from the borders: through any gap, and through wide gaps alone.

    None if the background is not plain, so that no flood covers the head's surroundings, or every
    flood leaks into the head.
    """
    x, y = frame.coordinates(unlike.shape)
    low = frame.row(atlas.SHOULDERS, len(unlike))
    surroundings = atlas.WIDE_SURROUNDS.outside(x, y) & (y < atlas.SURROUNDS_END) & ~fill
    core = atlas.HEAD_CORE.inside(x, y)
    # A slow change is a shadow on the background; a person begins with an edge.
    smooth = cv2.GaussianBlur(np.minimum(unlike, _MOST_UNLIKE), (0, 0), _EDGE_BLUR * frame.unit)
    slope = np.hypot(
        cv2.Sobel(smooth, -1, 1, 0, scale=_SOBEL), cv2.Sobel(smooth, -1, 0, 1, scale=_SOBEL)
    )
    abrupt = grown(slope * frame.unit > _SLOPE, _EDGE_REACH * frame.unit)
    for factor in _LOOSER:
        certain = unlike > _CERTAIN * factor * _BARRIER
        barrier = certain | (abrupt & (unlike > factor * _BARRIER)) | face
        free = ~barrier
        free[low:] &= ~fill[low:]
        tight, wide = (
            grown(_flood(~grown(barrier, reach), seeds, low), reach) & free
            for reach in (gap * frame.unit for gap in _GAPS)
        )
        if _share(wide, surroundings) >= _COVERED and _share(wide, core) <= _LEAKED:
            return tight, wide
    return None


def _flooded_trimap(
    tight: Mask, wide: Mask, unlike: Field, frame: FaceFrame, face: Mask
) -> NDArray[np.uint8]:
    """GrabCut's start where the background was flooded: sure but for a seam of a few units."""
    u = frame.unit
    x, y = frame.coordinates(tight.shape)
    inside = _piece_of_face(opened(~wide | face, _BRIDGE * u), frame)
    inside = grown(inside, _REGROWTH * u) & ~wide
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    near = atlas.HEAD.inside(x, y) | (y > atlas.BODY)
    paper = wide & (away > _PAPER_DISTANCE * u) & (unlike < _PAPER)  # below a drawing, too
    trimap = np.where(inside & ~tight, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[(depth > _SURE_DEPTH * u) & near & ~tight] = cv2.GC_FGD
    trimap[atlas.NECK_AND_BREAST.inside(x, y)] = cv2.GC_FGD
    trimap[away > _SURE_DISTANCE * u] = cv2.GC_BGD
    trimap[paper] = cv2.GC_BGD
    trimap[atlas.NECK.inside(x, y)] = cv2.GC_FGD
    return trimap


def _guessed_trimap(x: Field, y: Field, face: Mask) -> NDArray[np.uint8]:
    """GrabCut's start where the background is not plain: a head's usual place."""
    far = atlas.LARGEST_HEAD.outside(x, y) & ~atlas.LARGEST_SHOULDERS.inside(x, y)
    usual = atlas.GUESSED_HEAD.inside(x, y) | atlas.GUESSED_SHOULDERS.inside(x, y)
    trimap = np.where(usual, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[far] = cv2.GC_BGD
    trimap[:2] = cv2.GC_BGD
    trimap[face | atlas.GUESSED_NECK.inside(x, y)] = cv2.GC_FGD
    return trimap


def _cut_features(image: Image, background: Image, fill: Mask, frame: FaceFrame) -> Image:
    """The three channels to cut by: colours, or a sketch's gray at three scales of its strokes."""
    if image.ndim == 3:
        channels = image.copy()
    else:
        gray = image.astype(np.float32)
        strokes = cv2.GaussianBlur(gray, (0, 0), _STROKE_BLUR * frame.unit)
        tone = cv2.GaussianBlur(gray, (0, 0), _TONE_BLUR * frame.unit)
        channels = np.dstack([(gray + strokes) / 2, strokes, tone]).astype(np.uint8)
        background = np.repeat(background[..., None], 3, axis=2)
    around_fill = grown(fill, _FILL_SEAM)
    channels[around_fill] = background[around_fill]
    return channels


def _cut(channels: Image, trimap: NDArray[np.uint8], rounds: int) -> Mask:
    """GrabCut from a trimap; OpenCV's random state is set, for it seeds the colour models."""
    fore = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    if fore.all() or not fore.any():
        return fore  # one side is empty, as in a close-up: nothing to learn, nothing to cut
    behind, front = np.zeros(_MODEL), np.zeros(_MODEL)
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


def _piece_of_face(mask: Mask, frame: FaceFrame) -> Mask:
    """The connected piece of a mask that holds the middle of the face, which must be set."""
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    column = int(np.clip(round(frame.x), 0, mask.shape[1] - 1))
    return pieces == pieces[frame.row(atlas.FACE_MIDDLE, len(mask)), column]


def grown(mask: Mask, reach: float) -> Mask:
    """A mask dilated by a disc of that radius in pixels."""
    return cv2.dilate(mask.astype(np.uint8), _disc(reach)) > 0


def opened(mask: Mask, reach: float) -> Mask:
    """A mask without the parts that a disc of that radius in pixels does not fit into."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(reach)) > 0


def _disc(reach: float) -> NDArray[Any]:
    size = 2 * max(1, round(reach)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
