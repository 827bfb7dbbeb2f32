"""The results of a sweep: a figure of each metric over the value, a table, and with validation
pairs the best value."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from photosketch.comparison import tables
from photosketch.comparison.figures import COLOURS, RING, STYLE, panels
from photosketch.comparison.summary import Comparison, epochs_in_words, seeds_in_words
from photosketch.configuration.sweeps import Point, Sweep
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, Metric
from photosketch.figures.contact_sheet import ALARM, FAINT

_LOGARITHMIC = 20  # the smallest ratio of largest to smallest value with a logarithmic axis
_CROWDED = 0.08  # of the axis: if points are closer, they have no tick each


def best_on_validation(comparison: Comparison, sweep: Sweep) -> tuple[Point | None, str]:
    """The point with the lowest mean over seeds of the metric that chose the epochs, on all
    validation pairs together, each run at its chosen epoch; and a sentence on it. The test pairs
    have no part in the choice. Without validation pairs: no point, and an empty sentence."""
    choice = comparison.choice
    if not choice:
        return None, ""
    metric = BY_KEY[choice.metric]
    validation = _pooled(choice.at_epochs(choice.scores), metric)
    point = min(sweep.points, key=lambda point: validation[point.ablation].mean())
    tests = ", ".join(
        f"{m.heading} = {tables.over_seeds(m, _by_run(comparison, m)[point.ablation])}"
        for m in dict.fromkeys([BY_KEY["fid"], metric])
    )
    return point, (
        f"Best on the {choice.pairs}: {sweep.key} = {point.value}, with {metric.heading} = "
        f"{tables.over_seeds(metric, validation[point.ablation])} at the chosen epochs. On the "
        f"test pairs, over all evaluated epochs: {tests}."
    )


def _pooled(scores: pd.DataFrame, metric: Metric) -> pd.Series:
    """A metric of all subsets together, by ablation and seed."""
    pooled = scores[scores["subset"] == POOLED]
    return pooled.set_index(["ablation", "seed"])[metric.key]


def _by_run(comparison: Comparison, metric: Metric) -> pd.Series:
    """The mean over the evaluated epochs of a metric of all subsets together."""
    return _pooled(comparison.scores, metric).groupby(level=["ablation", "seed"]).mean()


def table(comparison: Comparison, sweep: Sweep) -> tables.Table:
    """A row per value: its ablation, FID, and with validation pairs the scores at the epochs that
    these pairs chose."""
    summary, choice = comparison.summary.set_index("ablation"), comparison.choice
    best, sentence = best_on_validation(comparison, sweep)
    head, chosen = [sweep.key, "ablation", "FID, all epochs"], []
    if choice:
        metric, fid = BY_KEY[choice.metric], BY_KEY["fid"]
        head += [f"{metric.heading}, validation pairs", "FID, chosen epochs"]
        chosen.append((metric, _pooled(choice.at_epochs(choice.scores), metric)))
        chosen.append((fid, _pooled(choice.at_epochs(comparison.scores), fid)))
    rows = []
    for point in sweep.points:
        own = point.name == point.ablation
        name = point.name if own else f"{point.ablation} ({point.name})"
        mean = tables.mean_and_deviation(comparison, summary.loc[point.ablation], POOLED)
        cells = [tables.over_seeds(metric, values[point.ablation]) for metric, values in chosen]
        if point == best:
            cells[0] += " lowest"
        rows.append([str(point.value), name, mean, *cells])
    remark = sentence or (
        "Without validation pairs (dataset.validation) no value is called best: a choice by these "
        "test scores would be tuned on the test people."
    )
    return tables.Table(_title(sweep), head, rows, [remark])


def _title(sweep: Sweep) -> str:
    return f"Sweep {sweep.name}: {sweep.key} of {sweep.ablation}"


def figure(comparison: Comparison, sweep: Sweep) -> Figure:
    """A panel per metric of all subsets together, over the value. The line is the mean over epochs
    and seeds, points are the seeds, and the dashed line is the reference. The axis is logarithmic
    if the values are positive numbers that span a factor of 20. Values that are not numbers are
    evenly spaced. A ring marks the best value on the validation pairs."""
    metrics = tables.shown_metrics(comparison.scores)
    best, sentence = best_on_validation(comparison, sweep)
    epochs, seeds = epochs_in_words(comparison.epochs), seeds_in_words(comparison.seeds)
    also = [f"{p.name} is {p.ablation}" for p in sweep.points if p.name != p.ablation]
    facts = [
        f"All {comparison.counts[POOLED]} test faces, {epochs}, {seeds}.",
        f"Not trained again: {', '.join(also)}." if also else "",
        sentence,
    ]
    with matplotlib.rc_context({**STYLE, "font.size": 9}):
        drawn, axes, legend = panels(
            len(metrics),
            min(4, max(3, math.ceil(len(metrics) / 2))),
            (2.9, 2.3),
            _title(sweep),
            [*((text, FAINT) for text in facts), (comparison.note, ALARM)],
            legend_rows=1,
            line=0.22,
        )
        for metric, axis in zip(metrics, axes, strict=True):
            by_run = metric.scale * _by_run(comparison, metric)
            _panel(axis, by_run, sweep, comparison.reference, best)
            axis.set_title(tables.with_arrow(metric), fontsize=10)
        drawn.legend(*axes[0].get_legend_handles_labels(), **legend, ncols=4)
    return drawn


def _panel(axis: Axes, by_run: pd.Series, sweep: Sweep, reference: str, best: Point | None) -> None:
    """One metric (by ablation and seed) over the values of a sweep."""
    places = _places(axis, [point.value for point in sweep.points])
    values = [by_run[point.ablation] for point in sweep.points]
    means = [own.mean() for own in values]
    axis.axhline(
        by_run[reference].mean(),
        color=COLOURS[1],
        linestyle="--",
        linewidth=1.2,
        label=f"reference: {reference}",
    )
    order = np.argsort(places)
    style: dict[str, Any] = {"color": COLOURS[0], "marker": "o"}
    axis.plot(np.array(places)[order], np.array(means)[order], **style, markersize=3, label="mean")
    if len(values[0]) > 1:
        axis.plot(
            np.repeat(places, len(values[0])),
            np.concatenate(values),
            **style,
            linestyle="none",
            fillstyle="none",
            alpha=0.7,
            label="each seed",
        )
    if best:
        index = sweep.points.index(best)
        axis.plot(places[index], means[index], **RING, label="best on the validation pairs")
    axis.set_xlabel(sweep.key)
    axis.margins(x=0.08, y=0.15)


def _places(axis: Axes, values: Sequence[int | float | str | bool]) -> list[float]:
    """Set the scale and ticks of the horizontal axis, and return the places of the values."""
    if any(isinstance(value, str | bool) for value in values):
        axis.set_xticks(range(len(values)), list(map(str, values)))
        return list(map(float, range(len(values))))
    numbers = list(map(float, values))
    logarithmic = min(numbers) > 0 and max(numbers) >= _LOGARITHMIC * min(numbers)
    if logarithmic:
        axis.set_xscale("log")
    placed = np.sort(np.log(numbers) if logarithmic else numbers)
    if len(placed) == 1 or np.diff(placed).min() >= _CROWDED * np.ptp(placed):
        axis.set_xticks(numbers, [f"{number:g}" for number in numbers])
        axis.set_xticks([], minor=True)
    return numbers
