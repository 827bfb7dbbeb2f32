"""NPZ files with a digest of each of their arrays, by which they are checked when they are read.

A ZIP's own checksums notice a flipped bit, but no array that was written anew with other rows, and
no missing one. The digests lie in the archive's comment, where other readers of NPZ never look.
"""

import contextlib
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from photosketch.jobs.job import intact, write_atomically


@dataclass(frozen=True)
class Streamed:
    """An array uint8 [N, ...] whose N parts are made one after another, as they are written."""

    shape: tuple[int, ...]
    parts: Callable[[], Iterator[np.ndarray]]  # each of shape[1:]

    def array(self) -> np.ndarray:
        """All of it, in memory."""
        return np.stack(list(self.parts()))


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Any | Streamed],
    *,
    compressed: bool = False,
) -> None:
    """Write arrays, streamed or not, as `np.savez` does, and their digests.

    Raises ValueError where the parts of a streamed array are not as many, or not such, as its shape
    says.
    """
    compression = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    digests = {}
    with (
        write_atomically(path, None if compressed else _size(arrays)) as temporary,
        zipfile.ZipFile(temporary, "w", compression) as archive,
    ):
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(array, Streamed):
                    header = {"descr": "|u1", "fortran_order": False, "shape": array.shape}
                    np.lib.format.write_array_header_1_0(member, header)
                    digest = _beginning(np.dtype(np.uint8), array.shape)
                    for part in _checked(name, array):
                        member.write(part.data)
                        digest.update(part.data)
                    digests[name] = digest.hexdigest()
                else:
                    whole = np.asanyarray(array)
                    np.lib.format.write_array(member, whole, allow_pickle=False)
                    digests[name] = _digest(whole)
        archive.comment = json.dumps({"sha256": digests}).encode()


def read(
    path: str | os.PathLike[str], stage: str, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of these names, or all, each held against its digest.

    Raises InputError where the file is damaged, or was not written by `write`; `stage` is who
    writes it again.
    """
    with opened(path, stage, names) as arrays:
        return arrays


@contextlib.contextmanager
def opened(
    path: str | os.PathLike[str], stage: str, names: Collection[str] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """As `read`; what the block makes of the arrays, and fails in, counts as damage too."""
    with intact(path, stage):
        with np.load(path) as stored:
            digests = _digests(stored.zip.comment)
            if set(digests) != set(stored.files):
                raise ValueError("other arrays than it was written with")
            wanted = digests if names is None else names
            for name in wanted:
                _check_length(stored.zip, f"{name}.npy")
            arrays = {name: stored[name] for name in wanted}
        for name, array in arrays.items():
            if _digest(array) != digests[name]:
                raise ValueError(f"the array {name} is not the one that was written")
        yield arrays


def _size(arrays: Mapping[str, Any | Streamed]) -> int:
    """Bytes of all arrays."""
    return sum(
        math.prod(array.shape) if isinstance(array, Streamed) else np.asanyarray(array).nbytes
        for array in arrays.values()
    )


def _check_length(archive: zipfile.ZipFile, name: str) -> None:
    """Raise ValueError where an array's header asks for more or less than there is: numpy would
    reserve the memory first."""
    with archive.open(name) as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{name} has another header than it was written with")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        length = member.tell() + math.prod(shape) * dtype.itemsize
    if length != archive.getinfo(name).file_size and not dtype.hasobject:
        raise ValueError(f"the header of {name} tells of another length than the file's")


def _digests(comment: bytes) -> dict[str, str]:
    if not comment:
        raise ValueError("no digests of its arrays")
    digests: dict[str, str] = json.loads(comment)["sha256"]
    return digests


def _digest(array: np.ndarray) -> str:
    digest = _beginning(array.dtype, array.shape)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _beginning(dtype: np.dtype[Any], shape: tuple[int, ...]) -> "hashlib._Hash":
    return hashlib.sha256(f"{dtype.str}{shape}".encode())


def _checked(name: str, array: Streamed) -> Iterator[np.ndarray]:
    """The parts, contiguous, if they are what the shape says."""
    count = 0
    for part in array.parts():
        if part.shape != array.shape[1:] or part.dtype != np.uint8 or count == array.shape[0]:
            raise ValueError(f"{name}: other parts than {array.shape} of uint8")
        yield np.ascontiguousarray(part)
        count += 1
    if count < array.shape[0]:
        raise ValueError(f"{name}: {count} parts instead of {array.shape[0]}")
