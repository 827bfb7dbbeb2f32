"""Where the parts of a face usually lie."""

from dataclasses import dataclass

import numpy as np

from photosketch.arrays import Field, Points


@dataclass(frozen=True)
class FaceFrame:
    """Where a face is: (x, y) midway between the eyes, and the length of a unit in pixels.

    All lengths of the parser are in units; 50 of them lie between the eyes, as in CUFS, where a
    unit is a pixel. `stretch` is the distance from eyes to mouth over its usual 55 units.
    """

    x: float
    y: float
    unit: float
    stretch: float

    @classmethod
    def of(cls, points: Points) -> "FaceFrame":
        """The frame of five points [5, 2] of an upright face."""
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        unit = float(np.hypot(*(points[1] - points[0]))) / 50
        stretch = float(np.clip((mouth[1] - eyes[1]) / (55 * unit), 0.85, 1.2))
        return cls(float(eyes[0]), float(eyes[1]), unit, stretch)

    def coordinates(self, shape: tuple[int, ...]) -> tuple[Field, Field]:
        """x [1, W] and y [H, 1] of every pixel, in units from the point between the eyes."""
        height, width = shape[:2]
        x = (np.arange(width, dtype=np.float32)[None] - self.x) / self.unit
        y = (np.arange(height, dtype=np.float32)[:, None] - self.y) / self.unit
        return x, y

    def row(self, y: float, height: int) -> int:
        """The row nearest to `y` units below the eyes, inside a picture of that height."""
        return int(np.clip(round(self.y + y * self.unit), 0, height - 1))
