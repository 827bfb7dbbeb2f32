"""Faces that do not lie where the local networks need them: the absolute check of the points.

`review` compares the faces of a subset with each other, which a set of faces that are all too small
passes.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from photosketch.configuration.settings import FRAMES
from photosketch.data.pairs import Modality, Pair
from photosketch.geometry.patch_checks import problems
from photosketch.geometry.patches import clamped
from photosketch.landmarks.table import points_by_image


def misplaced(
    pairs: Iterable[Pair],
    tables: Mapping[str, pd.DataFrame],
    modality: Modality,
    frame: int = FRAMES[0],
) -> list[str]:
    """A line for each photo or sketch whose face the local networks' rectangles do not fit in
    a frame of that many pixels a side, by landmark tables by subset. Images without points have
    none."""
    located = {subset: points_by_image(table) for subset, table in tables.items()}
    lines = []
    for pair in pairs:
        points = located.get(pair.subset, {}).get((pair.id, modality))
        if points is None:
            continue
        if found := problems(points, clamped(points, pair.size(modality), frame), frame):
            what = f"{modality} of {pair.subset} {pair.id}"
            lines.append(f"{getattr(pair, modality)}: {', '.join(found)} ({what})")
    return lines
