"""The usual place of a face in its image, and the similarity transform that moves a face there.

Points are [5, 2] or [N, 5, 2], (x, y) in pixels, in the order of `landmarks.table`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photosketch.data.array_types import Points

# Means of MTCNN's points over the 188 photos of CUFS's CUHK part, 200x250 pixels, rounded to 0.1 px
# and made symmetric about x = 100 (which moved them by at most 0.1 px).
TEMPLATE_SIZE = (200, 250)
TEMPLATE = np.array([(74.3, 125.6), (125.7, 125.6), (100.0, 153.8), (79.4, 182.1), (120.6, 182.1)])


@dataclass(frozen=True)
class Similarity:
    """x -> matrix @ x + shift: a rotation, one scale and a translation, without reflection."""

    matrix: np.ndarray  # [2, 2]
    shift: np.ndarray  # [2]

    @property
    def scale(self) -> float:
        """The factor by which lengths grow."""
        return float(np.hypot(*self.matrix[0]))

    @property
    def degrees(self) -> float:
        """The angle of the rotation, clockwise in a picture."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    def __call__(self, points: Points) -> Points:
        """The images of points [..., 2]."""
        return points @ self.matrix.T + self.shift

    def inverse(self) -> "Similarity":
        matrix = np.linalg.inv(self.matrix)
        return Similarity(matrix, -matrix @ self.shift)

    def array(self) -> np.ndarray:
        """[2, 3] float64: the matrix, with the shift as third column."""
        return np.column_stack([self.matrix, self.shift])

    @classmethod
    def from_array(cls, array: np.ndarray) -> "Similarity":
        """The inverse of `array`."""
        return cls(array[:, :2], array[:, 2])


def enlargement(size: Sequence[int]) -> float:
    """The factor by which CUFS's 200x250 pixels grow to fit into `size` (width, height)."""
    return min(size[0] / TEMPLATE_SIZE[0], size[1] / TEMPLATE_SIZE[1])


def template(size: Sequence[int]) -> Points:
    """The usual place [5, 2] of the points in an image of `size` (width, height): CUFS's 200x250
    frame, centred and as large as fits."""
    middle = (np.array(TEMPLATE_SIZE) - 1) / 2  # pixel centres are at integers
    return (TEMPLATE - middle) * enlargement(size) + (np.array(size) - 1) / 2


def similarity(points: Points, target: Points) -> Similarity:
    """The similarity transform that brings points [N, 2] closest to their targets [N, 2].

    The least-squares solution of Umeyama 1991, "Least-squares estimation of transformation
    parameters between two point patterns". In the plane it is a complex number: with z and w the
    centred points and targets, sum |a z - w|^2 is least at a = sum(conj(z) w) / sum |z|^2. It never
    contains a reflection.
    """
    centre, target_centre = points.mean(axis=0), target.mean(axis=0)
    z, w = ((x - x.mean(axis=0)).astype(float) @ [1, 1j] for x in (points, target))  # [N]
    a = np.vdot(z, w) / np.vdot(z, z).real
    matrix = np.array([[a.real, -a.imag], [a.imag, a.real]])
    return Similarity(matrix, target_centre - matrix @ centre)
