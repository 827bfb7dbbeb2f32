"""How sketches are prepared for scoring; the samples stay unchanged.

Each preset follows published code, whose files docs/protocols.md names. Levels and JPEG change the
drawn sketches for every metric. Part, size and scale of the image change drawn and true sketches
for FID and KID only.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from photosketch.configuration.settings import ScoredAs

# (mean, std) that turn 0..1 into x; torchvision's Inception gets 2 x - 1. Published code has copies
# of an early pytorch-fid that undo ImageNet's scale, although the images do not have this scale.
# With normalize_input=False the network gets 0..1 unchanged.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UNSCALED = (0.5,) * 3, (0.5,) * 3


@dataclass(frozen=True)
class Protocol:
    """How sketches are scored; `note` is printed with every table and figure of scores."""

    note: str
    stretched: bool = False  # the levels of drawn sketches are stretched to 0..255
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


def as_scored(sketches: np.ndarray, scored_as: ScoredAs) -> np.ndarray:
    """Drawn sketches [N, H, W] uint8 as they are scored, in the same shape."""
    protocol = PROTOCOLS[scored_as]
    if protocol.stretched:
        sketches = np.stack([stretched(sketch) for sketch in sketches])
    return np.stack([_through_jpeg(sketch) for sketch in sketches]) if protocol.jpeg else sketches


def stretched(sketch: np.ndarray) -> np.ndarray:
    """A gray sketch [H, W] uint8 with its darkest level at 0 and its lightest at 255, rounded. A
    sketch of a single level is returned unchanged."""
    low, span = int(sketch.min()), int(np.ptp(sketch))
    if not span:
        return sketch
    return ((510 * (sketch.astype(np.int64) - low) + span) // (2 * span)).astype(np.uint8)


def _through_jpeg(sketch: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(sketch).save(file, "JPEG", quality=75)  # Pillow's default
    return np.asarray(Image.open(file))
