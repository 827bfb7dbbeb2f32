"""On a full disk every writer of a run names the folder, the missing space and the remedy."""

import os

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from photosketch.comparison import figures
from photosketch.data import storage
from photosketch.data.pairs import Pair, write_manifest
from photosketch.data.storage import write_table
from photosketch.figures import contact_sheet
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import COLUMNS, write_landmarks

NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
FACE = Pair("AR", "7", "test", "a.jpg", "b.jpg", 200, 250, "0" * 64, "1" * 64)
ROW = ["7", "photo", *range(10), 1.0, "mtcnn"]
WRITERS = {
    "a.npz": lambda path: storage.write_arrays(path, {"photo": NOISE}),
    "b.npz": lambda path: storage.write_arrays(path, {"photo": NOISE}, compressed=True),
    "a.png": lambda path: contact_sheet.save(Image.fromarray(NOISE), path),
    "b.png": lambda path: figures.save(Figure(), path),
    "a.csv": lambda path: write_table(pd.DataFrame({"fid": [1.0]}), path),
    "b.csv": lambda path: write_landmarks(pd.DataFrame([ROW], columns=COLUMNS), path),
    "a.tsv": lambda path: write_manifest([FACE], path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_ends_in_a_sentence_and_leaves_nothing(tmp_path, name):
    stem, suffix = name.split(".")
    (tmp_path / f".{stem}.{os.getpid()}.{suffix}").symlink_to("/dev/full")
    with pytest.raises(InputError, match=f"^{tmp_path}: no room for {name}[,:] .*make"):
        WRITERS[name](tmp_path / name)
    assert not list(tmp_path.iterdir())
