"""A typical face: the shapes of its parts, and where to look for them.

Lengths are in units: the eyes are 50 units apart, as in CUFS, where a unit is about a pixel.
(0, 0) is midway between the eyes, x grows to the viewer's right, y downwards. Eyes, brows, nose and
mouth have origins of their own. The left half of a face mirrors the right half.

Nearly all values here, in `segmentation` and `features` were chosen by hand while the parser was
built, by looking at the labels of every sixth CUHK pair and of generated faces. They are not
averages over people. A value with another source names the source.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from photosketch.data.array_types import Field, Points


@dataclass(frozen=True)
class Ellipse:
    """An upright ellipse: its centre, and half its width and height."""

    x: float
    y: float
    half_width: float
    half_height: float

    def squared(self, x: Field, y: Field) -> Field:
        """Squares of `distance`."""
        return ((x - self.x) / self.half_width) ** 2 + ((y - self.y) / self.half_height) ** 2

    def distance(self, x: Field, y: Field) -> Field:
        """The distance [H, W] of places from the centre: 1 on the outline."""
        return np.hypot((x - self.x) / self.half_width, (y - self.y) / self.half_height)


@dataclass(frozen=True)
class Extent:
    """How far a part usually reaches, how much that varies, and the bounds that are searched."""

    usual: float
    spread: float
    least: float
    most: float

    def oddness(self, extent: Any) -> Any:
        """The squared difference of an extent (or an array) from the usual, in spreads."""
        return ((extent - self.usual) / self.spread) ** 2

    def searched(self, unit: float) -> range:
        """The extents in pixels."""
        return range(round(self.least * unit), round(self.most * unit) + 1)


EYE_DISTANCE = 50.0  # CUFS is aligned to 50.7 pixels


@dataclass(frozen=True)
class FaceFrame:
    """Where a face is: (x, y) midway between the eyes, and the length of a unit in pixels.
    `stretch` is the distance from eyes to mouth divided by its usual length."""

    x: float
    y: float
    unit: float
    stretch: float

    @classmethod
    def of(cls, points: Points) -> "FaceFrame":
        """The frame of five points [5, 2] of an upright face."""
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        unit = float(np.hypot(*(points[1] - points[0]))) / EYE_DISTANCE
        # Usually 55. MTCNN's points of the 188 CUHK pairs: 55.0 +- 2.5 in photos, 54.7 +- 2.2 in
        # sketches (48.7 to 61). Beyond the bounds the points are doubted.
        stretch = float(np.clip((mouth[1] - eyes[1]) / (55.0 * unit), 0.85, 1.2))
        return cls(float(eyes[0]), float(eyes[1]), unit, stretch)

    def coordinates(self, shape: tuple[int, ...]) -> tuple[Field, Field]:
        """x [1, W] and y [H, 1] of every pixel, in units from the point between the eyes."""
        height, width = shape[:2]
        x = (np.arange(width, dtype=np.float32)[None] - self.x) / self.unit
        y = (np.arange(height, dtype=np.float32)[:, None] - self.y) / self.unit
        return x, y

    def row(self, y: float, height: int) -> int:
        """The row nearest to `y` units below the eyes, inside a picture of this height."""
        return int(np.clip(round(self.y + y * self.unit), 0, height - 1))


# Here y does not follow the face's stretch.
INNER_FACE = Ellipse(0, 22, 36, 50)  # forehead, cheeks, chin: certain to be face

# From here on y is divided by the stretch.
FACE = Ellipse(0, 19, 56, 68)  # from the hairline to below the chin, from ear to ear
FACE_CORE = 0.8  # of FACE's axes: inside there is little hair
EAR = Ellipse(62, 15, 10, 20)

# Windows in which a part is looked for: half the width, the top, the bottom.

# An eye. The origin is its point.
EYE_WINDOW = (20, -20, 20)
LOWER_LID = Extent(4.6, 1.5, least=2.5, most=7)  # y below the iris

# A brow. The origin is the middle of the iris.
BROW_WINDOW = (22, -26, -7)

# The nose. The origin is its tip; for the wings it is midway between the nostrils.
NOSE_WINDOW = (22, -10, 18)
NOSTRIL = Ellipse(6.5, 5, 3.2, 5)  # the right nostril: where it is, and how much that varies
WING_WINDOW = (22, -7, 1)  # rows that the outer edges of the wings cross
WING = Extent(13.5, 3, least=10, most=19)  # half the nose's width

# The mouth. The origin is midway between its corners.
MOUTH_WINDOW = (32, -16, 20)
UPPER_LIP = Extent(5.5, 2.0, least=0.55 * 5.5, most=10)  # thickness
LOWER_LIP = Extent(8.0, 2.5, least=0.55 * 8.0, most=13)
