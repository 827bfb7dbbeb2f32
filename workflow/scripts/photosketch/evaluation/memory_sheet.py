"""The contact sheet of memory: drawn sketches beside the nearest training sketches."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from photosketch.data.pairs import Pair, read_image
from photosketch.evaluation.memory import ONE_IN, Memory
from photosketch.figures.contact_sheet import Group, cell, sheet

_MOST_SHOWN, _ACROSS, _CELL = 40, 2, 200  # people; people in a row; width of an image in pixels


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
    copied, names = memory.copied(ratios), memory.names(positions)
    if not np.isnan(copied).all():
        title += f": {100 * np.nanmean(copied):.1f}% below the limit ({100 / ONE_IN:.0f}% expected)"
    groups = []
    for index in np.argsort(ratios / np.nan_to_num(memory.limits, nan=1.0))[:_MOST_SHOWN].tolist():
        pair = people[index]
        true = (read_image(one, "sketch") for one in (training[positions[index]], pair))
        cells = [cell(image, _CELL) for image in (sketches[index], *true)]
        name = f"{pair.subset} {pair.id}, nearest training sketch {names[index]}"
        remark = f"ratio {ratios[index]:.3f}, limit {memory.limits[index]:.3f}"
        groups.append(Group(cells, name, remark, alarm=copied[index] == 1))
    columns = ("drawn", "nearest training sketch", "true sketch")
    return sheet(title, groups, _ACROSS, columns=columns)
