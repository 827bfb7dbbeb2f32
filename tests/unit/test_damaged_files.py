"""Every file of a run: a damaged one ends in a sentence with its name and the remedy."""

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from photosketch import archives
from photosketch.align.files import read_alignment
from photosketch.evaluation import files
from photosketch.landmarks.table import read_landmarks
from photosketch.pairs import read_manifest
from photosketch.parsing.labels import read_parsings
from photosketch.runtime import InputError, intact
from photosketch.training.checkpoint import read_generator
from photosketch.training.packed import read_packed
from photosketch.training.samples import read_samples
from photosketch.training.tensors import load_packed
from photosketch.warp.files import read_scores, read_warped

ARRAYS = (
    files.read_features,
    files.read_gallery,
    files.read_run_features,
    lambda path: files.mismatches(path, files.Features(*[np.array([])] * 3)),
    read_alignment,
    read_parsings,
    read_packed,
    lambda path: load_packed(path, "cpu"),
    read_samples,
    read_warped,
)
TABLES = (read_landmarks, read_manifest, files.read_references, files.read_differences)
TABLES += (files.read_image_scores, read_scores)


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
