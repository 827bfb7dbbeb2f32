"""The files of packed pairs, one per split: arrays as `pack.pack` describes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.runtime import intact, write_atomically

NAMES = ("ids", "subset", "photo", "sketch", "landmarks", "parsing", "size", "offset", "pad_value")


def read_packed(path: Path | str) -> dict[str, Any]:
    """All arrays of a file, by name. Raises InputError where it is damaged."""
    with intact(path, "pack_tensors"), np.load(path) as archive:
        return {name: archive[name] for name in NAMES}


def write_packed(arrays: Mapping[str, Any], path: Path | str) -> None:
    """Write the arrays to an NPZ, uncompressed: reading speed matters more than size."""
    with write_atomically(path) as temporary:
        np.savez(temporary, **arrays)
