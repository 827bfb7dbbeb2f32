"""The files of warped sketches: arrays and scores of a subset, and the summary of the scores."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from photosketch.data import storage
from photosketch.data.array_types import Field, Image, Mask


@dataclass(frozen=True)
class Warped:
    """The sketches of a subset, warped onto its photos."""

    ids: tuple[str, ...]
    sketches: Image  # [N, H, W] uint8
    maps: Field  # [N, H, W, 2] float32 as in `warp.maps`, the identity for a kept original sketch
    valid: Mask  # [N, H, W], the pixels that show the sketch


def write_warped(warped: Warped, path: str | Path) -> None:
    """Write an NPZ: ids, sketches, maps, valid."""
    storage.write_arrays(path, vars(warped))


def read_warped(path: str | Path, ids: Collection[str] = ()) -> Warped:
    """Read what `write_warped` wrote. Raises InputError if it has no sketch of a pair of `ids`."""
    stored = storage.read_arrays(path, "warp_sketches", ("ids", "sketches", "maps", "valid"))
    warped = Warped(tuple(stored.pop("ids").tolist()), **stored)
    storage.require_ids(path, "warp_sketches", warped.ids, ids)
    return warped


def write_scores(scores: pd.DataFrame, path: str | Path) -> None:
    """Write the scores of `warp_pairs` to a CSV: one row per pair, 4 decimals."""
    storage.write_table(scores.round(4), path)


def read_scores(path: str | Path, ids: Iterable[str]) -> pd.DataFrame:
    """Read what `write_scores` wrote, ids as text. Raises InputError if they are not `ids`."""
    flags = ["worse", "shrunk"]
    table = storage.read_table(path, "warp_sketches", ("id", *flags))
    storage.require_rows(path, "warp_sketches", zip(table["id"]), zip(ids))
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
