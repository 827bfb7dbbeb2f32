"""The files of packed pairs, one per split: arrays as `pack.pack` describes them."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from photosketch.progress import Bar
from photosketch.runtime import intact, write_atomically

NAMES = ("ids", "subset", "photo", "sketch", "landmarks", "parsing", "size", "offset", "pad_value")


@dataclass(frozen=True)
class Streamed:
    """An array uint8 [N, ...] whose N parts are made one after another, as they are written."""

    shape: tuple[int, ...]
    parts: Callable[[], Iterator[np.ndarray]]  # each of shape[1:]

    def array(self) -> np.ndarray:
        """All of it, in memory."""
        return np.stack(list(self.parts()))


def read_packed(path: Path | str) -> dict[str, Any]:
    """All arrays of a file, by name. Raises InputError where it is damaged."""
    with intact(path, "pack_tensors"), np.load(path) as archive:
        return {name: archive[name] for name in NAMES}


def write_packed(
    arrays: Mapping[str, Any | Streamed],
    path: Path | str,
    name: str = "packing",
    console: TextIO | None = None,
) -> None:
    """Write arrays, streamed or not, to an NPZ, uncompressed: reading speed matters more than size.

    The file is what `np.savez` makes of the arrays. `console` is told by this name how far it is.
    """
    total = sum(array.shape[0] for array in arrays.values() if isinstance(array, Streamed))
    with (
        write_atomically(path) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        Bar(name, total, console) as bar,
    ):
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                if not isinstance(array, Streamed):
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
                    continue
                header = {"descr": "|u1", "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for part in array.parts():
                    member.write(part.tobytes())
                    bar.update()
