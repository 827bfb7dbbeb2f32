"""Parsing of faces: a label map for every photo and sketch, without learned weights.

`parse_grabcut` looks for the head, then for hair, skin and clothes in it, then for the features.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data.array_types import Image, Labels, Points
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import in_order, workers
from photosketch.landmarks.table import points_of, require_photo_points, without_points
from photosketch.parsing.atlas import DRAWN_HEAD, EYE_DISTANCE, FaceFrame
from photosketch.parsing.features import find_features
from photosketch.parsing.head import head_mask, turned_corners
from photosketch.parsing.labels import (
    BROWS,
    CLOTHES,
    EYES,
    HAIR,
    MOUTH,
    NOSE,
    SKIN,
    Parsings,
    blank_maps,
)
from photosketch.parsing.regions import split_head

if TYPE_CHECKING:
    import pandas as pd


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


def parse_grabcut(image: Image, points: Points) -> Labels:
    """Label a photo [H, W, 3] (RGB) or a sketch [H, W] by `CLASSES`: [H, W] uint8.

    `points` [5, 2] are (x, y) in pixels, in the order of `table.LANDMARK_NAMES`; they say where
    to look, the labels follow the pixels. The same picture always gives the same labels (OpenCV's
    random state is set for that). Raises ValueError where image or points are of another shape, or
    the eyes lie at one place or outside the image.
    """
    points = np.asarray(points, np.float32)
    _check(image, points)
    turn = _upright(points)
    if turn is None:
        return _parse_upright(image, points)
    height, width = image.shape[:2]
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)])
    moved = _moved(corners, turn)
    turn[:, 2] -= moved.min(0)
    size = np.ceil(np.ptp(moved, axis=0)).astype(int) + 1
    scale = float(np.hypot(*turn[0, :2]))
    source = cv2.GaussianBlur(image, (0, 0), _ANTIALIASING / scale) if scale < 1 else image
    copy = cv2.warpAffine(
        source, turn, size.tolist(), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    labels = _parse_upright(copy, _moved(points, turn))
    return cv2.warpAffine(
        labels,
        turn,
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


def _check(image: Image, points: Points) -> None:
    colours = image.shape[2:]
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or colours not in ((), (3,)):
        raise ValueError(
            f"the image is {image.dtype} {image.shape}: it must be uint8 [H, W, 3] or [H, W]"
        )
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f"the points are {points.tolist()}: they must be five finite (x, y)")
    x, y = points[:2].mean(0)
    height, width = image.shape[:2]
    if np.hypot(*(points[1] - points[0])) < 2 or not (0 <= x < width and 0 <= y < height):
        raise ValueError(
            f"the eyes lie at {points[:2].tolist()}: they must be apart and inside {width}x{height}"
        )


def _upright(points: Points) -> NDArray[np.float64] | None:
    """The similarity [2, 3] that brings a face upright and to CUFS's size, where one is due."""
    right, down = points[1] - points[0]
    distance = float(np.hypot(right, down))
    turned = abs(np.degrees(np.arctan2(down, right)))
    if turned <= _TURN and _SCALES[0] <= distance / EYE_DISTANCE <= _SCALES[1]:
        return None
    cosine, sine = np.array([right, down], np.float64) * EYE_DISTANCE / distance**2
    return np.array([[cosine, sine, 0], [-sine, cosine, 0]])


def _moved(points: Points, turn: NDArray[np.float64]) -> Points:
    return (points @ turn[:, :2].T + turn[:, 2]).astype(np.float32)


def parse_pairs(
    pairs: Sequence[Pair],
    table: "pd.DataFrame",
    threads: int,
    parse: Callable[[Image, Points], Labels] = parse_grabcut,
    console: TextIO | None = None,
) -> Parsings:
    """Parse photo and sketch of each pair with the points of a landmark table, `threads` at a time.

    All images must be of one size. The result does not depend on `threads`. Sketches without points
    are listed in `Parsings.unparsed`. `console` is told how far it is. Raises InputError with every
    photo that has no points.
    """
    require_photo_points(pairs, table)
    unparsed = tuple(pair.id for pair in without_points(pairs, table, "sketch"))
    images: list[tuple[int, Modality]] = [
        (index, modality)
        for modality in MODALITIES
        for index, pair in enumerate(pairs)
        if modality == "photo" or pair.id not in unparsed
    ]

    def parsed(image: tuple[int, Modality]) -> Labels:
        index, modality = image
        pair = pairs[index]
        return parse(read_image(pair, modality), points_of(table, pair.id, modality))

    maps = blank_maps(pairs)
    with workers(threads) as pool, Bar(f"parsing {pairs[0].subset}", len(images), console) as bar:
        labels = in_order(pool, parsed, images, ahead=2 * threads)
        for (index, modality), found in zip(images, labels, strict=True):
            maps[modality][index] = found
            bar.update()
    return Parsings(
        tuple(pair.id for pair in pairs), maps["photo"], maps["sketch"], unparsed=unparsed
    )
