"""Parsing of faces: a label map for every photo and sketch.

`parse_segmentation` looks for the head, then for hair, skin and clothes in it, then for features.
"""

import cv2
import numpy as np

from photosketch.data.array_types import Image, Labels, Points
from photosketch.geometry.similarity import Similarity
from photosketch.parsing.atlas import DRAWN_HEAD, EYE_DISTANCE, FaceFrame
from photosketch.parsing.features import find_features
from photosketch.parsing.head import head_mask, turned_corners
from photosketch.parsing.labels import BROWS, CLOTHES, EYES, HAIR, MOUTH, NOSE, SKIN
from photosketch.parsing.regions import split_head

# Faces up to this much larger or smaller than in CUFS, or turned by this many degrees, are parsed
# as they are; others in a copy that is brought upright and to that size.
_SCALES = (0.8, 1.25)
_TURN = 5.0
_ANTIALIASING = 0.4  # blur of a picture before it shrinks, in the copy's pixels
_INK_AND_PAPER = (2, 98)  # percentiles of a drawing's gray that are taken for both
_CONTRAST = 110.0  # of a sketch, between ink and paper (0..255), below which it counts as faint
_LARGEST_GAIN = 10  # of a faint sketch's contrast: beyond it, grain of the paper looks like strokes
_PAPER = 250  # gray of the paper of a sketch whose contrast was raised
_WHITE = 255


def parse_segmentation(image: Image, points: Points) -> Labels:
    """Label a photo [H, W, 3] (RGB) or a sketch [H, W] by `CLASSES`: [H, W] uint8.

    `points` [5, 2] are (x, y) in pixels, in the order of `table.LANDMARK_NAMES`; they say where
    to look, the labels follow the pixels. The same picture always gives the same labels (OpenCV's
    random state is set for that).
    """
    points = np.asarray(points, np.float32)
    assert image.dtype == np.uint8 and image.shape[2:] in ((), (3,)) and points.shape == (5, 2)
    x, y = points[:2].mean(axis=0)
    height, width = image.shape[:2]
    if np.hypot(*(points[1] - points[0])) < 2 or not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"the eyes lie at {points[:2].tolist()}: not apart, or not in the image")
    across, down = points[1] - points[0]
    distance = float(np.hypot(across, down))
    usual_size = _SCALES[0] <= distance / EYE_DISTANCE <= _SCALES[1]
    if usual_size and abs(np.degrees(np.arctan2(down, across))) <= _TURN:
        return _parse_upright(image, points)
    cosine, sine = np.array([across, down], np.float64) * EYE_DISTANCE / distance**2
    turn = np.array([[cosine, sine], [-sine, cosine]])
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)])
    corners = (corners @ turn.T).astype(np.float32)
    upright = Similarity(turn, -corners.min(0))
    size = np.ceil(np.ptp(corners, axis=0)).astype(int) + 1
    scale = upright.scale
    source = cv2.GaussianBlur(image, (0, 0), _ANTIALIASING / scale) if scale < 1 else image
    copy = cv2.warpAffine(
        source,
        upright.array(),
        size.tolist(),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    labels = _parse_upright(copy, upright(points).astype(np.float32))
    return cv2.warpAffine(
        labels,
        upright.array(),
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _parse_upright(image: Image, points: Points) -> Labels:
    frame = FaceFrame.of(points)
    corners = turned_corners(image)
    if image.ndim == 2:
        image = _inked(image, frame)
    head = head_mask(image, frame, corners)
    hair, skin, clothes = split_head(image, head, frame)
    features = find_features(image, points, frame)
    labels = np.zeros(head.shape, np.uint8)
    for mask, label in (
        (hair, HAIR),
        (skin, SKIN),
        (clothes, CLOTHES),
        (features.nose, NOSE),
        (features.mouth, MOUTH),
        (features.brows, BROWS),
        (features.eyes, EYES),
    ):
        labels[mask & head] = label
    return labels


def _inked(sketch: Image, frame: FaceFrame) -> Image:
    """A faint sketch [H, W] with the contrast of a usual one; others as they are."""
    x, y = frame.coordinates(sketch.shape)
    ink, paper = np.percentile(sketch[DRAWN_HEAD.inside(x, y)], _INK_AND_PAPER)
    gain = _CONTRAST / max(paper - ink, _CONTRAST / _LARGEST_GAIN)
    if gain <= 1:
        return sketch
    return np.clip(_PAPER - gain * (paper - sketch.astype(np.float32)), 0, _WHITE).astype(np.uint8)
