"""The head mask of a face picture: everything that is not background.

A small network (MediaPipe's selfie segmentation, Apache 2.0) finds the person. GrabCut (Rother,
Kolmogorov & Blake 2004) then corrects the outline within a narrow band, by the colours on both
sides.
"""

import threading
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Mask
from photosketch.data.weights import PERSON_NETWORK, verify_weights
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame

# Lengths are in units, unless a line says otherwise.

# Black wedges along the borders of a rotated picture.
_BLACK = 14  # the brightest gray level (0..255) of their fill
_DEEPEST_RUN = 0.35  # of the picture's height: a longer run of black is hair or clothes
_NARROWEST_WEDGE = 0.15  # of the picture's longer side
_LINE_COLUMNS = 24  # lines are tried through each two of this many columns,
_LINE_BASE = 0.08  # if the two are at least this share of the width apart
_STEEPEST_LINE = 0.35  # a rotation by 19 degrees
_ON_LINE = 1.2  # pixels: the largest distance at which the end of a run agrees with a line
_STRAIGHT = 0.6  # the least share of the columns that agrees with a wedge's line
_WEDGE_SEAM = 1.5  # pixels in which fill and picture blend

# The person and the outline.
_SIDE = 256  # pixels, of the network's square input
_BAND = 6.0  # to each side of the network's outline: GrabCut changes nothing beyond
_ROUNDS = 3
_WHITE = 253  # of 255, in all channels: nothing was photographed there
_MODEL = (1, 65)  # OpenCV's 5 Gaussians, each a weight, a mean [3] and a covariance [3, 3]
_NETWORK_LOCK = threading.Lock()  # one thread at a time may load or use the network


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.

    `fill` [H, W] is what `turned_corners` finds; it counts as background. Raises InputError if the
    network's file is missing or damaged.
    """
    colours = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    face = atlas.INNER_FACE.inside(*frame.coordinates(image.shape))
    height, width = image.shape[:2]
    # The network misses a face that the border cuts, unless the picture is mirrored there.
    sides = frame.x, width - frame.x, height - frame.y
    reach = atlas.BUST.half_width, atlas.BUST.half_width, atlas.BUST.bottom
    left, right, below = (
        max(0, round(far * frame.unit - side)) for far, side in zip(reach, sides, strict=True)
    )
    bust = cv2.copyMakeBorder(colours, 0, below, left, right, cv2.BORDER_REFLECT_101)
    likely = person_probability(bust)[:height, left : left + width]
    person = (likely > 0.5) & ~fill | face
    head = _cut(colours, person, face, fill, frame)
    if image.ndim == 3:  # the network imagines shoulders below a person cut out on white
        head &= (image.min(2) < _WHITE) | face
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(head) & ~fill)
    column = int(np.clip(round(frame.x), 0, width - 1))
    return pieces == pieces[frame.row(atlas.FACE_MIDDLE, height), column]


def person_probability(image: Image) -> Field:
    """How likely each pixel of a picture [H, W, 3] (RGB) shows a person: [H, W], 0 to 1.

    The mean of the picture and its mirror image. The same for every number of threads.
    """
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
    """The person, corrected by GrabCut in a band along the outline."""
    trimap = np.where(person, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[~grown(~person, _BAND * frame.unit) | face] = cv2.GC_FGD
    trimap[~grown(person, _BAND * frame.unit) | fill] = cv2.GC_BGD
    if not {cv2.GC_FGD, cv2.GC_BGD} <= set(trimap.flat):
        return person  # a close-up: one side has no pixels to learn colours from
    behind, front = np.zeros(_MODEL), np.zeros(_MODEL)
    cv2.setRNGSeed(0)  # the colour models start from OpenCV's random numbers
    no_rectangle = (0, 0, 1, 1)  # ignored if there is a mask
    cv2.grabCut(colours, trimap, no_rectangle, behind, front, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)


def turned_corners(image: Image) -> Mask:
    """The black wedges along the borders [H, W] of a picture that was rotated.

    Unlike black hair or clothes, a wedge has a straight inner edge: seen from the border, the ends
    of its runs of black lie on a line.
    """
    black = images.gray(image) <= _BLACK
    sides = [np.rot90(_wedge_on_top(np.rot90(black, turns)), -turns) for turns in range(4)]
    return np.logical_or.reduce(sides)


def _wedge_on_top(black: Mask) -> Mask:
    """The wedge along the top border of a picture, as a mask."""
    height, width = black.shape
    run = np.logical_and.accumulate(black).sum(0)  # [W], lengths from the top
    columns = np.flatnonzero((run >= 2) & (run < _DEEPEST_RUN * height))
    needed = max(_NARROWEST_WEDGE * max(height, width), _STRAIGHT * len(columns))
    if len(columns) < needed:
        return np.zeros_like(black)
    # Of the lines through the ends of two runs, the one that most runs agree with.
    ends = columns[np.linspace(0, len(columns) - 1, _LINE_COLUMNS).astype(int)]
    i, j = (ends[k] for k in np.triu_indices(len(ends), 1))
    slope = (run[j] - run[i]) / np.maximum(j - i, 1)
    tried = (j - i >= _LINE_BASE * width) & (np.abs(slope) <= _STEEPEST_LINE)
    i, slope = i[tried], slope[tried]
    lines = run[i, None] + slope[:, None] * (columns - i[:, None])  # [lines, columns]
    agreeing = (np.abs(lines - run[columns]) < _ON_LINE).sum(1)
    if agreeing.max(initial=0) < needed:
        return np.zeros_like(black)
    best = agreeing.argmax()
    line = run[i[best]] + slope[best] * (np.arange(width) - i[best])
    depth = np.where(line < 0.5, 0, np.ceil(line + _WEDGE_SEAM))
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
