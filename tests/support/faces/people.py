"""Generated people: the numbers that make a face, and the outlines that follow from them.

All lengths are in pixels of the finished image.
"""

from dataclasses import dataclass

import numpy as np

from support.faces.drawing import Array, curve, mirrored, vector

EYES_AT = ((75.3, 126.0), (126.0, 126.0))  # where the aligned CUFS images have them
SIDES = (-1, 1)  # the viewer's left and right
COLLARS = ("round", "shirt", "vee", "high")


@dataclass(frozen=True)
class HairStyle:
    """Outlines "x y, x y, ..." from the viewer's left to right: x in face half-widths, y in pixels
    from the eyes. One that ends on the middle line, at x = 0, is half of a symmetric one."""

    outer: str
    inner: str  # the hairline
    parting: float = 0.0
    behind: bool = False  # hair shows behind the neck
    curl: float = 0.4
    coils: bool = False
    bun: bool = False
    cover: float = 1.0  # opacity
    stubble: bool = False  # goes with a shaved beard, for half of its wearers


HAIR_STYLES = (
    HairStyle(  # cropped
        "-1 6, -1.05 -14, -1.05 -40, -.88 -68, -.5 -88, 0 -95",
        "-.97 8, -.93 -12, -.88 -30, -.7 -48, -.35 -55, 0 -53",
        stubble=True,
    ),
    HairStyle(  # long, parted in the middle
        "-1.2 145, -1.27 90, -1.24 40, -1.2 0, -1.12 -40, -.88 -72, -.48 -92, 0 -98",
        "-.93 145, -.9 95, -.9 50, -.93 10, -.84 -22, -.52 -52, -.16 -72, 0 -80",
        behind=True,
    ),
    HairStyle(  # swept to one side
        "-1 8, -1.07 -14, -1.1 -42, -.92 -72, -.5 -94, 0 -100, .5 -92, .88 -70, 1.05 -40, "
        "1.05 -14, 1 8",
        "-.97 8, -.93 -14, -.84 -34, -.45 -42, 0 -48, .36 -64, .6 -54, .84 -36, .93 -12, .97 8",
        parting=0.4,
        stubble=True,
    ),
    HairStyle(  # bob with a fringe
        "-.86 66, -1.1 64, -1.26 40, -1.24 0, -1.16 -40, -.92 -74, -.5 -94, 0 -99",
        "-.86 66, -.92 34, -.95 4, -.86 -18, -.5 -25, 0 -27",
        behind=True,
    ),
    HairStyle(  # coils
        "-.94 20, -1.16 14, -1.3 -14, -1.29 -50, -1.06 -84, -.58 -104, 0 -110",
        "-.94 20, -.96 0, -.92 -26, -.68 -45, -.3 -52, 0 -53",
        behind=True,
        coils=True,
    ),
    HairStyle(  # receding
        "-1 8, -1.04 -14, -1.03 -36, -.86 -62, -.5 -80, 0 -86",
        "-.98 8, -.95 -14, -.9 -34, -.78 -54, -.58 -70, -.3 -73, 0 -66",
        stubble=True,
    ),
    HairStyle(  # long waves, parted on one side
        "-1.3 145, -1.42 96, -1.3 52, -1.2 10, -1.14 -36, -.92 -72, -.46 -95, .1 -101, .56 -92, "
        ".94 -70, 1.15 -36, 1.22 10, 1.32 52, 1.42 96, 1.3 145",
        "-.86 145, -.92 95, -.88 50, -.96 12, -.88 -20, -.5 -46, .1 -66, .4 -78, .66 -56, "
        ".87 -24, .95 12, .88 50, .92 95, .86 145",
        parting=0.4,
        behind=True,
        curl=2.6,
    ),
    HairStyle(  # shaved
        "-.98 2, -1 -18, -.98 -42, -.8 -66, -.46 -82, 0 -87",
        "-.97 2, -.94 -16, -.86 -34, -.7 -51, -.35 -58, 0 -57",
        cover=0.66,
        stubble=True,
    ),
    HairStyle(  # tied up
        "-.99 2, -1.03 -16, -1.02 -42, -.84 -70, -.46 -88, 0 -93",
        "-.97 2, -.94 -16, -.84 -40, -.54 -60, -.24 -67, 0 -69",
        bun=True,
    ),
)


