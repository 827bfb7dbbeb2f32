"""Parsing of faces by segmentation: the head, then hair, skin and clothes, then the features."""

import cv2
import numpy as np

from photosketch.data.array_types import Image, Labels, Points
from photosketch.geometry.similarity import Similarity
from photosketch.parsing.atlas import EYE_DISTANCE, FaceFrame
from photosketch.parsing.features import find_features
from photosketch.parsing.head import head_mask, turned_corners
from photosketch.parsing.labels import CLOTHES, HAIR, SKIN
from photosketch.parsing.regions import split_head

_CONTRAST = 110.0  # between ink and paper (0..255): a sketch with less is faint


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
