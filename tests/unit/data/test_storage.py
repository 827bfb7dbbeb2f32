"""Files of a run are read as they were written; others end in a sentence with the remedy."""

import errno
import io
import os
import re
import zipfile
from functools import partial
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import torch

from photosketch.align.files import read_alignment
from photosketch.comparison.costs import read_benchmarks
from photosketch.data import storage
from photosketch.data.pairs import COLUMNS as PAIR_COLUMNS
from photosketch.data.pairs import Pair, read_manifest, write_manifest
from photosketch.data.storage import Streamed, intact, read_arrays, read_picture, write_arrays
from photosketch.evaluation import files
from photosketch.evaluation.significance import COLUMNS as DIFFERENCES
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing.labels import read_parsings
from photosketch.training.checkpoint import read_generator
from photosketch.training.packed import read_packed
from photosketch.training.samples import read_samples
from photosketch.training.tensors import load_packed
from photosketch.warp.files import read_scores, read_warped
from support.problems import problems_of

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 7, 5, 3), np.uint8)
ARRAYS = {
    "ids": np.array(["a", "b", "cc"]),
    "none": np.zeros((0, 3)),
    "turned": np.arange(12.0).reshape(3, 4).T,
    "single": np.array(7),
    "photo": PICTURES,
}
NOBODY = files.Features(*[np.array([])] * 3)
ARRAY_READERS = (
    *(files.read_features, files.read_gallery, read_alignment, read_parsings),
    *(read_packed, read_samples, read_warped),
    lambda path: files.read_run_features(path, NOBODY),
    lambda path: load_packed(path, "cpu"),
)
TABLE_READERS = (
    *(read_landmarks, read_manifest),
    lambda path: files.read_references(path, []),
    lambda path: files.read_differences(path, [], []),
    lambda path: files.read_image_scores(path, [], []),
    lambda path: read_scores(path, []),
)


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_as_numpy_writes_them_and_come_back(tmp_path, compressed):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS, compressed=compressed)
    with np.load(path) as stored:
        assert list(stored) == list(ARRAYS)
    read = read_arrays(path, "a stage", ARRAYS)
    assert all(np.array_equal(read[name], array) for name, array in ARRAYS.items())
    assert list(read_arrays(path, "a stage", ARRAYS, only=("single",))) == ["single"]


def test_a_streamed_array_is_the_same_file_and_its_pictures_come_out_one_by_one(tmp_path):
    path = tmp_path / "streamed.npz"
    write_arrays(path, {**ARRAYS, "photo": Streamed(PICTURES.shape, lambda: iter(PICTURES))})
    write_arrays(tmp_path / "whole.npz", ARRAYS)
    assert path.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    for row in (0, 3):
        assert np.array_equal(read_picture(path, "a stage", "photo", row), PICTURES[row])
    for row in (-1, 4):
        with pytest.raises(InputError, match=f"is damaged .no picture {row} "):
            read_picture(path, "a stage", "photo", row)


