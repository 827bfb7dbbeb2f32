"""Arrays are read as they were written, or not at all."""

import re
import zipfile

import numpy as np
import pytest

from photosketch.data import archives
from photosketch.jobs.job import InputError

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 7, 5, 3), np.uint8)
ARRAYS = {
    "ids": np.array(["a", "b", "cc"]),
    "none": np.zeros((0, 3)),
    "turned": np.arange(12.0).reshape(3, 4).T,
    "single": np.array(7),
    "photo": PICTURES,
}


def rewritten(path, **changed):
    """The file with other arrays in it, None for one that is taken out, its comment as it was."""
    with np.load(path) as stored:
        arrays = {**stored, **changed}
        comment = stored.zip.comment
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = comment


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_as_numpy_writes_them_and_come_back(tmp_path, compressed):
    archives.write(tmp_path / "a.npz", ARRAYS, compressed=compressed)
    with np.load(tmp_path / "a.npz") as stored:
        assert list(stored) == list(ARRAYS)
    read = archives.read(tmp_path / "a.npz", "a stage")
    assert all(np.array_equal(read[name], array) for name, array in ARRAYS.items())
    assert list(archives.read(tmp_path / "a.npz", "a stage", ("single",))) == ["single"]


def test_a_streamed_array_is_the_same_file(tmp_path):
    streamed = archives.Streamed(PICTURES.shape, lambda: iter(PICTURES))
    archives.write(tmp_path / "streamed.npz", {**ARRAYS, "photo": streamed})
    archives.write(tmp_path / "whole.npz", ARRAYS)
    assert (tmp_path / "streamed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        {"photo": PICTURES[:3]},
        {"photo": PICTURES[::-1]},
        {"photo": PICTURES.view(np.int8)},
        {"ids": np.array(["a", "b", "cd"])},
        {"none": None},
        {"besides": np.array(0)},
    ],
    ids=["a row lost", "rows in another order", "another type", "a name", "lost", "added"],
)
def test_arrays_that_were_changed_with_valid_checksums_are_refused(tmp_path, changed):
    path = tmp_path / "a.npz"
    archives.write(path, ARRAYS)
    rewritten(path)
    archives.read(path, "a stage")
    rewritten(path, **changed)
    expected = f"{re.escape(str(path))}: is damaged .*delete it: it is written again by a stage"
    with pytest.raises(InputError, match=expected):
        archives.read(path, "a stage")


def test_a_header_that_asks_for_more_than_the_file_has_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.npz"
    archives.write(path, {"a": np.zeros(100)})
    with zipfile.ZipFile(path) as archive:
        array, comment = archive.read("a.npy"), archive.comment
    assert array.count(b"(100,), }             ") == 1
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "a.npy", array.replace(b"(100,), }             ", b"(1000000000000000,), }")
        )
        archive.comment = comment
    with pytest.raises(InputError, match="of another length than the file's"):
        archives.read(path, "a stage")


def test_a_file_without_digests_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    with pytest.raises(InputError, match="no digests of its arrays"):
        archives.read(tmp_path / "a.npz", "a stage")


@pytest.mark.parametrize(
    "parts",
    [PICTURES[:3], [*PICTURES, PICTURES[0]], PICTURES / 255, PICTURES[:, 1:]],
    ids=["few", "many", "real", "small"],
)
def test_parts_that_are_not_what_the_shape_says_are_not_written(tmp_path, parts):
    streamed = archives.Streamed(PICTURES.shape, lambda: iter(parts))
    with pytest.raises(ValueError, match="parts"):
        archives.write(tmp_path / "a.npz", {"photo": streamed})
    assert not list(tmp_path.iterdir())
