"""Tables of the differences of pairs: intervals and verdicts, primary and descriptive."""

from collections.abc import Sequence

import pandas as pd

from photosketch.comparison.summary import Comparison
from photosketch.comparison.tables import Table, in_unit
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY

# of a verdict: the prefix of its columns, its subject, and the name of its interval
_Claim = tuple[str, str, str]
_RUNS = ("run_", "these runs", "over images")
_METHODS = ("", "the methods", "over images and seeds")


def difference_tables(comparison: Comparison) -> list[Table]:
    """The primary lines, if there are any, and all other lines. With several seeds the tables have
    both verdicts, with one seed only the verdict on this run."""
    claims = [_RUNS, _METHODS] if len(comparison.seeds) > 1 else [_RUNS]
    differences = comparison.differences
    if differences.empty:
        return []
    one, *others = differences["reference"].unique()
    heading = "Differences" if others else f"Difference to {one}"
    # the heads of the first columns, and what is in them
    names = {"method": "ablation"} | ({"compared with": "reference"} if others else {})
    tables = [_descriptive_table(comparison, claims, heading, names)]
    if (differences["role"] == "primary").any():
        tables.insert(0, _primary_table(comparison, claims, heading, names))
    return tables


def _primary_table(
    comparison: Comparison, claims: Sequence[_Claim], heading: str, names: dict[str, str]
) -> Table:
    differences = comparison.differences
    lines = differences[differences["role"] == "primary"]
    first, count = lines.iloc[0], len(lines)
    metric = BY_KEY[first["metric"]]
    better = "lower" if metric.lower_is_better else "higher"
    at_once = (
        f"The intervals hold for all {count} lines at once with 95% (each line alone with "
        f"{100 * first['level']:.1f}%)."
        if count > 1
        else "The interval holds with 95%."
    )
    rows = []
    for _, row in lines.iterrows():
        verdicts = [text for p, *_ in claims for text in (_cell(row, p), row[f"{p}verdict"])]
        rows.append([*row[[*names.values()]], *verdicts])
    over_seeds = (
        "Over images and seeds: the scatter of the seeds counts as well, so the verdict is about "
        "the methods."
        if _METHODS in claims
        else "With one seed nothing can be said about the ablations themselves: another run of the "
        "same ablation may differ by as much."
    )
    return Table(
        f"{heading}: {metric.name}{', all subsets' if comparison.parts else ''} (primary)",
        [*names, *(text for _, on, over in claims for text in (over, f"verdict on {on}"))],
        rows,
        [
            f"{metric.heading}: {better} is better. Values are means over the evaluated epochs, "
            "then over seeds. A verdict is better or worse if its interval excludes zero. "
            f"{at_once} If no ablation truly differs, about 1 table in 20 still reports a "
            "difference.",
            "Over images: a bootstrap over test images, the same images for both sides; the "
            f"verdict is about this run, not about the method. {over_seeds}",
        ],
        _contradictions(lines, differences, claims[-1]),
    )


def _descriptive_table(
    comparison: Comparison, claims: Sequence[_Claim], heading: str, names: dict[str, str]
) -> Table:
    differences, subsets = comparison.differences, comparison.parts
    last, _, interval = claims[-1]
    pooled_name = "all subsets" if subsets else comparison.subsets[0]
    rows = []
    for _, group in differences.groupby(["ablation", "reference", "metric"], sort=False):
        by_subset = {row["subset"]: row for _, row in group.iterrows()}
        pooled = by_subset[POOLED]
        is_primary = pooled["role"] == "primary"
        rows.append(
            [
                *pooled[[*names.values()]],
                BY_KEY[pooled["metric"]].heading,
                *("primary: above" if is_primary else _marked(pooled, p) for p, *_ in claims),
                *(_marked(by_subset[subset], last) for subset in subsets),
            ]
        )
    lines = differences[differences["role"] == "descriptive"]
    known = int(lines[f"{last}low"].notna().sum())
    fixed = lines.loc[lines["seeds"] == 0, "ablation"].unique()
    several = f"{interval} " if len(claims) > 1 else ""
    remarks = [
        "Each line has its own 95% interval, followed by better or worse if the interval excludes "
        f"zero. If nothing truly differs, up to 5% of these {known} {several}lines, "
        f"{known / 20:.1f}, would say so by chance."
    ]
    if several and subsets:
        remarks.append(f"The subsets' intervals are {interval}.")
    if comparison.points:
        points = ", ".join(comparison.points)
        remarks.append(
            f"Points of sweeps, only descriptive, without a part in the primary lines: {points}."
        )
    if len(fixed):
        remarks.append(f"Given images, without seeds, only descriptive: {', '.join(fixed)}.")
    if differences[f"{last}low"].isna().any():
        remarks.append("[–, –]: no interval, because of too few test images or equal scores.")
    pooled_heads = [f"{pooled_name}, {over}" if several else pooled_name for *_, over in claims]
    return Table(
        f"{heading}: all metrics and subsets (descriptive)",
        [*names, "metric", *pooled_heads, *subsets],
        rows,
        remarks,
        _contradictions(lines[lines["subset"] == POOLED], differences, claims[-1]),
    )


def _cell(row: pd.Series, prefix: str) -> str:
    """A difference with its interval, `−1.50 [−2.25, −0.75]`."""
    values = row[["difference", f"{prefix}low", f"{prefix}high"]]
    metric, size = BY_KEY[row["metric"]], values.iloc[2] - values.iloc[1]
    difference, low, high = (in_unit(metric, value, size, "+") for value in values)
    return f"{difference} [{low}, {high}]"


def _marked(row: pd.Series, prefix: str) -> str:
    """The cell, followed by `better` or `worse` unless undecided."""
    return _cell(row, prefix) + f" {row[f'{prefix}verdict']}".replace(" undecided", "")


def _contradictions(pooled: pd.DataFrame, differences: pd.DataFrame, claim: _Claim) -> list[str]:
    """A warning for each line over all subsets whose verdict is the opposite of a subset's."""
    verdict, warnings = f"{claim[0]}verdict", []
    pair = ["ablation", "reference", "metric"]
    for _, row in pooled[pooled[verdict] != "undecided"].iterrows():
        opposite = "worse" if row[verdict] == "better" else "better"
        same = (differences[pair] == row[pair]).all(axis=1)
        subsets = differences.loc[same & (differences[verdict] == opposite), "subset"]
        if len(subsets):
            warnings.append(
                f"Warning: {row['ablation']} is {row[verdict]} by {BY_KEY[row['metric']].name} "
                f"over all subsets, but {opposite} on {', '.join(subsets)} (verdicts on "
                f"{claim[1]}): do not read the pooled value alone."
            )
    return warnings
