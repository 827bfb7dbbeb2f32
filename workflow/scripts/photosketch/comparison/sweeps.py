"""What a sweep says: a figure of each metric over the value, a table, and the best value where
validation pairs can tell it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from photosketch.comparison.figures import COLOURS, STYLE, wrapped
from photosketch.comparison.summary import Choice, Comparison, at_epochs
from photosketch.comparison.tables import (
    Table,
    epochs_in_words,
    mean_and_deviation,
    over_seeds,
    seeds_in_words,
)
from photosketch.configuration.sweeps import Point, Sweep
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, METRICS, Metric
from photosketch.figures import contact_sheet

_LOGARITHMIC = 20  # from this ratio of the largest to the smallest value on
_CROWDED = 0.08  # of the axis: points nearer to each other have no tick each


@dataclass(frozen=True)
class Best:
    """The point whose runs come lowest on the validation pairs, each at the epoch chosen there."""

    point: Point
    sentence: str  # says so, and what its test scores at those epochs are


def best_on_validation(comparison: Comparison, choice: Choice, sweep: Sweep) -> Best:
    """The point with the lowest mean over seeds of the metric that chose the epochs, all validation
    pairs together; the test pairs have no part in it."""
    metric = BY_KEY[choice.metric]
    validation = _at_choice(choice.scores, choice, metric)
    point = min(sweep.points, key=lambda point: validation[point.ablation].mean())
    tests = [
        f"{shown.heading} = {over_seeds(shown, test[point.ablation])}"
        for shown in dict.fromkeys([BY_KEY["fid"], metric])
        for test in [_at_choice(comparison.scores, choice, shown)]
    ]
    return Best(
        point,
        f"Best on the validation pairs: {sweep.key} = {point.value}, with {metric.heading} = "
        f"{over_seeds(metric, validation[point.ablation])} at the epochs chosen there; on the test "
        f"pairs, at these epochs: {', '.join(tests)}.",
    )


def table(comparison: Comparison, sweep: Sweep) -> Table:
    """A row per value: the ablation that it is, FID, and with validation pairs the scores at the
    epochs that these chose."""
    summary, choice = comparison.summary.set_index("ablation", drop=False), comparison.choice
    head = [sweep.key, "ablation", "FID, all epochs"]
    rows = [
        [
            str(point.value),
            _both_names(point),
            mean_and_deviation(comparison.summary, summary.loc[point.ablation], POOLED),
        ]
        for point in sweep.points
    ]
    if not choice:
        remark = (
            "Without validation pairs (dataset.validation) no value is named as the best: one "
            "picked from these test scores would be tuned on the test people."
        )
        return Table(_title(sweep), head, rows, [remark])
    metric, fid = BY_KEY[choice.metric], BY_KEY["fid"]
    best = best_on_validation(comparison, choice, sweep)
    columns = [
        (f"{metric.heading}, validation pairs", metric, choice.scores),
        ("FID, chosen epochs", fid, comparison.scores),
    ]
    for name, shown, scores in columns:
        head.append(name)
        values = _at_choice(scores, choice, shown)
        for row, point in zip(rows, sweep.points, strict=True):
            mark = " lowest" if point == best.point and scores is choice.scores else ""
            row.append(over_seeds(shown, values[point.ablation]) + mark)
    return Table(_title(sweep), head, rows, [best.sentence])


def figure(comparison: Comparison, sweep: Sweep, reference: str) -> Figure:
    """A panel per metric, of all subsets together, over the value: the line is the mean over epochs
    and seeds, points are the seeds, the dashed line is the ablation `reference`.

    The axis is that of the numbers, logarithmic where they span a factor of 20 without a zero;
    values that are no numbers stand side by side. A ring marks the value that is best on the
    validation pairs.
    """
    scores = comparison.scores[comparison.scores["subset"] == POOLED]
    metrics = [m for m in METRICS if m.key in scores and scores[m.key].notna().any()]
    choice = comparison.choice
    best = best_on_validation(comparison, choice, sweep) if choice else None
    across = min(4, max(3, math.ceil(len(metrics) / 2)))
    down = math.ceil(len(metrics) / across)
    width = 2.9 * across
    epochs, seeds = epochs_in_words(comparison.epochs), seeds_in_words(comparison.seeds)
    also = [f"{p.name} is {p.ablation}" for p in sweep.points if p.name != p.ablation]
    facts = [
        f"All {comparison.counts[POOLED]} test faces, {epochs}, {seeds}.",
        *([f"Not trained again: {', '.join(also)}."] if also else []),
        *([best.sentence] if best else []),
    ]
    lines = [line for text in facts for line in wrapped(text, width)]
    warnings = wrapped(comparison.note, width)
    header = 0.85 + 0.22 * (len(lines) + len(warnings))  # inches
    height = 2.3 * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08, rect=(0, 0, 1, 1 - header / height))
    with matplotlib.rc_context({**STYLE, "font.size": 9}):
        drawn = Figure(figsize=(width, height), dpi=150, layout=layout)
        panels = drawn.subplots(down, across, squeeze=False).ravel()
        for metric, axis in zip(metrics, panels, strict=False):
            by_run = metric.scale * scores.groupby(["ablation", "seed"])[metric.key].mean()
            _panel(axis, by_run, sweep, reference, best.point if best else None)
            arrow = "↓" if metric.lower_is_better else "↑"
            axis.set_title(f"{metric.heading} {arrow}", loc="left", fontsize=10)
        for axis in panels[len(metrics) :]:
            axis.set_visible(False)
        left, line = 0.15 / width, 0.22 / height
        drawn.text(left, 1 - 0.5 * line, _title(sweep), va="top", fontsize=13)
        top = 1 - 1.8 * line
        drawn.text(
            left, top, "\n".join(lines), va="top", linespacing=1.45, color=contact_sheet.FAINT
        )
        top -= line * len(lines)
        if warnings:
            text = "\n".join(warnings)
            drawn.text(left, top, text, va="top", linespacing=1.45, color=contact_sheet.ALARM)
            top -= line * len(warnings)
        drawn.legend(
            *panels[0].get_legend_handles_labels(),
            loc="upper left",
            bbox_to_anchor=(left, top - 0.3 * line),
            borderaxespad=0,
            borderpad=0,
            ncols=4,
            frameon=False,
        )
    return drawn


def _panel(axis: Axes, by_run: pd.Series, sweep: Sweep, reference: str, best: Point | None) -> None:
    """One metric (by ablation and seed) over the values of a sweep."""
    places = _places(axis, [point.value for point in sweep.points])
    values = [by_run[point.ablation] for point in sweep.points]
    means = [own.mean() for own in values]
    colour, order = COLOURS[0], np.argsort(places)
    axis.grid(axis="y", color=contact_sheet.RULE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.axhline(
        by_run[reference].mean(),
        color=COLOURS[1],
        linestyle="--",
        linewidth=1.2,
        label=f"reference: {reference}",
    )
    axis.plot(
        [places[index] for index in order],
        [means[index] for index in order],
        color=colour,
        marker="o",
        markersize=3,
        label="mean",
    )
    if len(values[0]) > 1:
        seeds = [place for place, own in zip(places, values, strict=True) for _ in own]
        axis.plot(
            seeds,
            np.concatenate(values),
            "o",
            color=colour,
            fillstyle="none",
            alpha=0.7,
            label="each seed",
        )
    if best:
        index = sweep.points.index(best)
        axis.plot(
            places[index],
            means[index],
            "o",
            markersize=10,
            markeredgewidth=1.6,
            markeredgecolor=contact_sheet.INK,
            fillstyle="none",
            linestyle="none",
            label="best on the validation pairs",
        )
    axis.set_xlabel(sweep.key)
    axis.margins(x=0.08, y=0.15)


def _places(axis: Axes, values: Sequence[int | float | str | bool]) -> list[float]:
    """Where the values of a sweep stand on the horizontal axis, which gets its scale and ticks."""
    numbers = [
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < len(values):
        axis.set_xticks(range(len(values)), [str(value) for value in values])
        return [float(place) for place in range(len(values))]
    logarithmic = min(numbers) > 0 and max(numbers) >= _LOGARITHMIC * min(numbers)
    if logarithmic:
        axis.set_xscale("log")
    placed = np.sort(np.log(numbers) if logarithmic else numbers)
    if len(placed) == 1 or np.diff(placed).min() >= _CROWDED * np.ptp(placed):
        axis.set_xticks(numbers, [f"{number:g}" for number in numbers])
        axis.set_xticks([], minor=True)
    return numbers


def _at_choice(scores: pd.DataFrame, choice: Choice, metric: Metric) -> pd.Series:
    """A metric of all subsets together at the chosen epoch of each run, by ablation and seed."""
    pooled = scores[scores["subset"] == POOLED]
    return at_epochs(pooled, choice).set_index(["ablation", "seed"])[metric.key]


def _title(sweep: Sweep) -> str:
    return f"Sweep {sweep.name}: {sweep.key} of {sweep.ablation}"


def _both_names(point: Point) -> str:
    """`baseline (local-local0)` of a point that is another ablation."""
    name, ablation = point.name, point.ablation
    return ablation if name == ablation else f"{ablation} ({name})"
