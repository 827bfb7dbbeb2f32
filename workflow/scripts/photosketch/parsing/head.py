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

_SIDE = 256  # pixels, of the network's square input
_NETWORK_LOCK = threading.Lock()  # one thread at a time may load or use the network


def head_mask(image: Image, frame: FaceFrame, fill: Mask) -> Mask:
    """Everything but background in a photo [H, W, 3] or sketch [H, W]: hair, face, neck, clothes.
    `fill` [H, W] is what `turned_corners` finds; it counts as background. Raises InputError if the
    network's file is missing or damaged."""
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
