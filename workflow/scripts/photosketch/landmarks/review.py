"""A look at every point: how unusual it is for its subset, where it came from, and a montage."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES
from photosketch.pairs import MODALITIES

SOURCES = ("mtcnn", "manual", "facepp")
COLOURS = {"mtcnn": "#0072B2", "manual": "#D55E00", "facepp": "#009E73"}  # Okabe & Ito 2008
# Distances, in spreads, beyond which a face is flagged. Of the 376 CUHK images, which all are
# right, the furthest is at 3.4.
FAR = 4.0
MIN_SPREAD = 1.0  # pixels: below this all faces agree, and small differences mean nothing

_INK, _FAINT, _ALARM = "#1d2329", "#66707a", "#d40000"
_ACROSS, _CELL, _GAP, _MARGIN, _HEADER, _CAPTION = 12, 120, 10, 20, 74, 36


def distances(points: np.ndarray) -> np.ndarray:
    """How far each face is from the usual shape, in units of the spread: [N, 5, 2] -> [N].

    The shape is the median of each coordinate, a face's distance from it the root mean square over
    its points, and the spread the median distance: outliers move none of them.
    """
    if not len(points):
        return np.zeros(0)  # a modality without images has no median
    shape = np.median(points, axis=0)  # [5, 2]
    pixels = np.sqrt(((points - shape) ** 2).sum(axis=2).mean(axis=1))  # [N]
    return pixels / max(float(np.median(pixels)), MIN_SPREAD)


def reviewed(table: pd.DataFrame) -> pd.DataFrame:
    """A subset's table with the columns `distance` and `far`: by modality, outliers first."""
    parts = []
    for modality in MODALITIES:
        part = table[table["modality"] == modality]
        values = part[list(COORDINATES)].to_numpy(float).reshape(-1, len(LANDMARK_NAMES), 2)
        distance = distances(values)
        part = part.assign(distance=distance, far=distance > FAR)
        parts.append(part.sort_values("distance", ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True)


def counts(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Images by subset, modality and source, and how many lie far outside, of `reviewed` tables."""
    rows = []
    for subset, table in tables.items():
        for modality in MODALITIES:
            part = table[table["modality"] == modality]
            by_source = {name: int((part["source"] == name).sum()) for name in SOURCES}
            far = int(part["far"].sum())
            rows.append({"subset": subset, "modality": modality, **by_source, "far_outside": far})
    return pd.DataFrame(rows)


def montage(title: str, table: pd.DataFrame, images: Sequence[np.ndarray]) -> Image.Image:
    """Images with their points, in the order of the rows of a `reviewed` table.

    `images` are gray [H, W] or RGB [H, W, 3], uint8, of one size.
    """
    scale = _CELL / images[0].shape[1]
    height = round(images[0].shape[0] * scale)
    across = min(_ACROSS, max(len(images), 4))
    row_height = height + _CAPTION + _GAP
    canvas = Image.new(
        "RGB",
        (
            2 * _MARGIN + across * (_CELL + _GAP) - _GAP,
            _HEADER + math.ceil(len(images) / across) * row_height + _MARGIN,
        ),
        "white",
    )
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, 14), title, _INK, _font(18, bold=True))
    _legend(pen, table)
    small = _font(11)
    for index, (image, row) in enumerate(zip(images, table.to_dict("records"), strict=True)):
        x = _MARGIN + index % across * (_CELL + _GAP)
        y = _HEADER + index // across * row_height
        picture = Image.fromarray(image).convert("RGB").resize((_CELL, height))
        canvas.paste(picture, (x, y))
        if row["far"]:
            pen.rectangle((x - 3, y - 3, x + _CELL + 2, y + height + 2), outline=_ALARM, width=3)
        for name in LANDMARK_NAMES:
            _cross(
                pen,
                x + (row[f"{name}_x"] + 0.5) * scale,
                y + (row[f"{name}_y"] + 0.5) * scale,
                COLOURS[row["source"]],
            )
        pen.text((x, y + height + 3), _cut(str(row["id"]), small), _INK, small)
        words = f"{row['source']}, {row['distance']:.1f}" + (" far outside" if row["far"] else "")
        colour = _ALARM if row["far"] else _FAINT
        pen.text((x, y + height + 17), words, colour, small)
    return canvas


def _legend(pen: ImageDraw.ImageDraw, table: pd.DataFrame) -> None:
    x, y, font = _MARGIN, 44, _font(13)
    for source in SOURCES:
        number = int((table["source"] == source).sum())
        if number:
            _cross(pen, x + 7, y + 8, COLOURS[source])
            text = f"{source}: {number}"
            pen.text((x + 20, y), text, _INK, font)
            x += 20 + math.ceil(font.getlength(text)) + 22
    far = int(table["far"].sum())
    text = f"{far} far outside (over {FAR:g} spreads)" if far else "none far outside"
    pen.text((x, y), text, _ALARM if far else _FAINT, font)


def _cross(pen: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
    for fill, width, arm in (("white", 4, 5), (colour, 2, 4)):
        pen.line((x - arm, y, x + arm, y), fill=fill, width=width)
        pen.line((x, y - arm, x, y + arm), fill=fill, width=width)


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def _cut(text: str, font: ImageFont.FreeTypeFont) -> str:
    """`text`, its end left out where it is wider than an image."""
    if font.getlength(text) <= _CELL:
        return text
    while text and font.getlength(f"{text}…") > _CELL:
        text = text[:-1]
    return f"{text}…"
