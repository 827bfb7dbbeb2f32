"""Every file of a run: a damaged one ends in a sentence with its name and the remedy."""

import io
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from photosketch.align.files import read_alignment
from photosketch.comparison.costs import read_benchmarks
from photosketch.data import archives
from photosketch.data.pairs import COLUMNS as PAIR_COLUMNS
from photosketch.data.pairs import Pair, read_manifest, write_manifest
from photosketch.evaluation import files
from photosketch.jobs.job import InputError, intact
from photosketch.landmarks.table import COLUMNS, read_landmarks, write_landmarks
from photosketch.parsing.labels import read_parsings
from photosketch.training.checkpoint import read_generator
from photosketch.training.packed import read_packed
from photosketch.training.samples import read_samples
from photosketch.training.tensors import load_packed
from photosketch.warp.files import read_scores, read_warped

NOBODY = files.Features(*[np.array([])] * 3)
ARRAYS = (
    files.read_features,
    files.read_gallery,
    lambda path: files.read_run_features(path, NOBODY),
    lambda path: files.mismatches(path, NOBODY),
    read_alignment,
    read_parsings,
    read_packed,
    lambda path: load_packed(path, "cpu"),
    read_samples,
    read_warped,
)
TABLES = (
    read_landmarks,
    read_manifest,
    lambda path: files.read_references(path, []),
    lambda path: files.read_differences(path, [], []),
    lambda path: files.read_image_scores(path, [], []),
    lambda path: read_scores(path, []),
)
BENCHMARKS = (b"", b"s\n", b"s\tmax_rss\n1.5\tmuch\n")


def archive(**arrays):
    """An NPZ with digests, as a run has them."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        archives.write(file.name, arrays)
        return Path(file.name).read_bytes()


def objects():
    file = io.BytesIO()
    np.savez(file, ids=np.array([{}], dtype=object))
    return file.getvalue()


def flipped(data):
    """One bit of the first array's values changed, which its checksum notices."""
    at = zipfile.ZipFile(io.BytesIO(data)).infolist()[1].header_offset - 20
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


WHOLE = archive(ids=np.array(["a"] * 99), photo=np.zeros(99))
DAMAGED_ARRAYS = {
    "empty": b"",
    "text": b"no archive",
    "cut short": WHOLE[: len(WHOLE) // 2],
    "other arrays": archive(other=np.zeros(3)),
    "a flipped bit": flipped(WHOLE),
    "objects": objects(),
}


def problem_of(read, path, content):
    """The one problem that reading the content ends in."""
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("content", DAMAGED_ARRAYS.values(), ids=DAMAGED_ARRAYS)
@pytest.mark.parametrize("read", ARRAYS)
def test_damaged_arrays_are_named_with_the_remedy(tmp_path, read, content):
    path = tmp_path / "arrays.npz"
    problem = problem_of(read, path, content)
    assert problem.startswith(f"{path}: is damaged (")
    assert "delete it: it is written again by " in problem


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\xd8", b'a,b\n1,"2\n3'])
@pytest.mark.parametrize("read", TABLES)
def test_damaged_tables_are_named_with_the_remedy(tmp_path, read, content):
    path = tmp_path / "table.csv"
    problem = problem_of(read, path, content)
    assert problem.startswith(f"{path}: ")
    assert "delete it" in problem


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_generator_is_named_with_the_remedy(tmp_path, content):
    path = tmp_path / "generator_epoch1.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged .*written again by train"):
        read_generator(path)


def test_a_missing_file_and_a_lack_of_memory_are_not_taken_for_damage(tmp_path):
    with pytest.raises(FileNotFoundError), intact(tmp_path / "none", "a stage"):
        open(tmp_path / "none")
    with pytest.raises(MemoryError), intact(tmp_path / "large", "a stage"):
        raise MemoryError


def rows_changed(write, path):
    """What becomes of a table without its hash if one of its rows is lost, and if one is there
    twice."""
    write(path)
    path.with_name(f".{path.name}.sha256").unlink(missing_ok=True)
    header, first, *rest = path.read_text().splitlines(keepends=True)
    yield "lacks", "".join([header, *rest])
    yield "repeats", "".join([header, first, first, *rest])


def pair(id):
    return Pair("AR", id, "test", f"{id}.jpg", f"{id}.png", 200, 250, "0" * 64, "1" * 64)


def write_user_table(folder):
    table = folder / "user.tsv"
    rows = [f"AR\t{id}\ttest\t{id}.jpg\t{id}.png" for id in ("7", "8")]
    table.write_text("\n".join(["\t".join(PAIR_COLUMNS), *rows]))
    return table


def of_people(columns):
    table = pd.DataFrame({**columns, "value": 1.0})
    return lambda path: table.to_csv(path, index=False)


def test_rows_lost_and_rows_doubled_are_named_with_the_remedy(tmp_path):
    user, path = write_user_table(tmp_path), tmp_path / "table"
    people = {"subset": ["AR", "AR"], "id": ["7", "8"]}
    differences = {"ablation": "glad", "subset": ["AR", "all"], "metric": "fid"}
    cases = [
        ("AR 7", lambda: read_manifest(path, user), partial(write_manifest, [*map(pair, "78")])),
        (
            "2 AR 7",
            lambda: files.read_image_scores(path, [("AR", "7"), ("AR", "8")], [2]),
            of_people({"epoch": 2, **people}),
        ),
        ("7", lambda: read_scores(path, ["7", "8"]), of_people(people)),
        (
            "glad AR fid",
            lambda: files.read_differences(path, ["glad"], ["AR"]),
            of_people(differences),
        ),
    ]
    for row, read, write in cases:
        for word, content in rows_changed(write, path):
            path.write_text(content)
            with pytest.raises(InputError, match=f"{path}: .*{word} {row}; delete it: it is"):
                read()
        write(path)
        read()


def test_a_face_with_two_rows_of_points_is_named(tmp_path):
    row = ["7", "photo", *range(10), 1.0, "mtcnn"]
    write_landmarks(pd.DataFrame([row, row], columns=COLUMNS), tmp_path / "AR.csv")
    with pytest.raises(InputError, match=r"AR\.csv: repeats photo 7; delete it"):
        read_landmarks(tmp_path / "AR.csv")


@pytest.mark.parametrize("content", BENCHMARKS)
def test_a_damaged_benchmark_is_named_with_the_remedy(tmp_path, content):
    problem = problem_of(lambda path: read_benchmarks(path.parent), tmp_path / "t.tsv", content)
    assert problem.startswith(f"{tmp_path / 't.tsv'}: is damaged (")
    assert "delete it" in problem
