"""Generated pairs on larger canvases, each face where a known similarity puts it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from photosketch.data.pairs import MODALITIES, Modality, Pair
from photosketch.demo.pair import DemoPair, draw_pair
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity
from photosketch.landmarks.table import COLUMNS

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
    pairs, rows = [], []
    for index, face in enumerate(drawn):
        files, hashes = {}, {}
        for modality in MODALITIES:
            place = PLACES[modality][index]
            path = folder / f"{modality}{index}.png"
            canvas = resampled(in_colour(getattr(face, modality)), place, CANVAS)
            Image.fromarray(canvas).save(path)
            files[modality] = str(path)
            hashes[f"{modality}_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            points = place(getattr(face, f"{modality}_landmarks"))
            rows.append((str(index), modality, *points.ravel(), 0.9, "mtcnn"))
        width, height = CANVAS
        size = dict(width=width, height=height, sketch_width=width, sketch_height=height)
        pairs.append(Pair("AR", str(index), "train", **files, **hashes, **size))
    return pairs, pd.DataFrame(rows, columns=list(COLUMNS)), drawn
