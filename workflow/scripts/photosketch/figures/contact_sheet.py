"""Contact sheets: groups of images in rows, with title, legend and captions; marks on images."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from photosketch.data import array_types
from photosketch.geometry.patches import corners, patches_of
from photosketch.jobs.disk import write_atomically

INK, FAINT, RULE, ALARM = "#1d2329", "#66707a", "#d5d9dd", "#b3261e"
RECTANGLE = "#CC79A7"  # Okabe & Ito 2008
# All lengths and font sizes of this module are in pixels.
_MARGIN = 24  # around the sheet
_GAP = 8  # between the images of a group
_SPACE = 16  # between groups, and between entries of the legend
_TITLE, _LEGEND, _COLUMNS, _CAPTION_LINE = 36, 30, 26, 15  # heights of text lines


@dataclass(frozen=True)
class Group:
    """Images side by side below two lines of text, `name` and `remark`. All images of a sheet have
    the same size. With `alarm` the frame and the remark are red."""

    images: Sequence[Image.Image]
    name: str
    remark: str = ""
    alarm: bool = False

    @property
    def width(self) -> int:
        return len(self.images) * (self.images[0].width + _GAP) - _GAP


@dataclass(frozen=True)
class Key:
    """An entry of the legend: a mark, and the text that explains it."""

    text: str
    mark: Image.Image | None = None
    colour: str = INK


def sheet(
    title: str,
    groups: Sequence[Group],
    across: int,
    legend: Sequence[Key] = (),
    columns: Sequence[str] = (),
) -> Image.Image:
    """Groups in rows, at most `across` in each, below a title and a legend. `columns` are names for
    the images of a group, written above the first row."""
    across = min(across, len(groups))
    width, height = groups[0].images[0].size
    caption = _CAPTION_LINE * (2 if any(group.remark for group in groups) else 1) + 5
    top = _MARGIN + _TITLE + bool(legend) * _LEGEND + bool(columns) * _COLUMNS
    bottom = top + math.ceil(len(groups) / across) * (caption + height + _SPACE) - _SPACE
    title_font, key_font = _font(20, bold=True), _font(13)
    key_widths = [
        (key.mark.width + 5 if key.mark else 0) + math.ceil(key_font.getlength(key.text)) + _SPACE
        for key in legend
    ]
    width_in_all = max(
        across * (groups[0].width + _SPACE) - _SPACE,
        math.ceil(title_font.getlength(title)),
        sum(key_widths) - _SPACE,
    )
    canvas = Image.new("RGB", (width_in_all + 2 * _MARGIN, bottom + _MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, _MARGIN), title, INK, title_font)
    left, middle = _MARGIN, _MARGIN + _TITLE + 8
    for key, key_width in zip(legend, key_widths, strict=True):
        x = left
        if key.mark:
            canvas.paste(key.mark, (x, middle - key.mark.height // 2))
            x += key.mark.width + 5
        pen.text((x, middle), key.text, key.colour, key_font, "lm")
        left += key_width
    fonts = [_font(size, bold=True) for size in range(15, 9, -1)]  # the largest that fits
    fitting = (font for font in fonts if all(font.getlength(name) <= width for name in columns))
    column_font = next(fitting, fonts[-1])
    for index, group in enumerate(groups):
        x = _MARGIN + index % across * (group.width + _SPACE)
        y = top + index // across * (caption + height + _SPACE)
        _draw_group(canvas, x, y, caption, group)
        for place, name in enumerate(columns if index < across else ()):
            middle = x + place * (width + _GAP) + width // 2
            pen.text((middle, y - 9), _cut(name, column_font, width), INK, column_font, "ms")
    return canvas


def cell(image: array_types.Image, width: int) -> Image.Image:
    """An image [H, W] or [H, W, 3], uint8, scaled to a width, as RGB."""
    height = round(width * image.shape[0] / image.shape[1])
    resampling = Image.Resampling.LANCZOS
    return Image.fromarray(image).convert("RGB").resize((width, height), resampling)


def fitted(image: array_types.Image, width: int, height: int) -> tuple[Image.Image, float]:
    """An image [H, W] or [H, W, 3], uint8, scaled to fit into the top left corner of a white
    picture of width x height pixels, and the scale."""
    rows, columns = image.shape[:2]
    inner = min(width, max(1, round(height * columns / rows)))
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(cell(image, inner), (0, 0))
    return canvas, inner / columns


def edges(labels: array_types.Labels) -> array_types.Mask:
    """The mask of pixels of a label map [H, W] whose left or upper neighbour has another label."""
    differing = np.zeros(labels.shape, bool)
    differing[1:] |= labels[1:] != labels[:-1]
    differing[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return differing


def cross(pen: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
    """Draw a small upright cross with a white rim."""
    for fill, width, arm in (("white", 4, 5), (colour, 2, 4)):
        pen.line((x - arm, y, x + arm, y), fill=fill, width=width)
        pen.line((x, y - arm, x, y + arm), fill=fill, width=width)


def rectangles(
    pen: ImageDraw.ImageDraw,
    points: array_types.Points,
    size: Sequence[int],
    scale: float,
    frame: int,
) -> None:
    """Draw the local networks' four rectangles on a picture, `scale` times an image that has points
    [5, 2] and a `size` (width, height), and lies in a frame of `frame` pixels a side."""
    for patch, corner in zip(patches_of(frame), corners(points, size, frame), strict=True):
        ends = np.array([corner, corner + (patch.width, patch.height)]) * scale
        (left, top), (right, bottom) = ends
        pen.rectangle((left, top, right - 1, bottom - 1), outline=RECTANGLE)


def cross_key(colour: str) -> Image.Image:
    """A cross for a legend."""
    mark = Image.new("RGB", (15, 15), "white")
    cross(ImageDraw.Draw(mark), 7, 7, colour)
    return mark


def rectangle_key() -> Image.Image:
    """A rectangle for a legend."""
    mark = Image.new("RGB", (14, 14), RECTANGLE)
    mark.paste("white", (1, 1, 13, 13))
    return mark


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most `most` positions out of `count`, evenly spaced from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()


def save(picture: Image.Image, path: str | os.PathLike[str]) -> None:
    with write_atomically(path) as temporary:
        picture.save(temporary, optimize=True)


def _draw_group(canvas: Image.Image, x: int, y: int, caption: int, group: Group) -> None:
    pen = ImageDraw.Draw(canvas)
    width, height = group.images[0].size
    name, remark = (_cut(text, _font(12), group.width) for text in (group.name, group.remark))
    pen.text((x, y), name, INK, _font(12))
    pen.text((x, y + _CAPTION_LINE), remark, ALARM if group.alarm else FAINT, _font(12))
    y += caption
    for place, image in enumerate(group.images):
        left = x + place * (width + _GAP)
        pen.rectangle((left - 1, y - 1, left + width, y + height), outline=RULE)
        canvas.paste(image, (left, y))
    if group.alarm:
        pen.rectangle((x - 3, y - 3, x + group.width + 2, y + height + 2), outline=ALARM, width=3)


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib's files: the same on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`text`, with an ellipsis for its end if it is wider than `width`."""
    shown = text
    while text and font.getlength(shown) > width:
        text = text[:-1]
        shown = f"{text}…"
    return shown
