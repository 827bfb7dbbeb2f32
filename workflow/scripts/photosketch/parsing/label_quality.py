"""How doubtful a label map is, so that a person sees the worst ones first."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from photosketch.data.array_types import Labels, Mask, Points
from photosketch.parsing.labels import BACKGROUND, CLOTHES, EYES, MOUTH, NOSE

# the class that each of the five points lies in, by table.LANDMARK_NAMES
_CLASS_OF_POINT = (EYES, EYES, NOSE, MOUTH, MOUTH)
_LEAST_PIECE = 0.002  # of the head's pixels: smaller pieces are specks


@dataclass(frozen=True)
class Doubt:
    """Three signs of a bad label map, each from 0 (none) to 1.

    border: the share of the border of the head (without clothes) that lies on the image's border,
    as where the background was taken for hair. points: the mean distance of the five points from
    the labels that they should lie in, in eye distances, each at most 1. pieces: 1 - 1 / n for a
    head in n pieces.
    """

    border: float
    points: float
    pieces: float

    @property
    def total(self) -> float:
        """By which maps are sorted, 0 to 3."""
        return self.border + self.points + self.pieces


def doubt_of(labels: Labels, points: Points | None) -> Doubt:
    """The doubt about the label map [H, W] of an image with these points [5, 2]; without points (a
    map drawn by hand of a sketch that has none) nothing disagrees with them."""
    head = (labels != BACKGROUND) & (labels != CLOTHES)
    off_points = 0.0 if points is None else _off_points(labels, points)
    return Doubt(_on_border(head), off_points, _in_pieces(head))


def _on_border(head: Mask) -> float:
    """The share of a mask's border pixels that are on the border of the image."""
    if not head.any():
        return 1.0
    inner = ndimage.binary_erosion(head)  # beyond the image's border is no head
    edge = head & ~inner
    frame = np.ones_like(head)
    frame[1:-1, 1:-1] = False
    return float((edge & frame).sum() / edge.sum())


def _off_points(labels: Labels, points: Points) -> float:
    """The mean distance of points from their class, in eye distances, each at most 1."""
    eye_distance = float(np.linalg.norm(points[1] - points[0]))
    distances = []
    for point, label in zip(points, _CLASS_OF_POINT, strict=True):
        rows, columns = np.nonzero(labels == label)
        pixels = np.hypot(columns - point[0], rows - point[1])
        distances.append(min(1.0, float(pixels.min(initial=np.inf)) / eye_distance))
    return float(np.mean(distances))


def _in_pieces(head: Mask) -> float:
    """1 - 1 / n for a mask in n pieces, specks not counted; 1 for an empty one."""
    pieces, count = ndimage.label(head)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    large = int((sizes > _LEAST_PIECE * head.sum()).sum())
    return 1 - 1 / large if large else 1.0
