"""From the scores of every training run to one table: a row per ablation."""

from collections.abc import Sequence

import pandas as pd

from photosketch.evaluation.metrics import POOLED


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


def image_counts(scores: pd.DataFrame) -> dict[str, int]:
    """Number of test images of each subset and of `all`, in the table's order."""
    first = scores.drop_duplicates("subset")
    return {str(subset): int(n) for subset, n in zip(first["subset"], first["n"], strict=True)}
