"""A montage of label maps, for the eye: what was parsed, beside the images."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from photosketch import arrays, sheets
from photosketch.pairs import Pair, read_image
from photosketch.parsing.labels import BACKGROUND, CLASSES, Parsings

# One colour for each class, told apart with any colour vision (after Okabe & Ito 2008).
CLASS_COLOURS = (
    (255, 255, 255),  # background: left as it is
    (120, 70, 170),  # hair
    (240, 190, 140),  # skin
    (120, 70, 10),  # brows
    (0, 80, 200),  # eyes
    (0, 158, 115),  # nose
    (213, 40, 20),  # mouth
    (86, 180, 233),  # clothes
)
OUTLINE = (220, 0, 0)  # of the head mask
_TINT = 0.45
_MOST_SHOWN, _ACROSS, _CELL = 40, 3, 150  # pairs; pairs in a row; width of an image in pixels


def parsing_montage(subset: str, pairs: Sequence[Pair], parsings: Parsings) -> Image.Image:
    """Some pairs of a subset: photo and sketch, each beside itself with its labels.

    `parsings` holds the label maps of all the pairs.
    """
    photo_labels = parsings.by_id("photo")
    sketch_labels = parsings.by_id("sketch")
    groups = []
    shown = [pairs[index] for index in sheets.evenly_spaced(len(pairs), _MOST_SHOWN)]
    for pair in shown:
        photo, sketch = read_image(pair, "photo"), read_image(pair, "sketch")
        images = (
            photo,
            labelled(photo, photo_labels[pair.id]),
            sketch,
            labelled(sketch, sketch_labels[pair.id]),
        )
        by_grabcut = [modality for id, modality in parsings.fallback if id == pair.id]
        remark = f"no face found in the {' and '.join(by_grabcut)}: parsed by grabcut"
        cells = [sheets.cell(image, _CELL) for image in images]
        groups.append(sheets.Group(cells, pair.id, remark if by_grabcut else ""))
    title = f"{subset}: {len(shown)} of {len(pairs)} pairs"
    return sheets.sheet(title, groups, _ACROSS, _legend())


def labelled(image: arrays.Image, labels: arrays.Labels) -> arrays.Image:
    """A photo or sketch tinted by its labels [H, W], the head mask outlined: [H, W, 3] uint8."""
    colours = np.array(CLASS_COLOURS, np.float32)[labels]
    picture = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    head = labels != BACKGROUND
    tinted = np.where(head[..., None], picture * (1 - _TINT) + colours * _TINT, picture)
    outlines = sheets.edges(labels)
    tinted[outlines] = colours[outlines]
    tinted[sheets.edges(head)] = OUTLINE
    return tinted.astype(np.uint8)


def _legend() -> list[sheets.Key]:
    """The colours of the classes, then the outline of the head mask."""
    keys = [
        sheets.Key(name, Image.new("RGB", (14, 14), colour))
        for name, colour in zip(CLASSES, CLASS_COLOURS, strict=True)
        if name != CLASSES[BACKGROUND]
    ]
    outline = Image.new("RGB", (14, 14), OUTLINE)
    outline.paste("white", (2, 2, 12, 12))
    return [*keys, sheets.Key("head mask", outline)]
