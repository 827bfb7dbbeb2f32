"""The head mask of a face picture: everything that is not background.

A small network (MediaPipe's selfie segmentation, Apache 2.0) says where the person is. GrabCut
(Rother, Kolmogorov & Blake 2004) settles the outline by the colours of both sides, in a narrow band
along the network's.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data import images
from photosketch.data.array_types import Field, Image, Mask
from photosketch.data.weights import PERSON_NETWORK, verify_weights
from photosketch.parsing import atlas
from photosketch.parsing.atlas import FaceFrame

# Lengths are in units, unless a line says otherwise.

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

# The person and the outline.
_SIDE = 256  # pixels, of the network's square input
_BAND = 6.0  # from the network's outline to where GrabCut has no say
_ROUNDS = 3
_WHITE = 253  # of 255, in all channels: nothing was photographed there
_MODEL = (1, 65)  # of OpenCV: 5 Gaussians, each a weight, a mean [3] and a covariance [3, 3]


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.

    `fill` [H, W], the corners that `turned_corners` finds, counts as background. Raises InputError
    if the network's file is missing or damaged.
    """
    colours = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    face = atlas.INNER_FACE.inside(*frame.coordinates(image.shape))
    height, width = image.shape[:2]
    # a face that the picture's border cuts is not seen; one that goes on mirrored is
    sides = frame.x, width - frame.x, height - frame.y
    reach = atlas.BUST.half_width, atlas.BUST.half_width, atlas.BUST.bottom
    left, right, below = (
        max(0, round(far * frame.unit - side)) for far, side in zip(reach, sides, strict=True)
    )
    bust = cv2.copyMakeBorder(colours, 0, below, left, right, cv2.BORDER_REFLECT_101)
    likely = person_probability(bust)[:height, left : left + width]
    person = (likely > 0.5) & ~fill | face
    head = _cut(colours, person, face, fill, frame)
    free = ~head
    if image.ndim == 3:  # below a person cut out on white the network sees shoulders
        free |= (image.min(2) >= _WHITE) & ~face
    _, pieces = cv2.connectedComponents(free.astype(np.uint8), connectivity=4)
    borders = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    head = ~(np.isin(pieces, borders) & free | fill)  # without holes
    _, pieces = cv2.connectedComponents(head.astype(np.uint8), connectivity=4)
    column = int(np.clip(round(frame.x), 0, width - 1))
    return pieces == pieces[frame.row(atlas.FACE_MIDDLE, height), column]


def person_probability(image: Image) -> Field:
    """How likely each pixel of a picture [H, W, 3] (RGB) is a person: [H, W], 0 to 1.

    The mean with the mirror image. The same for every number of threads.
    """
    smaller = max(image.shape) > _SIDE
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=how).astype(np.float32) / 255
    network, lock = _network()
    with lock:
        seen = []
        for side in (small, small[:, ::-1]):
            network.setInput(np.ascontiguousarray(side.transpose(2, 0, 1)[None]))
            seen.append(network.forward().reshape(_SIDE, _SIDE))
    mean = (seen[0] + seen[1][:, ::-1]) / 2
    height, width = image.shape[:2]
    return cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)


@cache
def _network() -> tuple[cv2.dnn.Net, threading.Lock]:
    """The network, which one thread at a time may use."""
    verify_weights(PERSON_NETWORK, Path(PERSON_NETWORK.path))
    engine = cv2.dnn.ENGINE_CLASSIC
    return cv2.dnn.readNetFromTFLite(PERSON_NETWORK.path, engine), threading.Lock()


def _cut(colours: Image, person: Mask, face: Mask, fill: Mask, frame: FaceFrame) -> Mask:
    """GrabCut in a band along a person's outline; OpenCV's random state is set, for it seeds the
    colour models."""
    inside = ~grown(~person, _BAND * frame.unit) | face
    trimap = np.where(person, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[inside] = cv2.GC_FGD
    trimap[~grown(person, _BAND * frame.unit) | fill] = cv2.GC_BGD
    if not {cv2.GC_FGD, cv2.GC_BGD} <= set(trimap.flat):
        return person  # as in a close-up: nothing to learn, nothing to cut
    behind, front = np.zeros(_MODEL), np.zeros(_MODEL)
    rectangle = (0, 0, 1, 1)  # not looked at, with a trimap
    cv2.setRNGSeed(0)
    cv2.grabCut(colours, trimap, rectangle, behind, front, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)


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


def grown(mask: Mask, reach: float) -> Mask:
    """A mask dilated by a disc of that radius in pixels."""
    return cv2.dilate(mask.astype(np.uint8), _disc(reach)) > 0


def opened(mask: Mask, reach: float) -> Mask:
    """A mask without the parts that a disc of that radius in pixels does not fit into."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(reach)) > 0


def _disc(reach: float) -> NDArray[Any]:
    size = 2 * max(1, round(reach)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
