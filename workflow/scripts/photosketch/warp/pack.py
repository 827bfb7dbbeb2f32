"""Packed training pairs with warped sketches in place of the original sketches.

Not in `training.pack`, so that unwarped tensors do not depend on this code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.jobs.job import InputError
from photosketch.parsing.labels import read_parsings
from photosketch.warp.files import read_warped
from photosketch.warp.maps import apply

Files = Mapping[str, Path | str]


def with_warped_sketches(
    packed: Mapping[str, Any], warp_files: Files, parsing_files: Files
) -> dict[str, Any]:
    """A copy of packed arrays (see `training.pack.pack`) whose sketches are warped.

    `warp_files` and `parsing_files` name each subset's NPZ. Gray sketches come from the warp file;
    RGB sketches are resampled here by its maps. Raises InputError with every pair that the warp
    files lack.
    """
    if not len(packed["ids"]):
        return dict(packed)
    width, height = packed["size"]
    x, y = packed["offset"]
    window = np.s_[y : y + height, x : x + width]
    sketches = np.array(packed["sketch"])  # [N, F, F, C]
    problems = []
    subsets = np.array(packed["subset"])
    for subset in dict.fromkeys(subsets.tolist()):
        warped, parsings = read_warped(warp_files[subset]), read_parsings(parsing_files[subset])
        place = {id: index for index, id in enumerate(warped.ids)}
        labels = parsings.by_id("sketch")
        for row in np.flatnonzero(subsets == subset):
            id = str(packed["ids"][row])
            if id not in place or id not in labels:
                problems.append(
                    f"{warp_files[subset]}: no warped sketch of {subset} {id}; "
                    "delete it: it is written again"
                )
            elif sketches.shape[-1] == 1:
                sketches[row][window] = warped.sketches[place[id]][..., None]
            else:
                sketches[row][window], _ = apply(
                    np.ascontiguousarray(sketches[row][window]), warped.maps[place[id]], labels[id]
                )
    if problems:
        raise InputError(problems)
    return {**packed, "sketch": sketches}
