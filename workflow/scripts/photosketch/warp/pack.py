"""Packed training pairs with warped sketches in place of the original sketches.

Not in `training.pack`, so that unwarped tensors do not depend on this code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.parsing.labels import read_parsings
from photosketch.warp.files import read_warped
from photosketch.warp.maps import apply

Files = Mapping[str, Path | str]


def with_warped_sketches(
    packed: Mapping[str, Any], warp_files: Files, parsing_files: Files
) -> dict[str, Any]:
    """A copy of packed arrays (see `training.pack.pack`) whose sketches are warped. `warp_files`
    and `parsing_files` name each subset's NPZ. Gray sketches come from the warp file; RGB sketches
    are resampled here by its maps."""
    width, height = packed["size"]
    x, y = packed["offset"]
    window = np.s_[y : y + height, x : x + width]
    sketches = np.array(packed["sketch"])  # [N, F, F, C]
    subsets = np.array(packed["subset"])
    for subset in dict.fromkeys(subsets.tolist()):
        rows = np.flatnonzero(subsets == subset)
        ids = packed["ids"][rows].tolist()
        warped = read_warped(warp_files[subset], ids)
        labels = read_parsings(parsing_files[subset], ids).by_id("sketch")
        for row, id in zip(rows, ids, strict=True):
            sketch, place = sketches[row][window], warped.ids.index(id)
            if sketch.shape[-1] == 1:
                sketch[:] = warped.sketches[place][..., None]
            else:
                sketch[:], _ = apply(np.ascontiguousarray(sketch), warped.maps[place], labels[id])
    return {**packed, "sketch": sketches}
