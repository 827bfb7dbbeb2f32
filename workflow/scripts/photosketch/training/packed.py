"""The files of packed pairs, one per split: arrays as `pack.pack` describes them."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from photosketch.data.storage import Streamed, read_arrays, write_arrays
from photosketch.jobs.progress import Bar

NAMES = ("ids", "subset", "photo", "sketch", "landmarks", "parsing", "size", "offset", "pad_value")


def read_packed(path: Path | str) -> dict[str, Any]:
    """The arrays of a file by name. Raises InputError if the file is damaged."""
    return read_arrays(path, "pack_tensors or pack_warped_tensors", NAMES)


def write_packed(
    arrays: Mapping[str, Any | Streamed],
    path: Path | str,
    name: str = "packing",
    console: TextIO | None = None,
) -> None:
    """Write arrays to an NPZ, uncompressed, because reading speed matters more than size; `console`
    shows the progress of `name`."""
    streamed = {key: array for key, array in arrays.items() if isinstance(array, Streamed)}
    with Bar(name, sum(array.shape[0] for array in streamed.values()), console) as bar:

        def shown(array: Streamed) -> Iterator[np.ndarray]:
            for part in array.parts():
                yield part
                bar.update()

        for key, array in streamed.items():
            streamed[key] = Streamed(array.shape, functools.partial(shown, array))
        write_arrays(path, {**arrays, **streamed})
