"""The files of warped sketches: arrays and scores of a subset, and the summary of the scores."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from photosketch.data.array_types import Field, Image, Mask
from photosketch.data.storage import (
    read_arrays,
    read_table,
    require_rows,
    write_arrays,
    write_table,
)


@dataclass(frozen=True)
class Warped:
    """The sketches of a subset, warped onto its photos.

    ids [N]; sketches [N, H, W] uint8; maps [N, H, W, 2] float32 as in `warp.maps`, the identity if
    the original sketch was kept; valid [N, H, W] bool, the pixels that show the sketch.
    """

    ids: tuple[str, ...]
    sketches: Image
    maps: Field
    valid: Mask


def write_warped(warped: Warped, path: str | Path) -> None:
    """Write an NPZ: ids, sketches, maps, valid."""
    write_arrays(path, vars(warped))


def read_warped(path: str | Path) -> Warped:
    """Read what `write_warped` wrote."""
    stored = read_arrays(path, "warp_sketches", ("ids", "sketches", "maps", "valid"))
    return Warped(tuple(stored.pop("ids").tolist()), **stored)


def write_scores(scores: pd.DataFrame, path: str | Path) -> None:
    """Write the scores of `warp_pairs` to a CSV: one row per pair, 4 decimals."""
    write_table(scores.round(4), path)


def read_scores(path: str | Path, ids: Iterable[str]) -> pd.DataFrame:
    """Read what `write_scores` wrote, ids as text. Raises InputError if they are not `ids`."""
    flags = ["worse", "shrunk"]
    table = read_table(path, "warp_sketches", ("id", *flags))
    require_rows(path, "warp_sketches", zip(table["id"]), zip(ids))
    return table.assign(**{flag: table[flag] == "True" for flag in flags})


def summarise(subset: str, mode: str, scores: pd.DataFrame) -> dict[str, Any]:
    """A row for a subset: counts, and means of the scores of `warp_pairs`."""
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
