"""Generated people: the numbers that make a face, and the outlines that follow from them.

All lengths are in pixels of the finished image.
"""

from dataclasses import dataclass

import numpy as np

from support.faces.drawing import Array, Points, curve, mirrored, vector

EYES_AT = ((75.3, 126.0), (126.0, 126.0))  # where the aligned CUFS images have them
SIDES = (-1, 1)  # the viewer's left and right


@dataclass(frozen=True)
class HairStyle:
    """Outlines from the viewer's left to right: x in face half-widths, y in pixels from the eyes.

    A symmetric style gives its left half only, up to the middle line.
    """

    outer: tuple[tuple[float, float], ...]
    inner: tuple[tuple[float, float], ...]  # the hairline
    symmetric: bool = True
    parting: float = 0.0
    behind: bool = False  # hair shows behind the neck
    curl: float = 0.4
    coils: bool = False
    bun: bool = False
    cover: float = 1.0  # opacity
    stubble: bool = False  # goes with a shaved beard, for half of its wearers


_SHORT = ((-1.0, 6), (-1.05, -14), (-1.05, -40), (-0.88, -68), (-0.5, -88), (0, -95))
HAIR_STYLES = (
    HairStyle(  # cropped
        outer=_SHORT,
        inner=((-0.97, 8), (-0.93, -12), (-0.88, -30), (-0.7, -48), (-0.35, -55), (0, -53)),
        stubble=True,
    ),
    HairStyle(  # long, parted in the middle
        outer=(
            *((-1.2, 145), (-1.27, 90), (-1.24, 40), (-1.2, 0), (-1.12, -40), (-0.88, -72)),
            *((-0.48, -92), (0, -98)),
        ),
        inner=(
            *((-0.93, 145), (-0.9, 95), (-0.9, 50), (-0.93, 10), (-0.84, -22), (-0.52, -52)),
            *((-0.16, -72), (0, -80)),
        ),
        behind=True,
    ),
    HairStyle(  # swept to one side
        outer=(
            *((-1.0, 8), (-1.07, -14), (-1.1, -42), (-0.92, -72), (-0.5, -94), (0, -100)),
            *((0.5, -92), (0.88, -70), (1.05, -40), (1.05, -14), (1.0, 8)),
        ),
        inner=(
            *((-0.97, 8), (-0.93, -14), (-0.84, -34), (-0.45, -42), (0, -48), (0.36, -64)),
            *((0.6, -54), (0.84, -36), (0.93, -12), (0.97, 8)),
        ),
        symmetric=False,
        parting=0.4,
        stubble=True,
    ),
    HairStyle(  # bob with a fringe
        outer=(
            *((-0.86, 66), (-1.1, 64), (-1.26, 40), (-1.24, 0), (-1.16, -40), (-0.92, -74)),
            *((-0.5, -94), (0, -99)),
        ),
        inner=((-0.86, 66), (-0.92, 34), (-0.95, 4), (-0.86, -18), (-0.5, -25), (0, -27)),
        behind=True,
    ),
    HairStyle(  # coils
        outer=(
            *((-0.94, 20), (-1.16, 14), (-1.3, -14), (-1.29, -50), (-1.06, -84)),
            *((-0.58, -104), (0, -110)),
        ),
        inner=((-0.94, 20), (-0.96, 0), (-0.92, -26), (-0.68, -45), (-0.3, -52), (0, -53)),
        behind=True,
        coils=True,
    ),
    HairStyle(  # receding
        outer=((-1.0, 8), (-1.04, -14), (-1.03, -36), (-0.86, -62), (-0.5, -80), (0, -86)),
        inner=(
            *((-0.98, 8), (-0.95, -14), (-0.9, -34), (-0.78, -54), (-0.58, -70), (-0.3, -73)),
            (0, -66),
        ),
        stubble=True,
    ),
    HairStyle(  # long waves, parted on one side
        outer=(
            *((-1.3, 145), (-1.42, 96), (-1.3, 52), (-1.2, 10), (-1.14, -36), (-0.92, -72)),
            *((-0.46, -95), (0.1, -101), (0.56, -92), (0.94, -70), (1.15, -36), (1.22, 10)),
            *((1.32, 52), (1.42, 96), (1.3, 145)),
        ),
        inner=(
            *((-0.86, 145), (-0.92, 95), (-0.88, 50), (-0.96, 12), (-0.88, -20), (-0.5, -46)),
            *((0.1, -66), (0.4, -78), (0.66, -56), (0.87, -24), (0.95, 12), (0.88, 50)),
            *((0.92, 95), (0.86, 145)),
        ),
        symmetric=False,
        parting=0.4,
        behind=True,
        curl=2.6,
    ),
    HairStyle(  # shaved
        outer=((-0.98, 2), (-1.0, -18), (-0.98, -42), (-0.8, -66), (-0.46, -82), (0, -87)),
        inner=((-0.97, 2), (-0.94, -16), (-0.86, -34), (-0.7, -51), (-0.35, -58), (0, -57)),
        cover=0.66,
        stubble=True,
    ),
    HairStyle(  # tied up
        outer=((-0.99, 2), (-1.03, -16), (-1.02, -42), (-0.84, -70), (-0.46, -88), (0, -93)),
        inner=((-0.97, 2), (-0.94, -16), (-0.84, -40), (-0.54, -60), (-0.24, -67), (0, -69)),
        bun=True,
    ),
)
COLLARS = ("round", "shirt", "vee", "high")


