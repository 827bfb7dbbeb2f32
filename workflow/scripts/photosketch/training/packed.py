"""The files of packed pairs, one per split: arrays as `pack.pack` describes them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from photosketch.data.storage import Streamed, read_arrays, write_arrays
from photosketch.jobs.progress import Bar

NAMES = ("ids", "subset", "photo", "sketch", "landmarks", "parsing", "size", "offset", "pad_value")


def read_packed(path: Path | str) -> dict[str, Any]:
    """All arrays of a file, by name. Raises InputError if the file is damaged."""
    return read_arrays(path, "pack_tensors or pack_warped_tensors", NAMES)


def write_packed(
    arrays: Mapping[str, Any | Streamed],
    path: Path | str,
    name: str = "packing",
    console: TextIO | None = None,
) -> None:
    """Write arrays, streamed or not, to an NPZ, uncompressed: reading speed matters more than size.

    `console` is told by this name how far it is.
    """
    total = sum(array.shape[0] for array in arrays.values() if isinstance(array, Streamed))
    with Bar(name, total, console) as bar:
        shown = {
            key: _shown(array, bar) if isinstance(array, Streamed) else array
            for key, array in arrays.items()
        }
        write_arrays(path, shown)


def _shown(array: Streamed, bar: Bar) -> Streamed:
    """The same array, whose parts move the bar on as they are written."""

    def parts() -> Iterator[np.ndarray]:
        for part in array.parts():
            yield part
            bar.update()

    return Streamed(array.shape, parts)
