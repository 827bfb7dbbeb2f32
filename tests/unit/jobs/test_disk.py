"""Files are written whole or not at all, and a full disk is named by every writer of a run."""

import errno
import os
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

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
from photosketch.jobs import disk
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import COLUMNS, write_landmarks
from support.problems import problems_of

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


def test_a_failed_write_leaves_the_old_file_and_a_finished_one_replaces_it(tmp_path):
    target = tmp_path / "new" / "table.csv"
    with disk.write_atomically(target) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("whole")
        assert not target.exists()
    with pytest.raises(RuntimeError), disk.write_atomically(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_what_killed_writes_of_a_file_left_is_removed_by_its_next_write(tmp_path):
    target = tmp_path / "table.csv"
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [tmp_path / f".table.{process}.csv" for process in (dead.pid, 10**12)]
    kept = [
        tmp_path / f".table.{os.getppid()}.csv",  # a running process
        tmp_path / f".other.{dead.pid}.csv",
        tmp_path / ".table.csv",
        tmp_path / f".table.{dead.pid}.tsv",
    ]
    for path in (*gone, *kept):
        path.touch()
    with disk.write_atomically(target) as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == {target, *kept}


def write(target, needed=None, code=None):
    """Write two million bytes, then fail with the code of an OSError, if any."""
    with disk.write_atomically(target, needed) as temporary:
        temporary.write_bytes(bytes(2_000_000))
        if code:
            raise OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("code", "needed", "size"),
    [(errno.ENOSPC, 3_210_000_000, "3.21 GB"), (errno.EDQUOT, None, "more than 2.0 MB")],
)
def test_a_full_disk_is_told_with_folder_space_and_remedy(tmp_path, code, needed, size):
    target = tmp_path / "new" / "table.csv"
    [problem] = problems_of(write, target, needed, code)
    assert problem.startswith(f"{target.parent}: no room for table.csv, which needs {size}: ")
    assert f"are free there ({os.strerror(code)}); make room" in problem
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file/table.csv", "File exists"),
        ("file/below/table.csv", "Not a directory"),
        (f"{'x' * 300}.csv", "File name too long"),
        ("/proc/none/table.csv", "No such file or directory"),
        ("folder", "Is a directory"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_named_in_a_sentence(tmp_path, place, reason):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    [problem] = problems_of(write, tmp_path / place)
    assert problem.startswith(f"{tmp_path / place}: cannot be used ({reason}); correct the path")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_never_ends_is_not_read(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(OSError, match="a pipe or a device, not a file"):
        disk.read_file(tmp_path / "a")
    with pytest.raises(IsADirectoryError):
        disk.read_file(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_without_locks_the_job_goes_on_and_says_so(tmp_path, monkeypatch, capsys, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk.fcntl, "flock", refuse)
    with disk.sole_writer(tmp_path / "run", sys.stderr):
        pass
    said = capsys.readouterr()
    told = (
        f"no locks in {tmp_path / 'run'} ({os.strerror(code)}): make sure that no other job uses "
        "that folder\n"
    )
    assert said.err == said.out == told


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path, monkeypatch, code):
    """That of a colleague, or in a container whose /tmp is read-only."""

    def refuse(path, *_):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(disk.os, "open", refuse)
    [problem] = problems_of(disk.try_lock, tmp_path / "run.lock", sys.stderr, "it")
    fault = f"cannot be used ({os.strerror(code)}); correct the path"
    assert problem.startswith(f"{tmp_path / 'run.lock'}: {fault}")


@pytest.fixture
def other_disk():
    """A folder on another file system."""
    folder = Path("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        pytest.skip("/dev/shm is not there: no second file system")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        yield Path(made)


@pytest.mark.parametrize(
    ("scratch", "free", "said"),
    [("same", 10**9, ""), ("other", 10**9, "copied {file}"), ("other", 1, "too little room")],
)
def test_a_file_is_copied_to_a_scratch_disk_that_has_room(
    tmp_path, other_disk, monkeypatch, capsys, scratch, free, said
):
    monkeypatch.setattr(tempfile, "tempdir", str(other_disk if scratch == "other" else tmp_path))
    usage = namedtuple("usage", "total used free")(10**9, 0, free)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    file = tmp_path / "tensors.npz"
    file.write_bytes(b"content")
    with disk.staged(file) as read:
        assert read.read_bytes() == b"content"
        assert read.is_relative_to(other_disk) == said.startswith("copied")
    assert not list(other_disk.iterdir())
    assert said.format(file=file) in capsys.readouterr().out