class Person:
    """What one face is made of, drawn at random. Widths and openings are halves; tilts are slopes.

    `style` picks hair and collar in turn, so that neighbours differ.
    """

    def __init__(self, rng: np.random.Generator, style: int) -> None:
        between = rng.uniform
        self.eyes = [(x + between(-0.9, 0.9), y + between(-0.9, 0.9)) for x, y in EYES_AT]
        self.centre, self.eye_line = ((a + b) / 2 for a, b in zip(*self.eyes, strict=True))
        self.mouth = (self.centre + between(-1, 1), between(179.5, 185.0))  # between its corners
        self.hair = HAIR_STYLES[style % len(HAIR_STYLES)]
        self.half_width = between(53.0, 61.5)  # at the cheekbones
        self.jaw = between(0.68, 0.88)  # at the height of the mouth, in half_widths
        self.chin_width = between(0.3, 0.5)  # in half_widths
        self.chin = self.mouth[1] + between(33, 40)  # y of its lowest point
        self.brow_height = between(13.0, 16.5)
        self.brow_thickness = between(3.2, 5.6)
        self.brow_tilt = between(-0.1, 0.06)
        self.brow_arch = between(1.0, 3.6)
        self.eye_width = between(11.0, 13.0)
        self.eye_opening = between(3.8, 5.4)
        self.eye_tilt = between(-0.02, 0.12)
        self.nose = (self.centre + between(-0.8, 0.8), between(151.0, 156.5))  # the tip
        self.nose_width = between(12.0, 15.5)
        self.mouth_width = between(18.5, 22.5)
        self.mouth_curve = between(-0.2, 1.8)
        self.lips = between(4.2, 6.6)  # thickness of one
        self.stubble = between(0.35, 1.0) * (self.hair.stubble and between(0, 1) < 0.5)  # 0..1
        self.volume = between(1.5, 6.5)  # by which the hair's outline grows
        self.flipped = between(0, 1) < 0.5
        self.collar = COLLARS[style % len(COLLARS)]

    @property
    def landmarks(self) -> Array:
        """The five points [5, 2] in the order of `LANDMARK_NAMES`."""
        x, y = self.mouth
        corners = [(x - self.mouth_width, y), (x + self.mouth_width, y)]
        return vector([*self.eyes, self.nose, *corners])

    def face_outline(self) -> Array:
        """Chin, jaw, cheeks and forehead [N, 2], from the chin up the left side and round."""
        w, e, chin = self.half_width, self.eye_line, self.chin
        jaw = [(0, chin), (-self.chin_width * w, chin - 6), (-self.jaw * w, chin - 32)]
        cheek = [(-0.965 * w, e + 26), (-w, e - 4), (-0.96 * w, e - 38)]
        left = [*jaw, *cheek, (-0.68 * w, e - 70), (0, e - 82)]
        return curve(mirrored(left, self.centre)[:-1], closed=True)

    def hair_outlines(self) -> tuple[Array, Array]:
        """Outer outline and hairline [N, 2], both from the viewer's left to right."""

        def placed(points: str, growth: float) -> Array:
            p = vector(points.replace(",", " ").split()).reshape(-1, 2)
            outward = p / vector([1, 80])
            outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
            outward *= p[:, 1:] < 100  # ends below the frame stay
            p = p * [self.half_width, 1] + growth * outward + [0, self.eye_line]
            if points.split()[-2] == "0":
                return curve(mirrored(p, self.centre))
            if self.flipped:
                p = p[::-1] * [-1, 1]
            return curve(p + [self.centre, 0])

        return placed(self.hair.outer, self.volume), placed(self.hair.inner, 0.0)
