"""Generated pairs as files on disk, as the manifest lists them, and tables of points."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from photosketch.data.pairs import MODALITIES, Pair
from photosketch.landmarks.table import COLUMNS
from photosketch.parsing.labels import Parsings
from support.faces.pair import DemoPair


def on_disk(folder: Path, subset: str, ids: Sequence[str], drawn: Sequence[DemoPair]) -> list[Pair]:
    """The drawn pairs, written as PNG, for training."""
    pairs = []
    for id, pair in zip(ids, drawn, strict=True):
        files = [folder / f"{id}-photo.png", folder / f"{id}-sketch.png"]
        for path, image in zip(files, (pair.photo, pair.sketch), strict=True):
            Image.fromarray(image).save(path)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        height, width = pair.sketch.shape[:2]
        pairs.append(Pair(subset, id, "train", *map(str, files), width, height, *digests))
    return pairs


def true_points(ids: Sequence[str], drawn: Sequence[DemoPair]) -> pd.DataFrame:
    """The landmark table of the drawn pairs."""
    points = {
        (id, modality): getattr(pair, f"{modality}_landmarks")
        for id, pair in zip(ids, drawn, strict=True)
        for modality in MODALITIES
    }
    return landmark_table(points)


def landmark_table(
    points: Mapping[tuple[str, str], np.ndarray | Sequence[float]],
    source: str = "mtcnn",
    score: float = 0.9,
) -> pd.DataFrame:
    """The landmark table of points, given by id and modality."""
    rows = [(*image, *np.ravel(own).tolist(), score, source) for image, own in points.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def true_parsings(ids: Sequence[str], drawn: Sequence[DemoPair]) -> Parsings:
    """The true label maps of the drawn pairs."""
    stacks = (np.stack([getattr(pair, f"{m}_labels") for pair in drawn]) for m in MODALITIES)
    return Parsings(tuple(ids), *stacks)
