"""Training samples for the eye: photo, true sketch and drawn sketch of a few pairs."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from photosketch.figures import contact_sheet


def strip(
    title: str, names: Sequence[str], images: Sequence[np.ndarray], warped: bool = False
) -> Image.Image:
    """Pairs by name, two in a row, each with its photo, its sketch to learn and the drawn one.

    images: these three, RGB uint8 [B, F, F, 3] each; warped: whether the sketch to learn is.
    """
    true = "true sketch, warped" if warped else "true sketch"
    groups = [
        contact_sheet.Group(list(map(Image.fromarray, of_pair)), name)
        for name, *of_pair in zip(names, *images, strict=True)
    ]
    return contact_sheet.sheet(title, groups, across=2, columns=("photo", true, "drawn sketch"))
