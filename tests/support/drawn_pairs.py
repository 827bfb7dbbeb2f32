"""Generated pairs as files on disk, as the manifest lists them."""

import hashlib
from collections.abc import Sequence
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
        height, width = pair.sketch.shape
        pairs.append(Pair(subset, id, "train", *map(str, files), width, height, *digests))
    return pairs


def true_points(ids: Sequence[str], drawn: Sequence[DemoPair]) -> pd.DataFrame:
    """The landmark table of the drawn pairs."""
    rows = [
        (id, modality, *getattr(pair, f"{modality}_landmarks").ravel().tolist(), 0.9, "mtcnn")
        for id, pair in zip(ids, drawn, strict=True)
        for modality in MODALITIES
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def true_parsings(ids: Sequence[str], drawn: Sequence[DemoPair]) -> Parsings:
    """The true label maps of the drawn pairs."""
    stacks = (np.stack([getattr(pair, f"{m}_labels") for pair in drawn]) for m in MODALITIES)
    return Parsings(tuple(ids), *stacks)
