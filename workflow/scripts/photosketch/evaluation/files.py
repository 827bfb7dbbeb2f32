"""The files of the evaluation: generated sketches, features, and tables of scores."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photosketch.configuration.settings import differences
from photosketch.data.storage import intact, read_arrays, read_table, require_rows, write_arrays
from photosketch.jobs.messages import InputError

POOLED = "all"  # in tables: all subsets together
PHOTOS = "photo in gray"  # in tables: the photos, scored as if they were drawn sketches
TRUE_SKETCHES = "true sketches"  # in tables
# in every table of scores
COLUMNS = ["epoch", "subset", "n", "fid", "kid", "fid_other", "made_with", "features", "note"]
TEXTS = ("subset", "made_with", "features", "note")
_SCORED_BY = "evaluate, evaluate_method or evaluate_validation"


@dataclass(frozen=True)
class Features:
    """The features of pairs: ids [N], subset [N], features [N, D] float32."""

    ids: np.ndarray
    subset: np.ndarray
    features: np.ndarray

    @property
    def people(self) -> list[tuple[str, str]]:
        """The subset and id of each pair."""
        return list(zip(self.subset.tolist(), self.ids.tolist(), strict=True))


@dataclass(frozen=True)
class RunFeatures(Features):
    """Features of every evaluated epoch of a run, in full precision: epochs [E], features
    [E, N, D] float32."""

    epochs: np.ndarray


@dataclass(frozen=True)
class Gallery(Features):
    """The photos among which people are looked up: features [N, 128] float32, the embeddings of the
    face recognition network, and points [N, 5, 2] float32, the photos' landmarks in pixels, which
    are also the landmarks of the drawn sketches."""

    points: np.ndarray


def write_features(features: Features, path: str | Path) -> None:
    """Write features of any of these classes (NPZ)."""
    write_arrays(path, vars(features))


def read_features(path: str | Path) -> Features:
    return Features(**_arrays(path, "extract_real_features", Features))


def read_gallery(path: str | Path) -> Gallery:
    return Gallery(**_arrays(path, "extract_real_features", Gallery))


def read_run_features(path: str | Path, real: Features) -> RunFeatures:
    """Raises InputError unless the people are the people of the real sketches, in their order."""
    stage = "evaluate or evaluate_method"
    run = RunFeatures(**_arrays(path, stage, RunFeatures))
    require_rows(path, stage, run.people, real.people, "the real sketches")
    return run


def _arrays(path: str | Path, stage: str, kind: type[Features]) -> dict[str, np.ndarray]:
    return read_arrays(path, stage, tuple(field.name for field in fields(kind)))


def read_scores(
    paths: Sequence[str | Path],
    ablations: Sequence[str],
    seeds: Sequence[int],
    counts: Mapping[str, int],
    epochs: Sequence[int],
    made_with: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """All evaluation tables as one: ablation, seed, epoch, subset, n, fid, kid, all other metrics.

    `paths`: `.../{ablation}/seed{seed}.csv` for each ablation and seed, in this order; `counts`:
    the number of images of each subset; `epochs`: the scored epochs; `made_with`: for each ablation
    the features and the values of the column `made_with` (JSON). Rows are in the order of the
    paths, then of the epochs, then of the subsets, with `all` last.

    Raises InputError with every problem: missing columns, other rows than one per epoch and subset,
    another number of images, other values of `made_with`, other features or remarks than the first.
    """
    images = {**counts, POOLED: sum(counts.values())}
    expected = list(product(sorted(epochs), images))
    tables: dict[Path, pd.DataFrame] = {}
    problems = []
    for path, (ablation, seed) in zip(map(Path, paths), product(ablations, seeds), strict=True):
        assert (path.parent.name, path.stem) == (ablation, f"seed{seed}")
        try:
            table = read_table(path, _SCORED_BY, TEXTS, COLUMNS)
            order = table["subset"].map({subset: place for place, subset in enumerate(images)})
            table = table.iloc[np.lexsort((order, table["epoch"]))].reset_index(drop=True)
            keys = zip(table["epoch"], table["subset"], strict=True)
            require_rows(path, _SCORED_BY, keys, expected, "epochs and subsets")
            with intact(path, _SCORED_BY):
                rows = zip(table["made_with"], table["features"], strict=True)
                found = [{**json.loads(text), "features": features} for text, features in rows]
                if table["fid"].isna().any():
                    raise ValueError("lacks values of fid")
                if (table["n"] != table["subset"].map(images)).any():
                    known = ", ".join(f"{subset} {count}" for subset, count in images.items())
                    raise ValueError(f"another number of images (n) than there are ({known})")
        except InputError as error:
            problems += error.problems
            continue
        wanted = made_with[ablation] if made_with else found[0]
        if others := dict.fromkeys(text for row in found for text in differences(row, wanted)):
            also = "its samples"
            if not {text.split()[0] for text in others} <= {"features", "scored_as", "statistics"}:
                trained = Path(path.parents[2], "train", ablation, path.stem)
                also = f"{trained}, which trains it again"
            problems.append(
                f"{path}: was made with {', '.join(others)} as in the configuration; set that "
                f"back, or delete {path} and {also}"
            )
            continue
        table.insert(0, "ablation", ablation)
        table.insert(1, "seed", seed)
        tables[path] = table
    shared = ["features", "note"]
    for path, table in tables.items():
        first = next(iter(tables))
        if not table[shared].equals(tables[first][shared]):
            remedy = f"delete the older file: {_SCORED_BY} writes it again"
            problems.append(f"{path}: has other features or remarks than {first}; {remedy}")
    if problems:
        raise InputError(problems)
    return pd.concat(tables.values(), ignore_index=True)


def read_image_scores(
    path: str | Path, people: Sequence[tuple[str, str]], epochs: Sequence[int]
) -> dict[str, np.ndarray]:
    """The metrics of single sketches by key: [E, N] each, epochs and images as in the file.

    Raises InputError unless the file has these `epochs`, and `people` (subset, id) in each of them,
    in this order.
    """
    table = _image_table(path)
    keys = zip(table["epoch"], table["subset"], table["id"], strict=True)
    expected = [(epoch, *person) for epoch in epochs for person in people]
    require_rows(path, _SCORED_BY, keys, expected, "epochs and people")
    metrics = table.drop(columns=["epoch", "subset", "id", "nearest"]).astype(float)
    return {key: metrics[key].to_numpy().reshape(len(epochs), len(people)) for key in metrics}


def read_nearest(path: str | Path) -> list[str]:
    """SUBSET/ID of the training sketch nearest to each drawn sketch of the last epoch."""
    table = _image_table(path)
    return table.loc[table["epoch"] == table["epoch"].max(), "nearest"].tolist()


def _image_table(path: str | Path) -> pd.DataFrame:
    return read_table(path, _SCORED_BY, ("subset", "id", "nearest"), ["epoch"])


def read_references(path: str | Path, subsets: Sequence[str]) -> pd.DataFrame:
    """The scores of real images: name, subset, n, and metrics.

    Raises InputError if a name has a subset twice, or another subset than these and `all`.
    """
    stage = "extract_real_features"
    table = read_table(path, stage, ("name", "subset"))
    keys = list(zip(table["name"], table["subset"], strict=True))
    # a subset of few people has no row of other people's real sketches
    known = set(product(table["name"], [*subsets, POOLED]))
    require_rows(path, stage, keys, [key for key in dict.fromkeys(keys) if key in known])
    return table


def pairs_to_compare(
    methods: Iterable[str], reference: str, contrasts: Iterable[Sequence[str]]
) -> list[tuple[str, str]]:
    """Each method with the reference, then the contrasts, each pair once."""
    pairs = [(name, reference) for name in methods if name != reference]
    return list(dict.fromkeys([*pairs, *((first, second) for first, second in contrasts)]))


def read_differences(
    path: str | Path, pairs: Sequence[tuple[str, str]], subsets: Sequence[str]
) -> pd.DataFrame:
    """The table of `significance.differences`.

    Raises InputError unless the table has one row for each of these pairs (method, reference), each
    subset and `all`, and each metric.
    """
    stage = "estimate_differences"
    texts = ["ablation", "reference", "subset", "metric", "role", "run_verdict", "verdict"]
    table = read_table(path, stage, texts)
    keys = table[["ablation", "reference", "subset", "metric"]].itertuples(index=False, name=None)
    expected = {
        (*pair, *place) for pair, *place in product(pairs, [*subsets, POOLED], table["metric"])
    }
    require_rows(path, stage, sorted(keys), sorted(expected), "ablations, subsets and metrics")
    return table
