"""Files are written whole or not at all, read with clear errors, hashed and locked.

Importing this module loads no heavy library, because the Snakefile imports it.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from photosketch.jobs.messages import InputError, say, size_in_words


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str], needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it replaces `path`, else it is removed.

    The temporary name keeps the suffix, by which writers choose the format. Temporary files of
    `path` that killed jobs have left are removed. Raises InputError if the file can't be written,
    or if the disk or a quota is full. `needed` is the file's size in bytes, if known.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.(\d+){re.escape(path.suffix)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in filter(None, map(pattern.fullmatch, _hidden_files(path.parent))):
            # a process on another node counts as ended: Snakemake has started this job in its place
            if not Path("/proc", leftover[1]).exists():
                path.with_name(leftover[0]).unlink(missing_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if is_full(error):
            there = next(folder for folder in path.absolute().parents if folder.exists())
            free = size_in_words(shutil.disk_usage(there).free)
            size = needed or (temporary.stat().st_size if temporary.exists() else 0)
            about = size_in_words(size) if needed else f"more than {size_in_words(size)}"
            needs = f", which needs {about}" if size else ""
            problem = (
                f"{path.parent}: no room for {path.name}{needs}: {free} are free there "
                f"({error.strerror}); make room, or put a link to a folder on a larger disk in its "
                "place, and run again"
            )
        elif error.filename and Path(error.filename) in (temporary, path, *path.parents):
            problem = f"{path}: {unusable(error)}"
        else:
            raise
        raise InputError([problem]) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be a file, or read-only
            temporary.unlink()


@functools.cache
def _hidden_files(folder: Path) -> list[str]:
    """The hidden files in a folder, listed only once because it may get thousands of files."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


def remove_hidden_files(folder: Path) -> None:
    """Remove what killed jobs have left in a folder that no other job writes into."""
    for leftover in folder.glob(".*"):
        with contextlib.suppress(OSError):  # folders, and files that a file server keeps open
            leftover.unlink()


def is_full(error: BaseException) -> bool:
    """Whether the error means that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def unusable(error: OSError) -> str:
    """What a message says of a file that cannot be used, with the remedy."""
    return f"cannot be used ({error.strerror}); correct the path, or check its permissions and disk"


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file that a person names. Raises OSError, also for a pipe or a device,
    because reading from these may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
    return Path(path).read_bytes()


def read_text(path: Path, missing: str, kind: str) -> str:
    """The UTF-8 text of a file that a person has written.

    Raises InputError with `missing` if there is no file, and with `kind` if it is not UTF-8.
    """
    try:
        return read_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        fault = missing
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); correct the path or its permissions"
    except UnicodeDecodeError as error:
        fault = f"cannot be read ({error}); save it as {kind}"
    raise InputError([f"{path}: {fault}"])


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a copy of the file in TMPDIR if TMPDIR is on another file system, else the file itself.

    On a cluster TMPDIR is a disk of the node, so a file that is read several times crosses the
    network once. If TMPDIR has too little room, the log says so.
    """
    path, scratch = Path(path), Path(tempfile.gettempdir())
    file = path.stat()
    if scratch.stat().st_dev == file.st_dev:
        yield path
    elif shutil.disk_usage(scratch).free < 2 * file.st_size:
        print(f"too little room in {scratch} for a copy of {path}: it is read in place")
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="photosketch-", dir=scratch) as folder:
            copy = Path(shutil.copyfile(path, Path(folder, path.name)))
            print(f"copied {path} to {scratch} ({size_in_words(file.st_size)})")
            yield copy


def try_lock(path: Path, console: TextIO, shared: str) -> int | None:
    """Lock a file until the returned descriptor is closed or the process ends; None if another
    process holds the lock. If the file system has no locks, log and console say what is `shared`
    without them. Raises InputError if the file cannot be opened."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError([f"{path}: {unusable(error)}"]) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError as error:
        fault = f"no locks in {path.parent} ({error.strerror})"
        say(f"{fault}: make sure that no other job uses {shared}", console)
    os.utime(lock)  # so that a clean-up of /tmp by age keeps the file
    return lock


@contextlib.contextmanager
def sole_writer(folder: Path, console: TextIO, patience: float = 180) -> Iterator[None]:
    """Lock `folder` within the block, so that no other job works there.

    The job of a killed Snakemake goes on, and its successor must not write beside it. The successor
    leaves a note (`is_claimed`), upon which the job with the lock stops and publishes nothing. It
    waits for `patience` seconds, in which a file server also notices a crashed node, then raises
    InputError.
    """
    writer, claim = folder / ".writer", folder / ".claim"
    began = time.monotonic()
    announced = False
    while (lock := try_lock(writer, console, "that folder")) is None:
        claim.touch()
        other = writer.read_text(encoding="utf-8").strip() or "an unknown process"
        if time.monotonic() > began + patience:
            claim.unlink(missing_ok=True)
            raise InputError([f"{folder} is in use by {other}: end that (kill, scancel) first"])
        if not announced:
            say(f"{folder} is in use by {other}: waiting for it to save and stop", console)
            announced = True
        time.sleep(1)
    claim.unlink(missing_ok=True)
    slurm = f", SLURM job {os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else ""
    os.truncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {socket.gethostname()}{slurm}".encode())
    try:
        yield
    finally:
        os.close(lock)


def is_claimed(folder: Path) -> bool:
    """Whether another job waits for the folder that this job has locked."""
    return (folder / ".claim").exists()
