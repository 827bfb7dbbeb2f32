"""Figures: curves over epochs, and grids of images."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from photosketch.comparison.summary import Choice, Comparison, subset_name
from photosketch.data import pairs
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY
from photosketch.figures import contact_sheet
from photosketch.figures.contact_sheet import ALARM, FAINT, INK, RULE
from photosketch.jobs.disk import write_atomically

# Okabe & Ito 2008, told apart with any colour vision; without yellow, which is too faint on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
ROWS = 6  # test people in a grid
MOST_TICKS = 7  # on the axis of epochs
_NAME_HEIGHT = 0.055  # of a name beside a panel, as a share of the panel's height
# of an ablation, by its place
_LOOKS: list[dict[str, Any]] = [
    {"linestyle": dashes, "color": colour, "marker": marker}
    for dashes in ("-", "--", ":")
    for colour, marker in zip(COLOURS, ("o", "s", "^", "D", "v", "P", "X"), strict=True)
]
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": FAINT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 10,
    "markeredgewidth": 1.8,
    "markeredgecolor": INK,
    "fillstyle": "none",
    "linestyle": "none",
}


def panels(
    count: int,
    across: int,
    size: tuple[float, float],
    heading: str,
    texts: Sequence[tuple[str, str]],
    legend_rows: int = 0,
    line: float = 0.25,
    **shared: Any,
) -> tuple[Figure, list[Axes], dict[str, Any]]:
    """A figure of `count` panels, `across` in a row, of `size` (width, height) in inches each.

    Above them are the heading, the texts (each with its colour; empty ones are left out) in lines
    `line` inches apart, and room for a legend; the last value places it. To be called within STYLE.
    """
    down = math.ceil(count / across)
    width = size[0] * across
    length = int(12 * (width - 0.3))  # of a line, in characters
    lines = [(part, colour) for text, colour in texts for part in textwrap.wrap(text, length)]
    headings = textwrap.wrap(heading, int(9.5 * (width - 0.3)))
    above = 0.5 + line * (len(headings) - 1)
    header = above + line * (len(lines) + legend_rows)
    height = size[1] * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - header / height))
    figure = Figure(figsize=(width, height), dpi=150, layout=layout)
    axes = figure.subplots(down, across, squeeze=False, **shared).ravel()
    for axis in axes[count:]:
        axis.set_visible(False)
    left, top = 0.15 / width, 1 - (above - 0.05) / height
    figure.text(left, 1 - 0.6 * line / height, "\n".join(headings), va="top", fontsize=13)
    for text, colour in lines:
        figure.text(left, top, text, va="top", color=colour)
        top -= line / height
    place = {"loc": "upper left", "bbox_to_anchor": (left, top), "borderaxespad": 0, "borderpad": 0}
    return figure, list(axes[:count]), place


def curves(comparison: Comparison) -> Figure:
    """FID over epochs: a panel per subset and one for all, a colour per ablation.

    With several seeds the line is their mean, and the band spans lowest to highest. The values of a
    single epoch are dots above the ablations' names. Each panel has its own scale, because FID
    cannot be compared between subsets. Values without epochs are thin lines.
    """
    scores, ablations, epochs = comparison.scores, comparison.ablations, comparison.epochs
    several, seeds = len(epochs) > 1, len(comparison.seeds)
    across = min(2, len(comparison.columns))
    heading = "FID over epochs" if several else f"FID at epoch {epochs[0]}"
    if seeds > 1:
        heading += f", {seeds} seeds: {'mean and range' if several else 'each and their mean'}"
    with matplotlib.rc_context(STYLE):
        figure, axes, legend = panels(
            len(comparison.columns),
            across,
            (5.4, 3.0),
            f"{heading} (lower is better)",
            [(comparison.note, ALARM)],
            math.ceil(len(ablations) / (2 * across)) if several else 0,
        )
        for axis, (subset, count) in zip(axes, comparison.columns.items(), strict=True):
            axis.set_title(f"{subset_name(subset)}  (n = {count})", fontsize=11)
            of_subset = scores[scores["subset"] == subset]
            (_lines if several else _dots)(axis, of_subset, ablations)
            _levels(axis, comparison, [subset] if comparison.parts else [subset, POOLED])
        if several:
            figure.legend(*axes[0].get_legend_handles_labels(), **legend, ncols=2 * across)
    return figure


def validation_curves(choice: Choice) -> Figure:
    """The pooled metric of the validation pairs over epochs, by which epochs are chosen. One panel
    per ablation, all with the same scale. With several seeds: a thin line each, the band from
    lowest to highest, and the mean. A ring marks the chosen epoch of each seed."""
    metric = BY_KEY[choice.metric]
    pooled = choice.scores[choice.scores["subset"] == POOLED]
    by_ablation = pooled.groupby("ablation", sort=False)
    key = "ring: the chosen epoch"
    if pooled["seed"].nunique() > 1:
        key = "thick line: mean; thin lines and band: the seeds; rings: the epoch of each seed"
    with matplotlib.rc_context(STYLE):
        figure, axes, _ = panels(
            len(by_ablation),
            min(2, len(by_ablation)),
            (5.4, 2.7),
            f"{metric.heading} of the validation pairs over epochs (lower is better)",
            [(choice.pairs, FAINT), (key, FAINT), (pooled["note"].iloc[0], ALARM)],
            sharex=True,
            sharey=True,
        )
        for axis, (ablation, own), colour in zip(axes, by_ablation, cycle(COLOURS)):
            by_epoch = metric.scale * own.pivot(index="epoch", columns="seed", values=metric.key)
            of_ablation = choice.epochs["ablation"] == ablation
            chosen = choice.epochs[of_ablation].set_index("seed")["epoch"].sort_index()
            _band(axis, by_epoch, colour)
            if by_epoch.shape[1] > 1:
                axis.plot(by_epoch, color=colour, linewidth=0.8, alpha=0.6)
            axis.plot(by_epoch.mean(axis=1), color=colour, linewidth=1.8, marker="o", markersize=3)
            for seed, epoch in chosen.items():
                axis.plot(epoch, by_epoch.loc[epoch, seed], **RING)
            axis.set_xticks(_shown_epochs(by_epoch.index))
            axis.tick_params(labelbottom=True)
            epochs, seeds = (", ".join(map(str, values)) for values in (chosen, chosen.index))
            text = f"epochs {epochs} of seeds {seeds}" if len(chosen) > 1 else f"epoch {epochs}"
            axis.set_title(f"{ablation}: {text}", fontsize=11)
    return figure


def _band(axis: Axes, by_epoch: pd.DataFrame, colour: str) -> None:
    """The band from the lowest to the highest of several seeds."""
    if by_epoch.shape[1] > 1:
        low, high = by_epoch.min(axis=1), by_epoch.max(axis=1)
        axis.fill_between(by_epoch.index, low, high, color=colour, alpha=0.15, linewidth=0)


def _lines(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str]) -> None:
    for ablation, look in zip(ablations, cycle(_LOOKS)):
        own = scores[scores["ablation"] == ablation]
        by_epoch = own.pivot(index="epoch", columns="seed", values="fid")
        size = 3.5 if len(by_epoch) > 12 else 5
        axis.plot(by_epoch.mean(axis=1), label=ablation, linewidth=1.5, markersize=size, **look)
        _band(axis, by_epoch, look["color"])
    axis.set_xlabel("epoch")
    axis.set_xticks(_shown_epochs(scores["epoch"]))


def _shown_epochs(epochs: Iterable[int]) -> list[int]:
    """The evaluated epochs on the axis, evenly spaced and at most MOST_TICKS."""
    known = sorted(set(epochs))
    return known[:: math.ceil(len(known) / MOST_TICKS)]


def _dots(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str]) -> None:
    for place, (ablation, look) in enumerate(zip(ablations, cycle(_LOOKS))):
        values = scores.loc[scores["ablation"] == ablation, "fid"]
        if len(values) > 1:
            faint = {"color": look["color"], "fillstyle": "none", "alpha": 0.7}
            axis.plot([place] * len(values), values, "o", **faint)
        axis.plot(place, values.mean(), markersize=8, **look)
    axis.set_xticks(range(len(ablations)), ablations)
    if sum(map(len, ablations)) > 40:
        for label in axis.get_xticklabels():
            label.set(rotation=30, horizontalalignment="right", rotation_mode="anchor")
    axis.set_xlim(-0.5, len(ablations) - 0.5)
    axis.margins(y=0.2)


def _levels(axis: Axes, comparison: Comparison, subsets: Sequence[str]) -> None:
    """Thin lines at values without epochs, each with its name on the right. Methods and photos in
    gray: the values of the first subset. If a line would flatten the curves, only its name is
    shown, at the edge. Published values: of the first subset that has a value."""
    low, high = axis.get_ylim()
    span = high - low
    levels: list[tuple[float, str, Any]] = []  # value, name, the line's dashes (none: no line)
    for name, value in comparison.without_epochs(subsets[0]).items():
        levels.append((value, name, (1, 2) if low - span <= value <= high + span else None))
    for name, one in comparison.comparable.items():
        values = [one["fid"][subset] for subset in subsets if subset in one["fid"]]
        levels += [(value, f"{name} (published)", (5, 3)) for value in values[:1]]
    for value, _, dashes in levels:
        if dashes:
            axis.axhline(value, color=FAINT, linewidth=0.7, linestyle=(0, dashes), zorder=1)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high)  # names are placed by it
    names = [
        (value, f"{name} {value:.2f}{'' if dashes else ', above' if value > high else ', below'}")
        for value, name, dashes in levels
    ]
    place = -math.inf
    for value, text in sorted(names):
        inside = min(max((value - low) / (high - low), 0.0), 1.0)
        place = max(inside, place + _NAME_HEIGHT)
        axis.text(
            1.01, place, text, transform=axis.transAxes, va="center", fontsize=6.5, color=FAINT
        )


def people_grid(comparison: Comparison, subset: str) -> Image.Image:
    """Test people of a subset: photo, true sketch, and the sketch by each method, unchanged. The
    people are those named in the configuration (`comparison.people`), or else ROWS people."""
    people = pairs.select(comparison.people, subset=subset)
    evenly = [people[index] for index in contact_sheet.evenly_spaced(len(people), ROWS)]
    people = [p for p in people if f"{subset}/{p.id}" in comparison.in_grids] or evenly
    ids = [pair.id for pair in people]
    columns = {
        "photo": [pairs.read_image(pair, "photo") for pair in people],
        "true sketch": [pairs.read_image(pair, "sketch") for pair in people],
        **{name: samples.of(subset, ids) for name, samples in comparison.drawn.items()},
    }
    rows = zip(ids, *columns.values(), strict=True)
    return contact_sheet.sheet(
        f"{subset}: epoch {comparison.epochs[-1]}, seed {comparison.seeds[0]}",
        [contact_sheet.Group(list(map(Image.fromarray, images)), name) for name, *images in rows],
        across=1,
        legend=[contact_sheet.Key(comparison.note, colour=ALARM)] if comparison.note else [],
        columns=list(columns),
    )


def save(figure: Figure, path: str | Path) -> None:
    with write_atomically(path) as temporary:
        figure.savefig(temporary, facecolor="white")
