"""Where a face lies in its image, by its five points: the usual place, the similarity that brings a
face there, and whether the local networks' rectangles fit it.

Points are [5, 2] or [N, 5, 2], (x, y) in pixels, in the order of `landmarks.table`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photosketch.arrays import Points
from photosketch.config import FRAMES
from photosketch.patches import patches_of

# Means of MTCNN's points over the 188 photos of CUFS's CUHK part, 200x250 pixels, to a tenth of a
# pixel, and made symmetric about x = 100, from which they differ by 0.1 px at most.
TEMPLATE_SIZE = (200, 250)
TEMPLATE = np.array([(74.3, 125.6), (125.7, 125.6), (100.0, 153.8), (79.4, 182.1), (120.6, 182.1)])
# Pixels in a frame of 256. Below, the four rectangles lie on each other, and above, each shows less
# than what it is named for. CUFS's are 44 to 58 (CUHK, photos and sketches), the template's 51.4.
EYE_DISTANCES = (40.0, 62.0)
# Degrees: the rectangles stand upright, and in that of the mouth (40 px high) the corners of one as
# wide as CUFS's (41 px) lie 15 px apart in height. CUFS's faces are tilted by 3 at most.
LARGEST_TILT = 20.0


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


def template(size: Sequence[int]) -> Points:
    """The usual place [5, 2] of the points in an image of `size` (width, height): CUFS's 200x250,
    as large as fits into it, in its middle."""
    scale = min(size[0] / TEMPLATE_SIZE[0], size[1] / TEMPLATE_SIZE[1])
    middle = (np.array(TEMPLATE_SIZE) - 1) / 2  # pixel centres are at integers
    return (TEMPLATE - middle) * scale + (np.array(size) - 1) / 2


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


def problems(points: Points, size: Sequence[int], frame: int = FRAMES[0]) -> list[str]:
    """What keeps the local networks' rectangles from fitting a face, in words; mostly nothing.

    `points` [5, 2] in an image of `size` (width, height), which lies in the middle of a square
    frame of that many pixels a side, and is not scaled.
    """
    across, down = points[1] - points[0]
    distance, tilt = float(np.hypot(across, down)), float(np.degrees(np.arctan2(down, across)))
    least, most = (limit * frame / FRAMES[0] for limit in EYE_DISTANCES)
    found = []
    if not least <= distance <= most:
        found.append(f"the eyes are {distance:.0f} px apart instead of {least:g} to {most:g}")
    if abs(tilt) > LARGEST_TILT:
        found.append(f"the face is tilted by {tilt:.0f} degrees, over {LARGEST_TILT:g}")
    offset = np.array([(frame - length) // 2 for length in size])
    outside = [
        patch.name.replace("_", " ")
        for patch, corner in zip(patches_of(frame), corners(points, frame) + offset, strict=True)
        if (corner < 0).any() or (corner + (patch.width, patch.height) > frame).any()
    ]
    if outside:
        found.append(f"too near the border: {', '.join(outside)}")
    return found


def corners(points: Points, frame: int = FRAMES[0]) -> np.ndarray:
    """The top left corners [4, 2] of the local networks' rectangles around points [5, 2], in pixels
    of the points' image, which lies unscaled in a frame of that many pixels a side."""
    patches = patches_of(frame)
    centres = [points[patch.points].mean(axis=0) + (0, patch.shift) for patch in patches]
    return np.round(np.array(centres) - [(patch.width / 2, patch.height / 2) for patch in patches])
