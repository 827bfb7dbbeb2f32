"""A montage of warped sketches, for the eye."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from photosketch.parsing.montage import labelled

COLUMNS = ("photo", "sketch", "warped", "sketch on photo", "warped on photo")
_CELL, _GAP, _MARGIN, _HEADER, _CAPTION = 130, 4, 20, 62, 18
_ACROSS = 2  # pairs in a row
_INK, _FAINT, _BAD = (29, 35, 41), (102, 112, 122), (190, 30, 10)


def overlay(photo: NDArray[Any], sketch: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """The photo [H, W, 3] in pale gray, its regions' edges in colour, the sketch's ink over it.

    sketch and the photo's labels: [H, W] uint8.
    """
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    pale = np.repeat((190 + gray // 4)[..., None], 3, axis=2)
    edged = labelled(pale, labels)
    ink = 1 - (1 - sketch[..., None] / 255) * np.array([0.9, 0.6, 0.1])  # blue
    return (edged * ink).astype(np.uint8)


def warp_montage(
    title: str,
    captions: Sequence[str],
    flagged: Sequence[bool],
    photos: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    sketches: Sequence[NDArray[Any]],
    warped: Sequence[NDArray[Any]],
) -> Image.Image:
    """Each pair's photo, sketch, warped sketch, and both sketches over the photo.

    photos [H, W, 3], their labels, sketches and warped sketches [H, W], all uint8 and of one size;
    a caption a pair, in red where it is flagged.
    """
    height = round(_CELL * photos[0].shape[0] / photos[0].shape[1])
    across = min(_ACROSS, len(photos))
    group = len(COLUMNS) * (_CELL + _GAP) + _MARGIN
    row = _CAPTION + height + 2 * _GAP
    size = group * across + _MARGIN, _HEADER + row * math.ceil(len(photos) / across) + _MARGIN
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, 10), title, _INK, ImageFont.load_default(18))
    for index, caption in enumerate(captions):
        x = _MARGIN + group * (index % across)
        y = _HEADER + row * (index // across)
        colour = _BAD if flagged[index] else _FAINT
        pen.text((x, y + 2), caption, colour, ImageFont.load_default(12))
        cells = (
            photos[index],
            sketches[index],
            warped[index],
            overlay(photos[index], sketches[index], labels[index]),
            overlay(photos[index], warped[index], labels[index]),
        )
        for column, cell in enumerate(cells):
            left = x + column * (_CELL + _GAP)
            if index < across:
                pen.text((left, 42), COLUMNS[column], _INK, ImageFont.load_default(13))
            picture = Image.fromarray(cell).convert("RGB")
            picture = picture.resize((_CELL, height), Image.Resampling.LANCZOS)
            canvas.paste(picture, (left, y + _CAPTION))
    return canvas
