"""The files of the evaluation: generated sketches, features, and tables of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from photosketch.data import archives, digests, row_keys
from photosketch.jobs.job import InputError, intact

POOLED = "all"  # the name, in tables, of all subsets together
# that every table has
COLUMNS = ["epoch", "subset", "n", "fid", "kid", "fid_other", "features", "note"]
_SCORED_BY = "evaluate, evaluate_method or evaluate_validation"


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


def read_run_features(path: str | Path, real: Features) -> RunFeatures:
    """Raises InputError unless the people are those of the real sketches, in their order."""
    stage = "evaluate or evaluate_method"
    with archives.opened(path, stage) as stored:
        run = RunFeatures(**stored)
    row_keys.require(path, stage, _people(run), _people(real), "the real sketches")
    return run


def sample_problems(path: str | Path, real: Features) -> list[str]:
    """Problems of a samples file: its people must be those of the real sketches, in their order."""
    stage = "infer or collect_sketches"
    with archives.opened(path, stage, ("subset", "ids")) as stored:
        drawn = list(zip(stored["subset"].tolist(), stored["ids"].tolist(), strict=True))
    return row_keys.problems(path, stage, drawn, _people(real), "the real sketches")


def _people(known: Features | RunFeatures) -> list[tuple[str, str]]:
    """The subset and id of each."""
    return list(zip(known.subset.tolist(), known.ids.tolist(), strict=True))


def read_scores(
    paths: Sequence[str | Path],
    ablations: Sequence[str],
    seeds: Sequence[int],
    counts: Mapping[str, int],
    epochs: Sequence[int],
) -> pd.DataFrame:
    """All evaluation tables as one: ablation, seed, epoch, subset, n, fid, kid, all other metrics.

    `paths` are `.../{ablation}/seed{seed}.csv` for each ablation and, within it, each seed;
    `counts` are the images of each subset, `epochs` those that were scored. Rows come in that
    order, then by epoch, then by subset with `all` last.

    Raises InputError, with every problem, where a table lacks columns, has other rows than one for
    each epoch and subset, or scores of another number of images, or where two tables were not made
    alike (features, remarks).
    """
    images = {**counts, POOLED: sum(counts.values())}
    expected = list(product(sorted(epochs), images))
    tables, problems = [], []
    for path, (ablation, seed) in zip(map(Path, paths), product(ablations, seeds), strict=True):
        if (path.parent.name, path.stem) != (ablation, f"seed{seed}"):
            raise ValueError(f"{path}: expected the scores of {ablation}, seed {seed}")
        table = _read(path, "subset", "features", "note")
        lacking = [name for name in COLUMNS if name not in table.columns]
        if lacking:
            problems.append(
                f"{path}: lacks the column {', '.join(lacking)}; delete it: it is written again by "
                f"{_SCORED_BY}"
            )
            continue
        place = {subset: index for index, subset in enumerate(images)}
        table = table.assign(place=table["subset"].map(place))
        table = table.sort_values(["epoch", "place"], ignore_index=True).drop(columns="place")
        keys = zip(table["epoch"], table["subset"], strict=True)
        if other := row_keys.problems(path, _SCORED_BY, keys, expected, "epochs and subsets"):
            problems += other
            continue
        if table["fid"].isna().any():
            problems.append(
                f"{path}: lacks values of fid; delete it: it is written again by {_SCORED_BY}"
            )
            continue
        if (table["n"] != table["subset"].map(images)).any():
            problems.append(
                f"{path}: scores of another number of images (n) than there are "
                f"({', '.join(f'{subset} {count}' for subset, count in images.items())}); "
                f"delete it: it is written again by {_SCORED_BY}"
            )
            continue
        table.insert(0, "ablation", ablation)
        table.insert(1, "seed", seed)
        tables.append((path, table))
    shared = ["features", "note"]
    for path, table in tables[1:]:
        first_path, first = tables[0]
        if not table[shared].equals(first[shared]):
            problems.append(
                f"{path}: other features or remarks than {first_path}; delete the older of the "
                f"two: it is written again by {_SCORED_BY}"
            )
    if problems:
        raise InputError(problems)
    return pd.concat([table for _, table in tables], ignore_index=True)


def read_image_scores(
    path: str | Path, people: Sequence[tuple[str, str]], epochs: Sequence[int]
) -> dict[str, np.ndarray]:
    """The metrics of single sketches by key: [E, N] each, epochs and images as in the file.

    Raises InputError unless these are `epochs` and, in each, `people` (subset, id), in their order.
    """
    table = _read(path, "subset", "id")
    with intact(path, _SCORED_BY):
        keys = list(zip(table["epoch"], table["subset"], table["id"], strict=True))
    expected = [(epoch, *person) for epoch in epochs for person in people]
    row_keys.require(path, _SCORED_BY, keys, expected, "epochs and people")
    return {
        metric: table[metric].to_numpy(float).reshape(len(epochs), len(people))
        for metric in table.columns.drop(["epoch", "subset", "id"])
    }


def read_references(path: str | Path, subsets: Sequence[str]) -> pd.DataFrame:
    """The scores of real images: name, subset, n, kid, and the other metrics of some.

    Raises InputError where a name has a subset twice, or another one than these and `all`.
    """
    stage = "extract_real_features"
    table = _read(path, "name", "subset")
    with intact(path, stage):
        keys = list(zip(table["name"], table["subset"], strict=True))
    # other people's real sketches have no row of a subset of few
    known = set(product(table["name"], [*subsets, POOLED]))
    row_keys.require(path, stage, keys, [key for key in dict.fromkeys(keys) if key in known])
    return table


def read_differences(
    path: str | Path, names: Sequence[str], subsets: Sequence[str]
) -> pd.DataFrame:
    """The table of `differences.against_reference`.

    Raises InputError unless it has one row for each of these methods, each subset with `all`, and
    each metric.
    """
    stage = "estimate_differences"
    texts = ["ablation", "reference", "subset", "metric", "role", "run_verdict", "verdict"]
    table = _read(path, *texts)
    with intact(path, stage):
        keys = list(zip(table["ablation"], table["subset"], table["metric"], strict=True))
    expected = set(product(names, [*subsets, POOLED], table["metric"]))
    row_keys.require(path, stage, sorted(keys), sorted(expected), "ablations, subsets and metrics")
    return table


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """A table of scores as CSV, without its index."""
    with digests.written(path) as temporary:
        table.to_csv(temporary, index=False)


def _read(path: str | Path, *texts: str) -> pd.DataFrame:
    """A table whose columns `texts` are text (also where it says NA or 007), the others numbers."""
    with digests.read(path, "evaluate, extract_real_features or estimate_differences"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table.apply(lambda column: column if column.name in texts else pd.to_numeric(column))
