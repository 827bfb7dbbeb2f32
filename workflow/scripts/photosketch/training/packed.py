"""The files of packed pairs, one per split: arrays as `pack.pack` describes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.runtime import write_atomically


def read_packed(path: Path | str) -> dict[str, Any]:
    """All arrays of a file, by name."""
    with np.load(path) as archive:
        return dict(archive)


def write_packed(arrays: Mapping[str, Any], path: Path | str) -> None:
    """Write the arrays to an NPZ, uncompressed: reading speed matters more than size."""
    with write_atomically(path) as temporary:
        np.savez(temporary, **arrays)
