"""What is done to sketches between drawing and scoring; the samples stay as they are.

`as_drawn`: nothing. Drawn and true sketches are scored as 8-bit gray.

`report2019`: what the later code of the report's author does. Each drawn sketch, cropped to the
input size, is stretched from its darkest to its lightest gray and saved as JPEG, and what is read
back is scored, by every metric. FID and KID compare it with the true sketches in colour, with the
tint that some are distributed with. A difference: that code draws and scores in colour; here drawn
sketches are gray, rounded to 8 bits, before they are stretched.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from photosketch.configuration.settings import ScoredAs
from photosketch.data.pairs import Pair, read_image

JPEG_QUALITY = 75  # Pillow's default
_NOTES: dict[ScoredAs, str] = {
    "as_drawn": "",
    "report2019": "Scored as in the report of 2019: drawn sketches stretched to full contrast and "
    "through JPEG, true ones in colour",
}


def protocol_remark(scored_as: ScoredAs) -> str:
    """What every table and figure of scores must say; empty where nothing."""
    return _NOTES[scored_as]


def as_scored(sketches: np.ndarray, scored_as: ScoredAs) -> np.ndarray:
    """Drawn sketches [N, H, W] uint8 as they are scored, of the same shape."""
    if scored_as == "as_drawn":
        return sketches
    through_jpeg = []
    for sketch in sketches:
        file = io.BytesIO()
        Image.fromarray(stretched(sketch)).save(file, "JPEG", quality=JPEG_QUALITY)
        through_jpeg.append(np.asarray(Image.open(file)))
    return np.stack(through_jpeg)


def true_sketches(people: Sequence[Pair], scored_as: ScoredAs) -> np.ndarray:
    """The true sketches whose features are taken, uint8: gray [N, H, W], or with `report2019` RGB
    [N, H, W, 3]."""
    in_colour = scored_as == "report2019"
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
