"""The files of the evaluation: generated sketches, features, and tables of scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from photosketch import archives
from photosketch.runtime import InputError, intact, write_atomically

POOLED = "all"  # the name, in tables, of all subsets together
# that every table has
COLUMNS = ["epoch", "subset", "n", "fid", "kid", "fid_other", "features", "note"]


@dataclass(frozen=True)
class Features:
    """Features with the pairs they belong to: ids [N], subset [N], features [N, D] float32."""

    ids: np.ndarray
    subset: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class RunFeatures:
    """Features of every evaluated epoch of a run: ids [N], subset [N], epochs [E], features
    [E, N, D] float32.

    Kept at full precision, so that FID from the file is FID in the table: with
    Inception 2.8 MB an epoch of 338 images, little beside the generator that drew them.
    """

    ids: np.ndarray
    subset: np.ndarray
    epochs: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Gallery:
    """The photos among which people are looked up: ids [N], subset [N], what the face recognition
    network makes of each photo, embeddings [N, 128] float32, and the five landmarks of each, points
    [N, 5, 2] float32 in pixels, which are where a sketch drawn of that photo has its own.
    """

    ids: np.ndarray
    subset: np.ndarray
    embeddings: np.ndarray
    points: np.ndarray


def write_features(features: Features, path: str | Path) -> None:
    archives.write(path, vars(features))


def read_features(path: str | Path) -> Features:
    with archives.opened(path, "extract_real_features") as stored:
        return Features(**stored)


def write_gallery(gallery: Gallery, path: str | Path) -> None:
    archives.write(path, vars(gallery))


def read_gallery(path: str | Path) -> Gallery:
    with archives.opened(path, "extract_real_features") as stored:
        return Gallery(**stored)


def write_run_features(run: RunFeatures, path: str | Path) -> None:
    archives.write(path, vars(run))


def read_run_features(path: str | Path) -> RunFeatures:
    with archives.opened(path, "evaluate or evaluate_method") as stored:
        return RunFeatures(**stored)


def mismatches(path: str | Path, real: Features) -> list[str]:
    """Problems of a samples file: its people must be those of the real sketches, in their order."""
    with archives.opened(path, "infer or collect_sketches", ("subset", "ids")) as stored:
        drawn = list(zip(stored["subset"].tolist(), stored["ids"].tolist(), strict=True))
    expected = list(zip(real.subset.tolist(), real.ids.tolist(), strict=True))
    if drawn == expected:
        return []
    missing = [f"{subset} {id}" for subset, id in expected if (subset, id) not in set(drawn)]
    extra = [f"{subset} {id}" for subset, id in drawn if (subset, id) not in set(expected)]
    differences = [
        f"{word} {', '.join(names[:10])}{' and more' if len(names) > 10 else ''}"
        for word, names in (("lacks", missing), ("has besides", extra))
        if names
    ]
    return [
        f"{path}: not the {len(expected)} test people of the real sketches: "
        f"{'; '.join(differences) or 'they come in another order or repeat'}. "
        "Delete the file, so that inference runs again"
    ]


def read_scores(
    paths: Sequence[str | Path],
    ablations: Sequence[str],
    seeds: Sequence[int],
    subsets: Sequence[str],
) -> pd.DataFrame:
    """All evaluation tables as one: ablation, seed, epoch, subset, n, fid, kid, all other metrics.

    `paths` are `.../{ablation}/seed{seed}.csv` for each ablation and, within it, each seed. Rows
    come in that order, then by epoch, then by subset with `all` last.

    Raises InputError, with every problem, where a table lacks columns or holds other subsets, or
    where two tables were not made alike (epochs, number of images, features).
    """
    tables, problems = [], []
    for path, (ablation, seed) in zip(map(Path, paths), product(ablations, seeds), strict=True):
        if (path.parent.name, path.stem) != (ablation, f"seed{seed}"):
            raise ValueError(f"{path}: expected the scores of {ablation}, seed {seed}")
        table = _read(path, "subset", "features", "note")
        lacking = [name for name in COLUMNS if name not in table.columns]
        if lacking:
            problems.append(f"{path}: no column {', '.join(lacking)}; delete it to evaluate again")
            continue
        if set(table["subset"]) != {*subsets, POOLED}:
            problems.append(
                f"{path}: scores for {', '.join(table['subset'].unique())}, expected for "
                f"{', '.join([*subsets, POOLED])}; delete it to evaluate again"
            )
            continue
        place = table["subset"].map([*subsets, POOLED].index)
        table = table.assign(place=place).sort_values(["epoch", "place"], ignore_index=True)
        table = table.drop(columns="place")
        table.insert(0, "ablation", ablation)
        table.insert(1, "seed", seed)
        tables.append((path, table))
    shared = ["epoch", "subset", "n", "features", "note"]
    for path, table in tables[1:]:
        first_path, first = tables[0]
        if not table[shared].equals(first[shared]):
            problems.append(
                f"{path}: other epochs, numbers of images, features or remarks than {first_path}; "
                "delete the older of the two to evaluate again"
            )
    if problems:
        raise InputError(problems)
    return pd.concat([table for _, table in tables], ignore_index=True)


def read_image_scores(path: str | Path) -> dict[str, np.ndarray]:
    """The metrics of single sketches by key: [E, N] each, epochs and images as in the file."""
    table = _read(path, "subset", "id")
    epochs = table["epoch"].nunique()
    return {
        metric: table[metric].to_numpy(float).reshape(epochs, -1)
        for metric in table.columns.drop(["epoch", "subset", "id"])
    }


def read_references(path: str | Path) -> pd.DataFrame:
    """The scores of real images: name, subset, n, kid, and the other metrics of some."""
    return _read(path, "name", "subset")


def read_differences(path: str | Path) -> pd.DataFrame:
    """The table of `differences.against_reference`."""
    texts = ["ablation", "reference", "subset", "metric", "role", "run_verdict", "verdict"]
    return _read(path, *texts)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """A table of scores as CSV, without its index."""
    with write_atomically(path) as temporary:
        table.to_csv(temporary, index=False)


def _read(path: str | Path, *texts: str) -> pd.DataFrame:
    """A table whose columns `texts` are text (also where it says NA or 007), the others numbers."""
    with intact(path, "evaluate, extract_real_features or estimate_differences"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table.apply(lambda column: column if column.name in texts else pd.to_numeric(column))
