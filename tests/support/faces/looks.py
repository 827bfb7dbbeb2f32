"""The looks of the generated subsets: photos' colours and light, sketches' paper and stroke."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from support.faces import drawing as draw
from support.faces.drawing import Array, Canvas, Image, vector
from support.faces.painting import Light, Palette, Rgb


@dataclass(frozen=True)
class Look:
    """What the pictures of one subset have in common. Colours are RGB 0..255, lengths pixels."""

    name: str
    background: Rgb
    skins: tuple[Rgb, ...]
    hairs: tuple[Rgb, ...]
    irises: tuple[Rgb, ...]
    clothes: tuple[Rgb, ...]
    light: Light
    grays: tuple[float, float]  # of the bare paper, of the darkest stroke
    strokes: tuple[float, float, float]  # degrees (anticlockwise from the right), length, width
    contrast: float  # of the strokes
    roughness: float  # of the paper, 0..1
    sketch_suffix: str
    # RGB added to ink and paper for a coloured sketch file; their luma is 0, so gray stays gray.
    tint: tuple[Rgb, Rgb] | None = None


PENCIL = Look(
    name="pencil",
    background=(250, 251, 253),
    skins=((238, 200, 172), (228, 186, 154), (243, 211, 186)),
    hairs=((38, 30, 28), (28, 24, 24), (60, 42, 34)),
    irises=((70, 45, 28), (52, 34, 24)),
    clothes=((205, 200, 180), (60, 72, 100), (150, 60, 60), (120, 130, 120)),
    light=Light((-0.12, -0.42, 1.0), 0.32, 0.5),
    grays=(252, 45),
    strokes=(55, 11, 0.28),
    contrast=1.7,
    roughness=0.06,
    sketch_suffix=".jpg",
)
CHARCOAL = Look(
    name="charcoal",
    background=(62, 104, 160),
    skins=((152, 104, 76), (122, 80, 58), (176, 126, 94)),
    hairs=((26, 22, 22), (44, 34, 30), (78, 52, 40)),
    irises=((70, 45, 28), (52, 34, 24)),
    clothes=((220, 220, 215), (40, 42, 48), (176, 150, 60), (90, 110, 90)),
    light=Light((-0.55, -0.5, 0.95), 0.36, 0.7),
    grays=(238, 18),
    strokes=(40, 8, 0.5),
    contrast=1.0,
    roughness=0.22,
    sketch_suffix=".png",
)
SANGUINE = Look(
    name="sanguine",
    background=(196, 184, 164),
    skins=((244, 208, 190), (234, 190, 168), (222, 180, 146)),
    hairs=((112, 66, 36), (186, 140, 84), (140, 62, 36), (92, 60, 40)),
    irises=((70, 45, 28), (96, 110, 120), (88, 96, 60)),
    clothes=((90, 40, 50), (70, 90, 80), (230, 220, 200), (60, 60, 90)),
    light=Light((0.42, -0.45, 1.0), 0.38, 0.6),
    grays=(232, 46),
    strokes=(-38, 12, 0.4),
    contrast=1.6,
    roughness=0.12,
    sketch_suffix=".jpg",
    tint=((55.0, -20.0, -41.3), (12.0, 0.0, -31.5)),
)
LOOKS = (PENCIL, CHARCOAL, SANGUINE)


def pick_palette(look: Look, rng: np.random.Generator) -> Palette:
    """Colours of one person, near those of the look."""

    def pick(colours: Sequence[Rgb], spread: float) -> Rgb:
        colour = colours[int(rng.integers(len(colours)))]
        scale = 1 + rng.uniform(-spread, spread)
        r, g, b = (min(part * scale, 252) for part in colour)
        return r, g, b

    skin = pick(look.skins, 0.03)
    redness = rng.uniform(0, 1)
    lips = (0.92 - 0.06 * redness, 0.68 - 0.1 * redness, 0.68 - 0.08 * redness)
    return Palette(
        skin=skin,
        hair=pick(look.hairs, 0.1),
        iris=pick(look.irises, 0.1),
        lips=(skin[0] * lips[0], skin[1] * lips[1], skin[2] * lips[2]),
        clothes=pick(look.clothes, 0.08),
    )


def blank_canvas(look: Look, rng: np.random.Generator) -> Canvas:
    """The background: a backdrop brighter behind the head, bare paper, strokes at the ready."""
    x, y = draw.axes()
    glow = 1.08 - 0.14 * np.hypot((x[None] - 100) / 120, (y[:, None] - 110) / 150)
    backdrop = np.minimum(vector(look.background) * glow[..., None], 255)
    return Canvas(backdrop, draw.strokes(rng, *look.strokes))


def take_photo(canvas: Canvas, rng: np.random.Generator) -> Image:
    """The photo [H, W, 3] uint8 RGB: slightly out of focus, with the noise of a sensor."""
    margin = draw.SCALE * draw.MARGIN
    photo = draw.shrunk(cv2.GaussianBlur(canvas.rgb, (0, 0), 0.7)[margin:-margin, margin:-margin])
    return to_bytes(photo + 1.6 * rng.standard_normal(photo.shape, dtype=np.float32))


def draw_sketch(canvas: Canvas, look: Look, ink: float, rng: np.random.Generator) -> Array:
    """The sketch on the canvas [ROWS, COLUMNS], gray 0..255: shading in strokes, then contours."""
    tone, (bare, darkest) = canvas.tone, look.grays
    strokes = tone**0.75 * np.sqrt(1 - tone) * (0.5 - canvas.grain)
    contours = canvas.lines * (0.7 + 0.3 * canvas.grain)
    dark = np.maximum(tone + look.contrast * strokes, contours)
    paper = draw.cloud(rng, 0.7)
    dark = np.clip(dark * (1 - look.roughness * np.maximum(0.5 + 0.5 * paper, 0)), 0, 1)
    return vector(bare - ink * dark * (bare - darkest) + paper)


def colour_sketch(sketch: Image, look: Look) -> Image:
    """A gray sketch [H, W] -> RGB [H, W, 3] in the look's ink and paper, of the same luma; as it
    is where the look has no tint."""
    if look.tint is None:
        return sketch
    (ink, paper), (bare, darkest) = vector(look.tint), look.grays
    bareness = np.clip((sketch[..., None] - darkest) / (bare - darkest), 0, 1)
    return to_bytes(sketch[..., None] + ink + bareness * (paper - ink))


def to_bytes(image: Array) -> Image:
    """Rounded and clipped to uint8."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
