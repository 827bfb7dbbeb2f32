"""Montages of intermediate results, for the eye: many pairs on one picture."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from photosketch.parsing.labels import BACKGROUND, CLASSES

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
_INK, _FAINT, _OUTLINE = (29, 35, 41), (102, 112, 122), (220, 0, 0)
_TINT = 0.45
_CELL = 150  # width of an image
_ACROSS = 3  # pairs in a row
_GAP, _MARGIN, _HEADER, _CAPTION = 4, 20, 66, 18


def labelled(image: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """A photo or sketch tinted by its labels [H, W], the head mask outlined: [H, W, 3] uint8."""
    colours = np.array(CLASS_COLOURS, np.float32)[labels]
    picture = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    head = labels != BACKGROUND
    tinted = np.where(head[..., None], picture * (1 - _TINT) + colours * _TINT, picture)
    tinted[_edges(labels)] = colours[_edges(labels)]
    tinted[_edges(head)] = _OUTLINE
    return tinted.astype(np.uint8)


def _edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """The pixels of a label map whose left or upper neighbour has another label."""
    edges = np.zeros(labels.shape, bool)
    edges[1:] |= labels[1:] != labels[:-1]
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return edges


def parsing_montage(
    title: str,
    ids: Sequence[str],
    photos: Sequence[NDArray[Any]],
    photo_labels: Sequence[NDArray[Any]],
    sketches: Sequence[NDArray[Any]],
    sketch_labels: Sequence[NDArray[Any]],
) -> Image.Image:
    """Each pair's photo, labelled photo, sketch and labelled sketch, and what the colours mean.

    photos [H, W, 3], sketches and labels [H, W], all uint8 and of one size.
    """
    height = round(_CELL * photos[0].shape[0] / photos[0].shape[1])
    across = min(_ACROSS, len(ids))
    group = 4 * (_CELL + _GAP) + _MARGIN
    row = _CAPTION + height + 2 * _GAP
    canvas = Image.new(
        "RGB",
        (
            max(group * across + _MARGIN, 900),
            _HEADER + row * math.ceil(len(ids) / across) + _MARGIN,
        ),
        "white",
    )
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, 12), title, _INK, ImageFont.load_default(18))
    _legend(pen, _MARGIN, 42)
    for index, name in enumerate(ids):
        x = _MARGIN + group * (index % across)
        y = _HEADER + row * (index // across)
        pen.text((x, y + 2), name, _FAINT, ImageFont.load_default(12))
        cells = (
            photos[index],
            labelled(photos[index], photo_labels[index]),
            sketches[index],
            labelled(sketches[index], sketch_labels[index]),
        )
        for column, cell in enumerate(cells):
            picture = Image.fromarray(cell).convert("RGB")
            picture = picture.resize((_CELL, height), Image.Resampling.LANCZOS)
            canvas.paste(picture, (x + column * (_CELL + _GAP), y + _CAPTION))
    return canvas


def _legend(pen: ImageDraw.ImageDraw, x: int, y: int) -> None:
    """The colours of the classes in a row from (x, y), then the outline of the head mask."""
    font = ImageFont.load_default(13)
    for name, colour in zip(CLASSES, CLASS_COLOURS, strict=True):
        if name == CLASSES[BACKGROUND]:
            continue
        pen.rectangle((x, y, x + 13, y + 13), fill=colour)
        pen.text((x + 18, y - 1), name, _INK, font)
        x += 18 + math.ceil(font.getlength(name)) + 18
    pen.rectangle((x, y, x + 13, y + 13), outline=_OUTLINE, width=2)
    pen.text((x + 18, y - 1), "head mask", _INK, font)
