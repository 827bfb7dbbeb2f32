"""The contact sheets of single metrics: drawn sketches, the most suspicious first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from photosketch.data.pairs import Pair, read_image
from photosketch.evaluation.memory import ONE_IN, Memory
from photosketch.figures.contact_sheet import Group, Key, cell, sheet

if TYPE_CHECKING:
    from photosketch.evaluation.seams import Border, Seams

_MOST_SHOWN, _ACROSS, _CELL = 40, 2, 200  # people; people in a row; width of an image in pixels
# from no seam to a strong seam, told apart with any colour vision (viridis reversed)
_SCALE = ((1.0, (170, 200, 60)), (2.0, (35, 145, 140)), (4.0, (75, 15, 90)))


def memory_sheet(
    title: str,
    people: Sequence[Pair],
    training: Sequence[Pair],
    sketches: np.ndarray,
    features: np.ndarray,
    memory: Memory,
) -> Image.Image:
    """The drawn sketches [N, H, W] of `people`, with features [N, D], most similar to a copy first:
    the drawn sketch, the nearest sketch of `training`, and the person's true sketch."""
    positions, ratios = memory.nearest(features)
    copied = memory.copied(ratios)
    if not np.isnan(copied).all():
        title += f": {100 * np.nanmean(copied):.1f}% below the limit ({100 / ONE_IN:.0f}% expected)"
    groups = []
    for index in np.argsort(ratios / np.nan_to_num(memory.limits, nan=1.0))[:_MOST_SHOWN].tolist():
        pair, near = people[index], training[positions[index]]
        true = (read_image(one, "sketch") for one in (near, pair))
        cells = [cell(image, _CELL) for image in (sketches[index], *true)]
        name = f"{pair.subset} {pair.id}, nearest training sketch {near.subset}/{near.id}"
        remark = f"ratio {ratios[index]:.3f}, limit {memory.limits[index]:.3f}"
        groups.append(Group(cells, name, remark, alarm=copied[index] == 1))
    columns = ("drawn", "nearest training sketch", "true sketch")
    return sheet(title, groups, _ACROSS, columns=columns)


def seam_sheet(
    title: str, people: Sequence[Pair], sketches: np.ndarray, seams: "Seams"
) -> Image.Image:
    """The drawn sketches [N, H, W] of `people`, worst seams first: the true sketch, the drawn
    sketch, and the drawn sketch with the measured places in the colour of the border's ratio."""
    from photosketch.evaluation.seams import BORDERS  # OpenCV, of no use to the sheet of memory

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
    sketch: np.ndarray, borders: Sequence["Border | None"], ratios: np.ndarray
) -> np.ndarray:
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
