"""The files of warped sketches: arrays and scores of a subset, and the scores summed up."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photosketch.data import archives, digests, row_keys
from photosketch.data.array_types import Field, Image, Mask


@dataclass(frozen=True)
class Warped:
    """The sketches of a subset brought onto its photos.

    ids [N]; sketches [N, H, W] uint8; maps [N, H, W, 2] float32 as in `warp.maps`, the identity
    where the original sketch stays; valid [N, H, W] bool, the pixels that show the sketch.
    """

    ids: tuple[str, ...]
    sketches: Image
    maps: Field
    valid: Mask


def write_warped(warped: Warped, path: str | Path) -> None:
    """Write an NPZ: ids, sketches, maps, valid."""
    archives.write(
        path,
        {
            "ids": np.array(warped.ids),
            "sketches": warped.sketches,
            "maps": warped.maps,
            "valid": warped.valid,
        },
    )


def read_warped(path: str | Path) -> Warped:
    """Read what `write_warped` wrote."""
    with archives.opened(path, "warp_sketches") as stored:
        return Warped(
            tuple(stored["ids"].tolist()), stored["sketches"], stored["maps"], stored["valid"]
        )


def write_scores(scores: pd.DataFrame, path: str | Path) -> None:
    """Write a CSV of what `warp_pairs` scores: one row per pair, 4 decimals."""
    with digests.written(path) as temporary:
        scores.round(4).to_csv(temporary, index=False)


def read_scores(path: str | Path, ids: Iterable[str]) -> pd.DataFrame:
    """Read what `write_scores` wrote; ids are text. Raises InputError unless they are `ids`, those
    of the subset's pairs in their order."""
    with digests.read(path, "warp_sketches"):
        table = pd.read_csv(path, dtype={"id": str}, keep_default_na=False, na_values=[""])
        found = table["id"].tolist()
    row_keys.require(path, "warp_sketches", ([id] for id in found), ([id] for id in ids))
    return table


def summarise(subset: str, mode: str, scores: pd.DataFrame) -> dict[str, Any]:
    """One row on a subset: counts, and the means of what `warp_pairs` scores."""
    counted = {
        "subset": subset,
        "mode": mode,
        "pairs": len(scores),
        "worse": int(scores["worse"].sum()),
        "shrunk": int(scores["shrunk"].sum()),
        "undetected": int(scores["points_after"].isna().sum()),
        "min_jacobian": scores["min_jacobian"].min(),
    }
    rest = [name for name in scores.columns if name not in {"id", *counted}]
    return counted | {name: scores[name].mean() for name in rest}
