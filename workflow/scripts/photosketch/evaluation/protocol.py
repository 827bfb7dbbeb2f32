"""What is done to sketches between drawing and scoring; the samples stay as they are.

Presets by name, each read off published code that docs/protocols.md names file by file. Levels and
JPEG change what every metric scores; what part of the image is seen, at what size and by what
scale, changes FID and KID alone, of both drawn and true sketches.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from photosketch.configuration.settings import ScoredAs
from photosketch.data.pairs import Pair, read_image

JPEG_QUALITY = 75  # Pillow's default
# (mean, std) that turn 0..1 into x, of which torchvision's Inception takes 2 x - 1. The copies of
# an early pytorch-fid in published code undo ImageNet's scale on images that don't have this scale;
# with normalize_input=False the network takes 0..1 as they are.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UNSCALED = (0.5,) * 3, (0.5,) * 3


@dataclass(frozen=True)
class Protocol:
    """How sketches are scored; `note` is what every table and figure of scores says of it."""

    note: str
    stretched: bool = False  # drawn sketches from their darkest to their lightest level
    jpeg: bool = False  # drawn sketches are saved as JPEG and read back
    in_colour: bool = False  # FID and KID see the true sketches in colour
    centre: int | None = None  # pixels, the side of the central square that FID and KID see
    side: int | None = None  # pixels, of the square that images are resized to for FID and KID
    scale: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # of torchvision's Inception


PROTOCOLS: dict[ScoredAs, Protocol] = {
    "as_drawn": Protocol(""),
    "report2019": Protocol(
        "Scored as in the report of 2019: drawn sketches stretched to full contrast and through "
        "JPEG, true ones in colour",
        stretched=True,
        jpeg=True,
        in_colour=True,
        scale=IMAGENET,
    ),
    "genre2021": Protocol("Scored as GENRE scores while it trains", scale=UNSCALED),
    "genre2021_saved": Protocol(
        "Scored as GENRE saves: central squares of 200 pixels, drawn sketches through JPEG",
        jpeg=True,
        centre=200,
        scale=IMAGENET,
    ),
    "hida2023_saved": Protocol(
        "Scored as HIDA saves: drawn sketches through JPEG", jpeg=True, scale=IMAGENET
    ),
    "resized256": Protocol("FID and KID of sketches resized to 256x256 pixels", side=256),
}


def protocol_remark(scored_as: ScoredAs) -> str:
    """What every table and figure of scores must say; empty if nothing."""
    return PROTOCOLS[scored_as].note


def as_scored(sketches: np.ndarray, scored_as: ScoredAs) -> np.ndarray:
    """Drawn sketches [N, H, W] uint8 as they are scored, of the same shape."""
    protocol = PROTOCOLS[scored_as]
    if protocol.stretched:
        sketches = np.stack([stretched(sketch) for sketch in sketches])
    return np.stack([_through_jpeg(sketch) for sketch in sketches]) if protocol.jpeg else sketches


def true_sketches(people: Sequence[Pair], scored_as: ScoredAs) -> np.ndarray:
    """The true sketches whose features are taken, uint8: gray [N, H, W], or in colour
    [N, H, W, 3]."""
    in_colour = PROTOCOLS[scored_as].in_colour
    return np.stack([read_image(pair, "sketch", colour=in_colour) for pair in people])


def stretched(sketch: np.ndarray) -> np.ndarray:
    """Gray [H, W] uint8, its darkest level brought to 0 and its lightest to 255, rounded.

    A sketch of a single level has nothing to stretch, and comes back as it is.
    """
    low, high = int(sketch.min()), int(sketch.max())
    if low == high:
        return sketch
    span = high - low
    return ((510 * (sketch.astype(np.int64) - low) + span) // (2 * span)).astype(np.uint8)


def _through_jpeg(sketch: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(sketch).save(file, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(file))
