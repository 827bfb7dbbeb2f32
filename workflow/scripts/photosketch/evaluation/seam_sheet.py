"""The contact sheet of seams: drawn sketches with the borders of the parts coloured."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from photosketch.data import array_types
from photosketch.data.pairs import Pair, read_image
from photosketch.evaluation.seams import BORDERS, Border, Seams
from photosketch.figures.contact_sheet import Group, Key, cell, sheet

_MOST_SHOWN, _ACROSS, _CELL = 40, 2, 200  # people; people in a row; width of an image in pixels
# from no seam to a strong seam, told apart with any colour vision (viridis reversed)
_SCALE = ((1.0, (170, 200, 60)), (2.0, (35, 145, 140)), (4.0, (75, 15, 90)))


def seam_sheet(
    title: str, people: Sequence[Pair], sketches: np.ndarray, seams: Seams
) -> Image.Image:
    """The drawn sketches [N, H, W] of `people`, worst seams first: the true sketch, the drawn
    sketch, and the drawn sketch with the measured places in the colour of the border's ratio."""
    scores, by_border = seams.scores(sketches), seams.by_border(sketches)
    groups = []
    for index in np.argsort(-np.nan_to_num(scores), kind="stable")[:_MOST_SHOWN].tolist():
        pair, drawn, ratios = people[index], sketches[index], by_border[index]
        coloured = with_borders(drawn, seams.borders[index], ratios)
        cells = [cell(image, _CELL) for image in (read_image(pair, "sketch"), drawn, coloured)]
        remark = ", ".join(
            f"{name.replace('_', ' ')} {ratio:.2f}"
            for name, ratio in zip(BORDERS, ratios, strict=True)
            if not np.isnan(ratio)
        )
        groups.append(Group(cells, f"{pair.subset} {pair.id}: {scores[index]:.2f}", remark))
    legend = [Key("a border's ratio over the true sketch's:")]
    legend += [Key(f"{ratio:g}", Image.new("RGB", (14, 14), colour)) for ratio, colour in _SCALE]
    columns = ("true sketch", "drawn", "where it is measured")
    return sheet(title, groups, _ACROSS, legend, columns)


def with_borders(
    sketch: array_types.Image, borders: Sequence[Border | None], ratios: np.ndarray
) -> array_types.Image:
    """A sketch [H, W] with its measured borders coloured by their ratios [5]: [H, W, 3] uint8."""
    picture = np.repeat(sketch.reshape(-1, 1), 3, axis=1)
    for border, ratio in zip(borders, ratios, strict=True):
        if border is not None:
            picture[border.across.pixels] = colour_of(ratio)
    return picture.reshape(*sketch.shape, 3)


def colour_of(ratio: float) -> tuple[int, ...]:
    """The colour (red, green, blue) of a border's ratio, interpolated in the scale."""
    steps = np.log([step for step, _ in _SCALE])
    channels = zip(*(colour for _, colour in _SCALE), strict=True)
    return tuple(round(float(np.interp(np.log(ratio), steps, values))) for values in channels)
