"""A typical face: where its parts lie, how large they are, and where to look for them.

Lengths are in units: the eyes are 50 units apart, as in CUFS, where a unit is about a pixel.
(0, 0) is midway between the eyes, x grows to the viewer's right, y downwards. Eyes, brows, nose and
mouth have origins of their own. The left half of a face mirrors the right half.

Nearly all values were chosen by hand while the parser was built, by looking at the labels of every
sixth CUHK pair and of generated faces. They are not averages over people. A value with another
source names the source.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from photosketch.data.array_types import Field, Mask, Points


@dataclass(frozen=True)
class Ellipse:
    """An upright ellipse: its centre, and half its width and height."""

    x: float
    y: float
    half_width: float
    half_height: float

    def squared(self, x: Field, y: Field) -> Field:
        """The squared distance [H, W] of places from the centre: 1 on the outline."""
        return ((x - self.x) / self.half_width) ** 2 + ((y - self.y) / self.half_height) ** 2

    def distance(self, x: Field, y: Field) -> Field:
        """The distance [H, W] of places from the centre: 1 on the outline."""
        return np.hypot((x - self.x) / self.half_width, (y - self.y) / self.half_height)

    def inside(self, x: Field, y: Field) -> Mask:
        """The places [H, W] inside the outline."""
        return self.squared(x, y) < 1


@dataclass(frozen=True)
class Box:
    """An upright rectangle centred on x = 0, by default unbounded above and below."""

    half_width: float
    top: float = -np.inf
    bottom: float = np.inf

    def inside(self, x: Field, y: Field) -> Mask:
        """The places [H, W] inside."""
        return (np.abs(x) < self.half_width) & (y > self.top) & (y < self.bottom)


@dataclass(frozen=True)
class Border:
    """The x or y at which a part usually ends, and how far that varies to both sides."""

    place: float
    width: float

    def beyond(self, place: Field) -> Field:
        """How surely places lie beyond the border: 0 to 1."""
        return step(place - self.place, self.width)

    def before(self, place: Field) -> Field:
        """How surely places lie before the border: 0 to 1."""
        return step(self.place - place, self.width)


def step(distance: Field, width: Field | float) -> Field:
    """The logistic function of distance / width: 0 far below zero, 1 far above."""
    return 1 / (1 + np.exp(-np.clip(distance / width, -30, 30)))  # the exponential cannot overflow


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


EYE_DISTANCE = 50.0  # CUFS is aligned to 50.7 pixels
# MTCNN's points of the 188 CUHK pairs: 55.0 +- 2.5 in photos, 54.7 +- 2.2 in sketches (48.7 to 61).
EYES_TO_MOUTH = 55.0
STRETCHES = (0.85, 1.2)  # the bounds of EYES_TO_MOUTH's factor: beyond them the points are doubted


@dataclass(frozen=True)
class FaceFrame:
    """Where a face is: (x, y) midway between the eyes, and the length of a unit in pixels.

    `stretch` is the distance from eyes to mouth divided by its usual length.
    """

    x: float
    y: float
    unit: float
    stretch: float

    @classmethod
    def of(cls, points: Points) -> "FaceFrame":
        """The frame of five points [5, 2] of an upright face."""
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        unit = float(np.hypot(*(points[1] - points[0]))) / EYE_DISTANCE
        stretch = float(np.clip((mouth[1] - eyes[1]) / (EYES_TO_MOUTH * unit), *STRETCHES))
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


# Head and background. Here y does not follow the stretch.
INNER_FACE = Ellipse(0, 22, 36, 50)  # forehead, cheeks, chin: certain to be face
FACE_MIDDLE = 20.0  # y, at x = 0
BUST = Box(95, bottom=115)  # the network needs to see this far beside and below a face

# The head and neck of a drawing with the paper around, where its contrast is measured.
DRAWN_HEAD = Box(60, top=-60, bottom=90)

# Hair, skin and clothes. From here on y is divided by the face's stretch.
FACE = Ellipse(0, 19, 56, 68)  # from the hairline to below the chin, from ear to ear
FACE_CORE = 0.8  # of FACE's axes: inside there is little hair
FOREHEAD_BLUR = 0.1  # of FACE's axes: how much the hairline varies
CHEEK_BLUR_LESS = 0.045  # how much less cheeks and jaw vary
FOREHEAD_END = Border(8, 4)
CHEEKS = Box(np.inf, top=7, bottom=62)  # within FACE, below brows and eyes
EAR = Ellipse(62, 15, 10, 20)
EAR_SHOWS = 0.6  # how likely it is not under hair
NECK_SIDE = Border(34, 3.5)
NECK_TOP = Border(55, 4)
CROWN = Box(50, bottom=-37)  # hair, at CROWN_DEPTHS inside the head mask
CROWN_DEPTHS = (2.0, 14.0)
HAIR_TOP = -40.0  # y: hair that reaches above belongs to the head,
HAIR_RIM_END = 62.0  # as does hair that reaches the head mask's rim above this y
HALO_END = 75.0  # y: slivers at the rim are hair above
HANGING = 80.0  # y: hair below must hang down from above
LONG_HAIR_SIDE = Border(34, 3)  # farther out, hair may lie over the clothes,
LONG_HAIR_SHOWS = 0.3  # with this probability
CLOTHES_TOP = 97.0
CLOTHES_TOP_BLUR = 3.5  # to both sides
NECKLINE_SIDE = Border(30, 4)
NECKLINE_DEPTH = 15.0  # how much lower the clothes begin at the throat
CLOTHES_FREE = 95.0  # y: above, there are only hair and skin
WORN_TOP = 103.0  # y: below, and at least WORN_SIDE from the middle, the shoulders wear clothes
WORN_SIDE = 45.0
COLLAR_TOP = 72.0  # y: no collar reaches higher


def collar(x: Field) -> Field:
    """The usual y of a collar at places x: flat at the throat, steep at the sides of the neck."""
    aside = np.clip(np.abs(x) / 38.0, 0, 1.3)
    return 112.0 - 13.0 * aside**4


# An eye. The origin is its point; for the lids it is the middle of the iris.
EYE_WINDOW = Box(20, top=-20, bottom=20)
IRIS_RADIUS = 4.6
IRIS_DRIFT = 6.0  # the largest distance from the point to the iris
IRIS_SPREAD = 8.0  # how much that distance varies
EYE_WHITE = (5.5, 8.0)  # radii between which the white surrounds the iris
EYE_WHITE_HALF_HEIGHT = 4.0  # of the white that the lids leave open
EYE_HALF_WIDTHS = (9.0, 13.0)  # the least and the most
LOWER_LID = Extent(4.6, 1.5, least=2.5, most=7)  # y below the iris
LEAST_SAG = 1.5  # of the lower lid below the line between the corners


def upper_lid(x: Field) -> Field:
    """The usual y of the upper lid at places x; the corners lie lower than the middle."""
    return -4.3 + 5.5 * (x / 12.5) ** 2


# A brow. The origin is the middle of the iris; x grows towards the tail.
BROW_WINDOW = Box(22, top=-26, bottom=-7)
BROW_MIDDLE = 2.0  # x
BROW_BODY = (-12.0, 14.0)  # the range of x that a brow is certain to cover
BROW_HALF_WIDTHS = (10.0, 19.0)  # the least and the most
BROW_HALF_THICKNESSES = (0.8, 4.5)  # the least and the most


def brow(x: Field) -> Field:
    """The usual y of a brow at places x: the inner end and the tail lie lower."""
    head = 3.0 * np.exp(-(((x + 14.0) / 6.0) ** 2))
    tail = 3.0 * np.maximum((x - 10.0) / 8.0, 0)
    return -15.5 + head + tail


# The nose. The origin is its tip; for the wings it is midway between the nostrils.
NOSE_WINDOW = Box(22, top=-10, bottom=18)
NOSTRIL = Ellipse(6.5, 5, 3.2, 5)  # the right nostril: where it is, and how much that varies
WING_WINDOW = Box(22, top=-7, bottom=1)  # rows that the outer edges of the wings cross
WING = Extent(13.5, 3, least=10, most=19)  # half the nose's width
NOSE_ROOT = 2.0  # y below the eyes
NOSE_BOTTOM = 4.0  # y of the septum below the nostrils


def nose_outline(root: float, nostrils: float, wing: float) -> list[tuple[float, float]]:
    """One side of a nose from the root down to the base: (x, y), x counted from its middle.

    `root` and `nostrils` are values of y; `wing` is half the nose's width.
    """
    return [
        (4.5, root),
        (5.5, nostrils - 19.0),  # bridge
        (0.82 * wing, nostrils - 8.0),  # side
        (wing, nostrils - 1.5),
        (0.6 * wing, nostrils + 3.0),  # base
    ]


# The mouth. The origin is midway between its corners.
MOUTH_WINDOW = Box(32, top=-16, bottom=20)
MOUTH_BELOW_NOSTRILS = 8.0  # at least: in CUHK m-032-01 the nostrils were mistaken for the mouth
MOUTH_HALF_WIDTHS = (12.0, 30.0)  # the least and the most
MOUTH_CORNER_DRIFT = 6.0  # the largest distance from a corner to its point
THINNEST_LIP = 0.55  # of the usual thickness
UPPER_LIP = Extent(5.5, 2.0, least=THINNEST_LIP * 5.5, most=10)  # thickness
LOWER_LIP = Extent(8.0, 2.5, least=THINNEST_LIP * 8.0, most=13)
LIPS_SURROUNDS = (13.0, 17.0)  # above and below the line between the lips: the lips and some skin
UPPER_LIP_SHAPE = (1.7, 0.9)  # exponents of the outline: 2 and 0.5 are half an ellipse
LOWER_LIP_SHAPE = (2, 0.8)


def lip(position: Field, shape: tuple[float, float]) -> Field:
    """How far a lip's outline lies from the line between the lips, 0 to 1 (its maximum).

    `position` is -1 and 1 at the corners of the mouth.
    """
    inner, outer = shape
    return np.clip(1 - np.abs(position) ** inner, 0, 1) ** outer
