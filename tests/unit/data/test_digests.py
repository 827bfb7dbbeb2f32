"""A number, a word or a row that changed in a table of a run is noticed by whoever reads it."""

import os

import pandas as pd
import pytest

from photosketch.data import digests
from photosketch.data.pairs import Pair, read_manifest, write_manifest
from photosketch.evaluation import files
from photosketch.jobs.job import InputError
from photosketch.landmarks.table import COLUMNS, read_landmarks, write_landmarks
from photosketch.warp.files import read_scores, write_scores


def points(path):
    rows = [["7", modality, *range(20, 30), 0.9, "mtcnn"] for modality in ("photo", "sketch")]
    write_landmarks(pd.DataFrame(rows, columns=COLUMNS), path)


def manifest(path):
    write_manifest([Pair("AR", "7", "test", "p", "s", 200, 250, "0" * 64, "1" * 64)], path)


def image_scores(path):
    files.write_table(pd.DataFrame({"epoch": [1], "subset": "AR", "id": "7", "ssim": 0.5}), path)


def warp_scores(path):
    write_scores(pd.DataFrame({"id": ["7"], "head_before": 0.9}), path)


def references(path):
    files.write_table(pd.DataFrame({"name": ["gray"], "subset": "AR", "kid": 0.01}), path)


CHANGES = {
    "a coordinate": (points, read_landmarks, "22.0", "32.0"),
    "a lost sketch": (points, read_landmarks, "7,sketch", None),
    "a split": (manifest, read_manifest, "test", "train"),
    "a score": (image_scores, lambda p: files.read_image_scores(p, [("AR", "7")], [1]), ".5", ".6"),
    "a warp": (warp_scores, lambda p: read_scores(p, ["7"]), "0.9", "0.8"),
    "a reference": (references, lambda p: files.read_references(p, ["AR"]), "0.01", "0.02"),
}


@pytest.mark.parametrize(("write", "read", "old", "new"), CHANGES.values(), ids=CHANGES)
def test_what_changed_since_it_was_written_is_named_with_the_remedy(
    tmp_path, write, read, old, new
):
    path = tmp_path / "table.csv"
    write(path)
    read(path)
    before = path.read_text()
    lines = before.splitlines(keepends=True)
    if new is None:
        path.write_text("".join(line for line in lines if old not in line))
    else:
        path.write_text(before.replace(old, new, 1))
    assert path.read_text() != before
    with pytest.raises(InputError, match=rf"^{path}: is damaged .*not what was written.*delete it"):
        read(path)
    write(path)
    read(path)


def test_a_table_without_its_hash_is_read(tmp_path):
    path = tmp_path / "table.csv"
    points(path)
    os.rename(path, tmp_path / "copy.csv")
    read_landmarks(tmp_path / "copy.csv")


def test_a_write_that_fails_leaves_table_and_hash_as_they_were(tmp_path):
    path = tmp_path / "table.csv"
    points(path)
    with pytest.raises(OSError, match="no"), digests.written(path) as temporary:
        temporary.write_text("half")
        raise OSError("no")
    read_landmarks(path)
    assert sorted(os.listdir(tmp_path)) == [".table.csv.sha256", "table.csv"]
