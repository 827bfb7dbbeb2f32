"""Tables of the differences of pairs: intervals and verdicts, primary and descriptive."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from photosketch.comparison.summary import Comparison
from photosketch.comparison.tables import Table, in_unit
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, Metric


@dataclass(frozen=True)
class _Claim:
    """The subject of a verdict, the name of its interval, and the columns of both."""

    subject: str
    interval: str
    low: str
    high: str
    verdict: str

    def cell(self, metric: Metric, row: pd.Series) -> str:
        """A difference with its interval, `−1.50 [−2.25, −0.75]`."""
        ends = row[self.low], row[self.high]
        difference, low, high = (
            in_unit(metric, value, ends[1] - ends[0], "+") for value in (row["difference"], *ends)
        )
        return f"{difference} [{low}, {high}]"

    def marked(self, metric: Metric, row: pd.Series) -> str:
        """The cell, followed by `better` or `worse` unless undecided."""
        return self.cell(metric, row) + f" {row[self.verdict]}".replace(" undecided", "")


_RUNS = _Claim("these runs", "over images", "run_low", "run_high", "run_verdict")
_METHODS = _Claim("the methods", "over images and seeds", "low", "high", "verdict")


def difference_tables(comparison: Comparison) -> list[Table]:
    """The primary lines, if there are any, and all other lines. With several seeds the tables have
    both verdicts, with one seed only the verdict on this run."""
    claims = [_RUNS, _METHODS] if len(comparison.seeds) > 1 else [_RUNS]
    primary = comparison.differences["role"] == "primary"
    return [
        *([_primary_table(comparison, claims)] if primary.any() else []),
        _descriptive_table(comparison, claims),
    ]


def _primary_table(comparison: Comparison, claims: Sequence[_Claim]) -> Table:
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
    heads = [text for c in claims for text in (c.interval, f"verdict on {c.subject}")]
    rows = []
    for _, row in lines.iterrows():
        cells = [cell for c in claims for cell in (c.cell(metric, row), row[c.verdict])]
        rows.append([row["ablation"], *_partner(differences, row["reference"]), *cells])
    over_seeds = (
        "Over images and seeds: the scatter of the seeds counts as well, so the verdict is about "
        "the methods."
        if _METHODS in claims
        else "With one seed nothing can be said about the ablations themselves: another run of the "
        "same ablation may differ by as much."
    )
    return Table(
        f"{_heading(differences)}: {metric.name}"
        f"{', all subsets' if comparison.parts else ''} (primary)",
        ["method", *_partner(differences, "compared with"), *heads],
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


def _descriptive_table(comparison: Comparison, claims: Sequence[_Claim]) -> Table:
    differences, subsets, last = comparison.differences, comparison.parts, claims[-1]
    several = len(claims) > 1
    pooled_name = "all subsets" if subsets else comparison.subsets[0]
    rows = []
    by_pair = differences.groupby(["ablation", "reference", "metric"], sort=False)
    for (method, reference, key), group in by_pair:
        metric, by_subset = BY_KEY[key], group.set_index("subset")
        pooled = by_subset.loc[POOLED]
        is_primary = pooled["role"] == "primary"
        rows.append(
            [
                method,
                *_partner(differences, reference),
                metric.heading,
                *("primary: above" if is_primary else c.marked(metric, pooled) for c in claims),
                *(last.marked(metric, by_subset.loc[subset]) for subset in subsets),
            ]
        )
    lines = differences[differences["role"] == "descriptive"]
    known = int(lines[last.low].notna().sum())
    fixed = lines.loc[lines["seeds"] == 0, "ablation"].unique()
    remarks = [
        "Each line has its own 95% interval, followed by better or worse if the interval excludes "
        f"zero. If nothing truly differs, up to 5% of these {known} "
        f"{last.interval + ' ' if several else ''}lines, {known / 20:.1f}, would say so by chance."
    ]
    if several and subsets:
        remarks.append(f"The subsets' intervals are {last.interval}.")
    if comparison.points:
        points = ", ".join(comparison.points)
        remarks.append(
            f"Points of sweeps, only descriptive, without a part in the primary lines: {points}."
        )
    if len(fixed):
        remarks.append(f"Given images, without seeds, only descriptive: {', '.join(fixed)}.")
    if differences[last.low].isna().any():
        remarks.append("[–, –]: no interval, because of too few test images or equal scores.")
    pooled_heads = [
        f"{pooled_name}, {claim.interval}" if several else pooled_name for claim in claims
    ]
    return Table(
        f"{_heading(differences)}: all metrics and subsets (descriptive)",
        ["method", *_partner(differences, "compared with"), "metric", *pooled_heads, *subsets],
        rows,
        remarks,
        _contradictions(lines[lines["subset"] == POOLED], differences, last),
    )


def _heading(differences: pd.DataFrame) -> str:
    """The heading, with the reference if all pairs have the same."""
    one, *others = differences["reference"].unique()
    return "Differences" if others else f"Difference to {one}"


def _partner(differences: pd.DataFrame, cell: str) -> list[str]:
    """The cell in the column of references, which exists if there are several references."""
    return [cell] if differences["reference"].nunique() > 1 else []


def _contradictions(pooled: pd.DataFrame, differences: pd.DataFrame, claim: _Claim) -> list[str]:
    """A warning for each line over all subsets whose verdict is the opposite of a subset's."""
    warnings = []
    for _, row in pooled[pooled[claim.verdict] != "undecided"].iterrows():
        opposite = {"better": "worse", "worse": "better"}[row[claim.verdict]]
        pair = ["ablation", "reference", "metric"]
        same = (differences[pair] == row[pair]).all(axis=1)
        subsets = differences.loc[same & (differences[claim.verdict] == opposite), "subset"]
        if len(subsets):
            warnings.append(
                f"Warning: {row['ablation']} is {row[claim.verdict]} by "
                f"{BY_KEY[row['metric']].name} over all subsets, but {opposite} on "
                f"{', '.join(subsets)} (verdicts on {claim.subject}): do not read the pooled value "
                "alone."
            )
    return warnings
