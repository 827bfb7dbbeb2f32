"""Faces that do not lie where the local networks need them: the absolute check of the points.

`review` compares the faces of a subset with each other, which a set of faces that are all too small
passes.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from photosketch.config import FRAMES
from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES, rows_by_image
from photosketch.pairs import MODALITIES, Pair
from photosketch.placement import problems

MOST_NAMED = 20  # images


def misplaced(
    pairs: Iterable[Pair], tables: Mapping[str, pd.DataFrame], frame: int = FRAMES[0]
) -> list[str]:
    """A line for each image whose face the local networks' rectangles do not fit in a frame of
    that many pixels a side, by landmark tables by subset. Images without points have none."""
    rows = rows_by_image(tables)
    lines = []
    for pair in pairs:
        for modality in MODALITIES:
            row = rows.get((pair.subset, pair.id, modality))
            if row is None:
                continue
            values = [row[column] for column in COORDINATES]
            points = np.array(values, float).reshape(len(LANDMARK_NAMES), 2)
            if found := problems(points, pair.size(modality), frame):
                what = f"{modality} of {pair.subset} {pair.id}"
                lines.append(f"{getattr(pair, modality)}: {', '.join(found)} ({what})")
    return lines


def refusal(lines: Sequence[str], ablations: Sequence[str]) -> list[str]:
    """The problems of a run whose `ablations` have local networks that faces do not fit."""
    more = len(lines) - MOST_NAMED
    return [
        *lines[:MOST_NAMED],
        *([f"and {more} more"] if more > 0 else []),
        f"{len(lines)} images have faces that the local networks of {', '.join(ablations)} do not "
        "fit; set dataset.align to each (photo, where sketches were drawn over the photos), click "
        "points that are wrong (landmarks.annotate), or leave out losses.local",
    ]