@dataclass(frozen=True)
class Person:
    """What one face is made of. Widths and openings are halves; tilts are slopes."""

    eyes: tuple[tuple[float, float], tuple[float, float]]
    half_width: float  # at the cheekbones
    jaw: float  # at the height of the mouth, in half_widths
    chin_width: float  # in half_widths
    chin: float  # y of its lowest point
    brow_height: float
    brow_thickness: float
    brow_tilt: float
    brow_arch: float
    eye_width: float
    eye_opening: float
    eye_tilt: float
    nose: tuple[float, float]  # the tip
    nose_width: float
    mouth: tuple[float, float]  # midway between its corners
    mouth_width: float
    mouth_curve: float
    lips: float  # thickness of one
    stubble: float  # 0..1
    hair: HairStyle
    volume: float  # by which the hair's outline grows
    flipped: bool
    collar: str

    @property
    def centre(self) -> float:
        """x midway between the eyes."""
        return (self.eyes[0][0] + self.eyes[1][0]) / 2

    @property
    def eye_line(self) -> float:
        """y midway between the eyes."""
        return (self.eyes[0][1] + self.eyes[1][1]) / 2

    @property
    def landmarks(self) -> Array:
        """The five points [5, 2] in the order of `LANDMARK_NAMES`."""
        x, y = self.mouth
        corners = [(x - self.mouth_width, y), (x + self.mouth_width, y)]
        return np.array([*self.eyes, self.nose, *corners], np.float32)


def invent(rng: np.random.Generator, style: int) -> Person:
    """Draw a person; `style` picks hair and collar in turn, so that neighbours differ."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    (left_x, left_y), (right_x, right_y) = EYES_AT
    left = (left_x + between(-0.9, 0.9), left_y + between(-0.9, 0.9))
    right = (right_x + between(-0.9, 0.9), right_y + between(-0.9, 0.9))
    centre = (left[0] + right[0]) / 2
    mouth_x, mouth_y = centre + between(-1, 1), between(179.5, 185.0)
    hair = HAIR_STYLES[style % len(HAIR_STYLES)]
    return Person(
        eyes=(left, right),
        half_width=between(53.0, 61.5),
        jaw=between(0.68, 0.88),
        chin_width=between(0.3, 0.5),
        chin=mouth_y + between(33, 40),
        brow_height=between(13.0, 16.5),
        brow_thickness=between(3.2, 5.6),
        brow_tilt=between(-0.1, 0.06),
        brow_arch=between(1.0, 3.6),
        eye_width=between(11.0, 13.0),
        eye_opening=between(3.8, 5.4),
        eye_tilt=between(-0.02, 0.12),
        nose=(centre + between(-0.8, 0.8), between(151.0, 156.5)),
        nose_width=between(12.0, 15.5),
        mouth=(mouth_x, mouth_y),
        mouth_width=between(18.5, 22.5),
        mouth_curve=between(-0.2, 1.8),
        lips=between(4.2, 6.6),
        stubble=between(0.35, 1.0) * (hair.stubble and between(0, 1) < 0.5),
        hair=hair,
        volume=between(1.5, 6.5),
        flipped=between(0, 1) < 0.5,
        collar=COLLARS[style % len(COLLARS)],
    )


def face_outline(person: Person) -> Array:
    """Chin, jaw, cheeks and forehead [N, 2], from the chin up the left side and round."""
    w, e, chin = person.half_width, person.eye_line, person.chin
    left = [
        *((0, chin), (-person.chin_width * w, chin - 6), (-person.jaw * w, chin - 32)),
        *((-0.965 * w, e + 26), (-w, e - 4), (-0.96 * w, e - 38), (-0.68 * w, e - 70)),
        (0, e - 82),
    ]
    return curve(mirrored(left, person.centre)[:-1], closed=True)


def hair_outlines(person: Person) -> tuple[Array, Array]:
    """Outer outline and hairline [N, 2], both from the viewer's left to right."""
    hair = person.hair

    def placed(points: Points, growth: float) -> Array:
        p = vector(points)
        outward = p / vector([1, 80])
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        outward *= p[:, 1:] < 100  # ends below the frame stay
        p = p * [person.half_width, 1] + growth * outward + [0, person.eye_line]
        if hair.symmetric:
            return curve(mirrored(p, person.centre))
        if person.flipped:
            p = p[::-1] * [-1, 1]
        return curve(p + [person.centre, 0])

    return placed(hair.outer, person.volume), placed(hair.inner, 0.0)
