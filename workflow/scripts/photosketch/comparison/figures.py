"""Figures for people: curves over epochs, and grids of images."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from PIL import Image

from photosketch.comparison.published import Published
from photosketch.comparison.summary import Choice, Comparison
from photosketch.data import pairs
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, Metric
from photosketch.figures import contact_sheet
from photosketch.jobs.job import write_atomically
from photosketch.training.samples import Samples

# Okabe & Ito 2008, told apart with any colour vision; the yellow, too faint on white, left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
ROWS = 6  # test people in a grid
_NAME_HEIGHT = 0.055  # of a published value, as part of a panel's height
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK, _FAINT, _RULE, _WARNING = (
    contact_sheet.INK,
    contact_sheet.FAINT,
    contact_sheet.RULE,
    contact_sheet.ALARM,
)
STYLE: dict[Any, Any] = {
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _FAINT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}


def curves(comparison: Comparison) -> Figure:
    """FID over epochs: a panel per subset and one for all, a colour per ablation.

    Several seeds: the line is their mean, the band spans their lowest to highest. A single epoch
    has no curve: its values stand above the ablations' names. Panels have scales of their own, for
    FID cannot be compared across them. Methods, photos in gray and published values, which have no
    epochs, are thin lines in the panels of the subsets that they are of.
    """
    scores = comparison.scores
    ablations, subsets, epochs = comparison.ablations, comparison.subsets, comparison.epochs
    panels = [*subsets, POOLED] if len(subsets) > 1 else list(subsets)
    draw_panel = _lines if len(epochs) > 1 else _dots
    across = min(2, len(panels))
    note = wrapped(comparison.note, 5.4 * across)
    down = math.ceil(len(panels) / across)
    legend_rows = math.ceil(len(ablations) / (2 * across)) if len(epochs) > 1 else 0
    header = 0.5 + 0.25 * len(note) + 0.25 * legend_rows  # inches
    width, height = 5.4 * across, 3.0 * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - header / height))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for axis, subset in zip(axes, panels, strict=False):
            name = "all subsets" if subset == POOLED else subset
            title = f"{name}  (n = {comparison.counts[subset]})"
            axis.set_title(title, loc="left", fontsize=11)
            axis.grid(axis="y", color=_RULE, linewidth=0.6)
            axis.set_axisbelow(True)
            draw_panel(axis, scores[scores["subset"] == subset], ablations)
            shown = [subset] if len(panels) > 1 else [subset, POOLED]
            _levels(axis, comparison.without_epochs(subset), comparison.comparable, shown)
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        left, line = 0.15 / width, 0.25 / height
        heading = _heading(epochs, len(comparison.seeds))
        figure.text(left, 1 - 0.6 * line, heading, va="top", fontsize=13)
        if note:
            text = "\n".join(note)
            figure.text(left, 1 - 1.8 * line, text, va="top", fontsize=11, color=_WARNING)
        if legend_rows:
            figure.legend(
                *axes[0].get_legend_handles_labels(),
                loc="upper left",
                bbox_to_anchor=(left, 1 - (header - 0.25 * legend_rows - 0.05) / height),
                borderaxespad=0,
                borderpad=0,
                ncols=2 * across,
                frameon=False,
            )
    return figure


def validation_curves(choice: Choice) -> Figure:
    """What an epoch was chosen from: the pooled metric of the validation pairs over epochs.

    A panel per ablation, all of one scale. Several seeds: a thin line each, the band from their
    lowest to highest, and their mean. A ring marks the chosen epoch of each seed.
    """
    metric, validation = BY_KEY[choice.metric], choice.scores
    ablations = validation["ablation"].unique()
    pooled = validation[validation["subset"] == POOLED]
    seeds = pooled["seed"].nunique()
    across = min(2, len(ablations))
    note = wrapped(validation["note"].iloc[0], 5.4 * across)
    down = math.ceil(len(ablations) / across)
    header = 0.75 + 0.25 * len(note)  # inches
    width, height = 5.4 * across, 2.7 * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - header / height))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for index, (axis, ablation) in enumerate(zip(panels, ablations, strict=False)):
            own = pooled[pooled["ablation"] == ablation]
            of_ablation = choice.epochs["ablation"] == ablation
            chosen = choice.epochs[of_ablation].set_index("seed")["epoch"]
            _choice(axis, own, chosen, metric, COLOURS[index % len(COLOURS)])
            axis.set_title(f"{ablation}: {_chosen_in_words(chosen)}", loc="left", fontsize=11)
        for axis in panels[len(ablations) :]:
            axis.set_visible(False)
        left, line = 0.15 / width, 0.25 / height
        count = pooled["n"].iloc[0]
        heading = f"{metric.heading} of the {count} validation pairs over epochs (lower is better)"
        figure.text(left, 1 - 0.6 * line, heading, va="top", fontsize=13)
        key = "ring: the chosen epoch"
        if seeds > 1:
            key = "thick line: mean; thin lines and band: the seeds; rings: the epoch of each seed"
        figure.text(left, 1 - 1.8 * line, key, va="top", fontsize=10, color=_FAINT)
        if note:
            text = "\n".join(note)
            figure.text(left, 1 - 2.8 * line, text, va="top", fontsize=11, color=_WARNING)
    return figure


def wrapped(note: str, width: float) -> list[str]:
    """Lines of a note that fit into a figure of `width` inches; none where there is no note."""
    return textwrap.wrap(note, int(12 * (width - 0.3)))


def _choice(
    axis: Axes, scores: pd.DataFrame, chosen: pd.Series, metric: Metric, colour: str
) -> None:
    by_epoch = metric.scale * scores.pivot(index="epoch", columns="seed", values=metric.key)
    several = by_epoch.shape[1] > 1
    axis.grid(axis="y", color=_RULE, linewidth=0.6)
    axis.set_axisbelow(True)
    if several:
        low, high = by_epoch.min(axis=1), by_epoch.max(axis=1)
        axis.fill_between(by_epoch.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.plot(by_epoch, color=colour, linewidth=0.8, alpha=0.6)
    axis.plot(by_epoch.mean(axis=1), color=colour, linewidth=1.8, marker="o", markersize=3)
    for seed, epoch in chosen.items():
        axis.plot(
            epoch,
            by_epoch.loc[epoch, seed],
            "o",
            markersize=10,
            markeredgewidth=1.8,
            markeredgecolor=_INK,
            fillstyle="none",
        )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axis.tick_params(labelbottom=True)


def _chosen_in_words(chosen: pd.Series) -> str:
    """`epoch 500`, or `epochs 500, 520 of seeds 0, 1`."""
    chosen = chosen.sort_index()
    epochs, seeds = (", ".join(map(str, values)) for values in (chosen, chosen.index))
    return f"epochs {epochs} of seeds {seeds}" if len(chosen) > 1 else f"epoch {epochs}"


def _heading(epochs: Sequence[int], seeds: int) -> str:
    several = len(epochs) > 1
    heading = "FID over epochs" if several else f"FID at epoch {epochs[0]}"
    if seeds > 1:
        heading += f", {seeds} seeds: {'mean and range' if several else 'each and their mean'}"
    return f"{heading} (lower is better)"


def _lines(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str]) -> None:
    for index, ablation in enumerate(ablations):
        of_ablation = scores[scores["ablation"] == ablation]
        by_epoch = of_ablation.pivot(index="epoch", columns="seed", values="fid")
        colour = COLOURS[index % len(COLOURS)]
        axis.plot(
            by_epoch.index,
            by_epoch.mean(axis=1),
            color=colour,
            label=ablation,
            linestyle=("-", "--", ":")[index // len(COLOURS) % 3],
            linewidth=1.5,
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=3.5 if len(by_epoch) > 12 else 5,
        )
        if by_epoch.shape[1] > 1:
            axis.fill_between(
                by_epoch.index,
                by_epoch.min(axis=1),
                by_epoch.max(axis=1),
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))


def _dots(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str]) -> None:
    for index, ablation in enumerate(ablations):
        values = scores.loc[scores["ablation"] == ablation, "fid"]
        colour = COLOURS[index % len(COLOURS)]
        if len(values) > 1:
            axis.plot([index] * len(values), values, "o", color=colour, fillstyle="none", alpha=0.7)
        marker = _MARKERS[index % len(_MARKERS)]
        axis.plot(index, values.mean(), marker, color=colour, markersize=8)
    axis.set_xticks(range(len(ablations)), ablations)
    if sum(map(len, ablations)) > 40:
        for label in axis.get_xticklabels():
            label.set(rotation=30, horizontalalignment="right", rotation_mode="anchor")
    axis.set_xlim(-0.5, len(ablations) - 0.5)
    axis.margins(y=0.2)


def _levels(
    axis: Axes, fixed: Mapping[str, float], entries: Sequence[Published], subsets: Sequence[str]
) -> None:
    """Thin lines at values that have no epochs, each with its name to the right of it.

    fixed: of the panel's subset, by name: methods, and photos in gray. Where such a value is so far
    off that its line would flatten the curves, its name stands at the edge and says so. entries:
    published values, of the first of the subsets that there is one for.
    """
    published = {
        f"{entry.name} (published)": value
        for entry in entries
        for value in [entry.fid[subset] for subset in subsets if subset in entry.fid][:1]
    }
    low, high = axis.get_ylim()
    near = {
        name: value
        for name, value in fixed.items()
        if low - (high - low) <= value <= high + (high - low)
    }
    lines = {**near, **published}
    for name, value in lines.items():
        dashes = (5, 3) if name in published else (1, 2)
        axis.axhline(value, color=_FAINT, linewidth=0.7, linestyle=(0, dashes), zorder=1)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high)  # names are placed by it
    names = [(value, f"{name} {value:.2f}") for name, value in lines.items()]
    for name, value in fixed.items():
        if name not in near:
            names.append((value, f"{name} {value:.2f}, {'above' if value > high else 'below'}"))
    lowest = -math.inf
    for value, text in sorted(names):
        place = min(max((value - low) / (high - low), 0.0), 1.0)
        lowest = max(place, lowest + _NAME_HEIGHT)
        axis.text(
            1.01,
            lowest,
            text,
            transform=axis.transAxes,
            va="center",
            fontsize=6.5,
            color=_FAINT,
        )


def people_grid(
    comparison: Comparison,
    subset: str,
    people: Sequence[pairs.Pair],
    drawn: Mapping[str, Samples],
) -> Image.Image:
    """Some of the test people of a subset: photo, true sketch, and what each method drew."""
    people = pairs.select(people, subset=subset)
    people = [people[index] for index in contact_sheet.evenly_spaced(len(people), ROWS)]
    ids = [pair.id for pair in people]
    columns = {
        "photo": [pairs.read_image(pair, "photo") for pair in people],
        "true sketch": [pairs.read_image(pair, "sketch") for pair in people],
        **{name: samples.of(subset, ids) for name, samples in drawn.items()},
    }
    title = f"{subset}: epoch {comparison.epochs[-1]}, seed {comparison.seeds[0]}"
    return grid(columns, ids, title, comparison.note)


def grid(
    columns: Mapping[str, Sequence[np.ndarray]],
    row_names: Sequence[str],
    title: str,
    note: str = "",
) -> Image.Image:
    """Images in named columns and rows, at their own resolution, untouched.

    Each column holds one image per row, all of one size: gray [H, W] or RGB [H, W, 3], uint8.
    """
    groups = [
        contact_sheet.Group([Image.fromarray(image) for image in images], name)
        for name, *images in zip(row_names, *columns.values(), strict=True)
    ]
    legend = [contact_sheet.Key(note, colour=contact_sheet.ALARM)] if note else []
    return contact_sheet.sheet(title, groups, across=1, legend=legend, columns=list(columns))


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG."""
    with write_atomically(path) as temporary:
        figure.savefig(temporary, facecolor="white")
