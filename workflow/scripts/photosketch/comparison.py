"""From the scores of every training run to one table: a row per ablation."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from photosketch.metrics import POOLED
from photosketch.runtime import InputError

COLUMNS = ["epoch", "subset", "n", "fid", "kid", "features", "note"]


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
        table = read_texts_and_numbers(path, "subset", "features", "note")
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
    shared = ["epoch", "subset", "n", "features"]
    for path, table in tables[1:]:
        first_path, first = tables[0]
        if not table[shared].equals(first[shared]):
            problems.append(
                f"{path}: other epochs, numbers of images or features than {first_path}; "
                "delete the older of the two to evaluate again"
            )
    if problems:
        raise InputError(problems)
    return pd.concat([table for _, table in tables], ignore_index=True)


def read_image_scores(path: str | Path) -> pd.DataFrame:
    """The metrics of the single sketches of the last epoch, a row each: subset, id, ssim, ..."""
    table = read_texts_and_numbers(path, "subset", "id")
    return (
        table[table["epoch"] == table["epoch"].max()].drop(columns="epoch").reset_index(drop=True)
    )


def read_texts_and_numbers(path: str | Path, *texts: str) -> pd.DataFrame:
    """A table whose columns `texts` are text (also where it says NA or 007), the others numbers."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.apply(lambda column: column if column.name in texts else pd.to_numeric(column))


def summarise(
    scores: pd.DataFrame, ablations: Sequence[str], subsets: Sequence[str], metric: str = "fid"
) -> pd.DataFrame:
    """A row per ablation, in the given order, of one metric of `read_scores`.

    Columns: ablation, then for each subset s and for `all`: {s} (mean over epochs, then over
    seeds), {s}_epoch_sd (standard deviation over epochs, averaged over seeds; missing with one
    epoch), {s}_seed_sd (standard deviation over seeds of their means over epochs; missing with
    one seed), {s}_last (last epoch, mean over seeds); then features and note, as evaluated.
    Deviations divide by one less than the number of values.
    """
    rows = []
    for ablation in ablations:
        row: dict[str, object] = {"ablation": ablation}
        for subset in [*subsets, POOLED]:
            chosen = scores[(scores["ablation"] == ablation) & (scores["subset"] == subset)]
            curves = chosen.pivot(index="epoch", columns="seed", values=metric)  # epochs x seeds
            row[subset] = curves.mean().mean()
            row[f"{subset}_epoch_sd"] = curves.std(ddof=1).mean()
            row[f"{subset}_seed_sd"] = curves.mean().std(ddof=1)
            row[f"{subset}_last"] = curves.loc[curves.index.max()].mean()
        rows.append(row)
    summary = pd.DataFrame(rows)
    return summary.assign(features=scores["features"].iloc[0], note=scores["note"].iloc[0])


def chosen_epochs(validation: pd.DataFrame, metric: str = "fid") -> pd.DataFrame:
    """The epoch with the lowest pooled `metric` on the validation pairs: ablation, seed, epoch.

    `validation`: scores as `read_scores` gives them, of the validation pairs.
    """
    pooled = validation[validation["subset"] == POOLED]
    best = pooled.loc[pooled.groupby(["ablation", "seed"], sort=False)[metric].idxmin()]
    return best[["ablation", "seed", "epoch"]].reset_index(drop=True)


def at_epochs(scores: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The scores of each run at its chosen epoch alone."""
    return scores.merge(chosen, on=["ablation", "seed", "epoch"])


def counts(scores: pd.DataFrame) -> dict[str, int]:
    """Number of test images of each subset and of `all`, in the table's order."""
    first = scores.drop_duplicates("subset")
    return {str(subset): int(n) for subset, n in zip(first["subset"], first["n"], strict=True)}