def archive(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def with_header(old, new):
    """WHOLE with another array header and a matching CRC."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as whole, zipfile.ZipFile(file, "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, whole.read(name).replace(old, new))
    return file.getvalue()


WHOLE = archive(ids=np.array(["a"] * 99), photo=np.arange(99.0))
HUGE = (b"(99,), }              ", b"(1000000000000000,), }")
FLIPPED = bytearray(WHOLE)
FLIPPED[zipfile.ZipFile(io.BytesIO(WHOLE)).infolist()[1].header_offset - 20] ^= 1
DAMAGED_ARRAYS = {
    "empty": b"",
    "text": b"no archive",
    "cut short": WHOLE[: len(WHOLE) // 2],
    "other arrays": archive(other=np.zeros(3)),
    "an array more": archive(ids=np.zeros(1), photo=np.zeros(1), other=np.zeros(3)),
    "a flipped bit": bytes(FLIPPED),
    "a shorter header": WHOLE.replace(b"(99,)", b"(19,)"),
    "a header that asks for more than there is": with_header(*HUGE),
    "objects": archive(ids=np.array([{}], dtype=object), photo=np.zeros(1)),
}


def problem_of(read, path, content):
    """The problem of reading the content."""
    path.write_bytes(content)
    (problem,) = problems_of(read, path)
    return problem


@pytest.mark.parametrize("content", DAMAGED_ARRAYS.values(), ids=DAMAGED_ARRAYS)
def test_damaged_arrays_are_named_with_the_remedy(tmp_path, content):
    read = partial(read_arrays, stage="x", names=["ids", "photo"])
    problem = problem_of(read, tmp_path / "a.npz", content)
    assert re.match(rf"{tmp_path}/a.npz: is damaged \(.+\); delete it: x writes it again$", problem)


NO_TABLES = b"", b"\xff\xfe\x00\xd8", b'a,b\n1,"2\n3'
NO_TENSORS = b"", b"no tensors", b"\x08\0\0\0\0\0\0\0{}      "
NO_BENCHMARKS = b"", b"s\n", b"s\tmax_rss\n1.5\tmuch\n"
READERS = [
    *((read, DAMAGED_ARRAYS["other arrays"], " other ", "") for read in ARRAY_READERS),
    *((read, content, "", "") for read in TABLE_READERS for content in NO_TABLES),
    (read_manifest, b"subset\tid\nAR\n", "a row has fewer cells than the header", ""),
    *((read_generator, content, "", "train") for content in NO_TENSORS),
    *((lambda path: read_benchmarks(path.parent), content, "", "") for content in NO_BENCHMARKS),
]


@pytest.mark.parametrize(("read", "content", "fault", "stage"), READERS)
def test_every_reader_names_a_damaged_file_with_the_remedy(tmp_path, read, content, fault, stage):
    problem = problem_of(read, tmp_path / "a.tsv", content)
    told = rf"is damaged \(.*{fault}.*; delete it: .*{stage} writes it again$"
    assert re.match(f"{tmp_path}/a.tsv: {told}", problem)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), r"cannot be read \(Permission denied"),
        (OSError(errno.ESTALE, "Stale file handle"), r"cannot be read \(Stale file handle"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "is not there; a stage writes it again"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_called_damaged(error, told):
    with pytest.raises(InputError, match=f"^a.npz: {told}") as caught, intact("a.npz", "a stage"):
        raise error
    assert "damaged" not in str(caught.value) and "delete" not in str(caught.value)
    with pytest.raises(MemoryError), intact("a.npz", "a stage"):
        raise MemoryError


def test_a_generator_that_cannot_be_opened_is_not_called_missing(tmp_path, monkeypatch):
    """The message is that of safetensors."""
    (tmp_path / "g.safetensors").touch()
    refused = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr("builtins.open", Mock(side_effect=refused))
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied"):
        read_generator(tmp_path / "g.safetensors")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_tensors_are_for_whom_the_umask_lets_read_all_other_files(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        storage.write_tensors(tmp_path / "g.safetensors", {"a": torch.zeros(2)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "g.safetensors").stat().st_mode & 0o777 == mode


def pair(id):
    return Pair("AR", id, "test", f"{id}.jpg", f"{id}.png", 200, 250, "0" * 64, "1" * 64)


def table_of(columns, others=("value",)):
    table = pd.DataFrame({**dict.fromkeys(others, 1.0), **columns})
    return lambda path: storage.write_table(table, path)


def test_rows_lost_and_rows_doubled_are_named_with_the_remedy(tmp_path):
    user, path = tmp_path / "user.tsv", tmp_path / "table"
    rows = [f"AR\t{id}\ttest\t{id}.jpg\t{id}.png" for id in ("7", "8")]
    user.write_text("\n".join(["\t".join(PAIR_COLUMNS), *rows]))
    people = {"subset": ["AR", "AR"], "id": ["7", "8"]}
    differences = {"ablation": "glad", "reference": "baseline"}
    differences |= {"subset": ["AR", "all"], "metric": "fid"}
    warped = {"id": ["7", "8"], "worse": [True, False], "shrunk": False}
    cases = [
        ("AR 7", lambda: read_manifest(path, user), partial(write_manifest, [*map(pair, "78")])),
        (
            "2 AR 7",
            lambda: files.read_image_scores(path, [("AR", "7"), ("AR", "8")], [2]),
            table_of({"epoch": 2, "nearest": "AR/9", **people}),
        ),
        ("7", lambda: read_scores(path, ["7", "8"]), table_of(warped)),
        (
            "glad baseline AR fid",
            lambda: files.read_differences(path, [("glad", "baseline")], ["AR"]),
            table_of(differences, DIFFERENCES),
        ),
    ]
    for row, read, write in cases:
        write(path)
        read()
        header, first, *rest = path.read_text().splitlines(keepends=True)
        for word, rows in {"lacks": rest, "repeats": [first, first, *rest]}.items():
            path.write_text("".join([header, *rows]))
            with pytest.raises(InputError, match=f"{path}: .*{word} {row}; delete it: "):
                read()
    [problem] = problems_of(storage.require_rows, "a", "train", [[2], [1]], [[1], [2]])
    assert problem == "a: has its rows in another order; delete it: train writes it again"
