"""Generated pairs on larger canvases, each face where a known similarity puts it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from photosketch.data.pairs import MODALITIES, Modality, Pair
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity
from support.drawn_pairs import on_disk, true_points
from support.faces.pair import DemoPair, draw_pair

CANVAS = (500, 600)  # width, height


def moved(scale: float, degrees: float, x: float, y: float) -> Similarity:
    """What brings a face of 200 x 250 pixels with its middle to (x, y)."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Similarity(scale * turn, np.array([x, y]) - scale * turn @ (100, 125))


PLACES: Mapping[Modality, Sequence[Similarity]] = {
    "photo": [moved(2.0, 15, 240, 300), moved(0.7, -12, 120, 400)],
    "sketch": [moved(1.3, -20, 300, 250), moved(1.0, 0, 200, 220)],
}


def in_colour(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def scattered_pairs(folder: Path) -> tuple[list[Pair], pd.DataFrame, list[DemoPair]]:
    """Two pairs AR 0 and 1 as files in `folder`, where PLACES puts them; the table of their true
    points; and the faces as they were drawn."""
    drawn = [draw_pair(seed) for seed in (0, 1)]
    scattered = []
    for index, face in enumerate(drawn):
        shown = {}
        for modality in MODALITIES:
            place = PLACES[modality][index]
            shown[modality] = resampled(in_colour(getattr(face, modality)), place, CANVAS)
            shown[f"{modality}_landmarks"] = place(getattr(face, f"{modality}_landmarks"))
        scattered.append(replace(face, **shown))
    width, height = CANVAS
    pairs = [
        replace(pair, sketch_width=width, sketch_height=height)
        for pair in on_disk(folder, "AR", "01", scattered)
    ]
    return pairs, true_points("01", scattered), drawn
