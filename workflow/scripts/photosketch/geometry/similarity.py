"""Where a face lies in its image, by its five points: the usual place, and the similarity that
brings a face there.

Points are [5, 2] or [N, 5, 2], (x, y) in pixels, in the order of `landmarks.table`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photosketch.data.array_types import Points

# Means of MTCNN's points over the 188 photos of CUFS's CUHK part, 200x250 pixels, to a tenth of a
# pixel, and made symmetric about x = 100, from which they differ by 0.1 px at most.
TEMPLATE_SIZE = (200, 250)
TEMPLATE = np.array([(74.3, 125.6), (125.7, 125.6), (100.0, 153.8), (79.4, 182.1), (120.6, 182.1)])


@dataclass(frozen=True)
class Similarity:
    """x -> matrix @ x + shift: a rotation, one scale, a translation, no reflection."""

    matrix: np.ndarray  # [2, 2]
    shift: np.ndarray  # [2]

    @property
    def scale(self) -> float:
        """Pixels after it for a pixel before."""
        return float(np.hypot(*self.matrix[0]))

    @property
    def degrees(self) -> float:
        """By how much it turns, clockwise on a picture."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    def __call__(self, points: Points) -> Points:
        """The images of points [..., 2]."""
        return points @ self.matrix.T + self.shift

    def inverse(self) -> "Similarity":
        matrix = np.linalg.inv(self.matrix)
        return Similarity(matrix, -matrix @ self.shift)

    def array(self) -> np.ndarray:
        """[2, 3] float64: the matrix, and the shift as third column."""
        return np.column_stack([self.matrix, self.shift])

    @classmethod
    def from_array(cls, array: np.ndarray) -> "Similarity":
        """The inverse of `array`."""
        return cls(array[:, :2], array[:, 2])


def enlargement(size: Sequence[int]) -> float:
    """How many times as large as in CUFS's 200x250 a face is that fills as much of an image of
    `size` (width, height)."""
    return min(size[0] / TEMPLATE_SIZE[0], size[1] / TEMPLATE_SIZE[1])


def template(size: Sequence[int]) -> Points:
    """The usual place [5, 2] of the points in an image of `size` (width, height): CUFS's 200x250,
    as large as fits into it, in its middle."""
    middle = (np.array(TEMPLATE_SIZE) - 1) / 2  # pixel centres are at integers
    return (TEMPLATE - middle) * enlargement(size) + (np.array(size) - 1) / 2


def similarity(points: Points, target: Points) -> Similarity:
    """The similarity that brings points [N, 2] to their targets [N, 2] with the least squares.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point
    patterns", whose solution in the plane is a complex number: with z and w the centred points and
    targets, sum |a z - w|^2 is least at a = sum(conj(z) w) / sum |z|^2, and never a reflection.
    """
    centre, target_centre = points.mean(axis=0), target.mean(axis=0)
    z, w = ((x - x.mean(axis=0)).astype(float) @ [1, 1j] for x in (points, target))  # [N]
    a = np.vdot(z, w) / np.vdot(z, z).real
    matrix = np.array([[a.real, -a.imag], [a.imag, a.real]])
    return Similarity(matrix, target_centre - matrix @ centre)
