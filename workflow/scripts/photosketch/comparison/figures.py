"""Figures for people: curves of a metric over epochs, and grids of images."""

import math
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
from PIL import Image, ImageDraw, ImageFont

from photosketch.evaluation.metrics import NAMES, POOLED, SCALES
from photosketch.runtime import write_atomically

# Okabe & Ito 2008, told apart with any colour vision; the yellow, too faint on white, left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK, _FAINT, _RULE, _WARNING = "#1d2329", "#66707a", "#d5d9dd", "#b3261e"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _FAINT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}


def curves(
    scores: pd.DataFrame,
    ablations: Sequence[str],
    subsets: Sequence[str],
    metric: str = "fid",
    note: str = "",
) -> Figure:
    """`metric` over epochs: a panel per subset and one for all, a colour per ablation.

    `scores` as `comparison.read_scores` gives them. Several seeds: the line is their mean, the
    band spans their lowest to highest. A single epoch has no curve: its values stand above the
    ablations' names. Panels have scales of their own, for FID cannot be compared across them.
    """
    panels = [*subsets, POOLED] if len(subsets) > 1 else list(subsets)
    epochs = sorted(scores["epoch"].unique())
    draw_panel = _lines if len(epochs) > 1 else _dots
    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    legend_rows = math.ceil(len(ablations) / (2 * across)) if len(epochs) > 1 else 0
    header = 0.5 + 0.25 * bool(note) + 0.25 * legend_rows  # inches
    width, height = 5.4 * across, 3.0 * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - header / height))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for axis, subset in zip(axes, panels, strict=False):
            chosen = scores[scores["subset"] == subset]
            name = "all subsets" if subset == POOLED else subset
            axis.set_title(f"{name}  (n = {chosen['n'].iloc[0]})", loc="left", fontsize=11)
            axis.grid(axis="y", color=_RULE, linewidth=0.6)
            axis.set_axisbelow(True)
            draw_panel(axis, chosen, ablations, metric)
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        left, line = 0.15 / width, 0.25 / height
        heading = _heading(metric.upper(), epochs, scores["seed"].nunique())
        figure.text(left, 1 - 0.6 * line, heading, va="top", fontsize=13)
        if note:
            figure.text(left, 1 - 1.8 * line, note, va="top", fontsize=11, color=_WARNING)
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


def validation_curves(
    validation: pd.DataFrame,
    chosen: pd.DataFrame,
    ablations: Sequence[str],
    metric: str = "fid",
    note: str = "",
) -> Figure:
    """What an epoch was chosen from: the pooled `metric` on the validation pairs over epochs.

    A panel per ablation, all of one scale. Several seeds: a thin line each, the band from their
    lowest to highest, and their mean. A ring marks the epoch of `chosen` for each seed.
    `validation` and `chosen` as `comparison.read_scores` and `comparison.chosen_epochs` give them.
    """
    pooled = validation[validation["subset"] == POOLED]
    seeds = pooled["seed"].nunique()
    across = min(2, len(ablations))
    down = math.ceil(len(ablations) / across)
    header = 0.75 + 0.25 * bool(note)  # inches
    width, height = 5.4 * across, 2.7 * down + header
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - header / height))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout=layout)
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for index, (axis, ablation) in enumerate(zip(panels, ablations, strict=False)):
            own = pooled[pooled["ablation"] == ablation]
            choice = chosen[chosen["ablation"] == ablation].set_index("seed")["epoch"]
            _choice(axis, own, choice, metric, COLOURS[index % len(COLOURS)])
            axis.set_title(f"{ablation}: {_chosen_in_words(choice)}", loc="left", fontsize=11)
        for axis in panels[len(ablations) :]:
            axis.set_visible(False)
        left, line = 0.15 / width, 0.25 / height
        count = pooled["n"].iloc[0]
        heading = f"{NAMES[metric]} of the {count} validation pairs over epochs (lower is better)"
        figure.text(left, 1 - 0.6 * line, heading, va="top", fontsize=13)
        key = "ring: the chosen epoch"
        if seeds > 1:
            key = "thick line: mean; thin lines and band: the seeds; rings: the epoch of each seed"
        figure.text(left, 1 - 1.8 * line, key, va="top", fontsize=10, color=_FAINT)
        if note:
            figure.text(left, 1 - 2.8 * line, note, va="top", fontsize=11, color=_WARNING)
    return figure


def _choice(axis: Axes, scores: pd.DataFrame, choice: pd.Series, metric: str, colour: str) -> None:
    by_epoch = SCALES.get(metric, 1) * scores.pivot(index="epoch", columns="seed", values=metric)
    several = by_epoch.shape[1] > 1
    axis.grid(axis="y", color=_RULE, linewidth=0.6)
    axis.set_axisbelow(True)
    if several:
        low, high = by_epoch.min(axis=1), by_epoch.max(axis=1)
        axis.fill_between(by_epoch.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.plot(by_epoch, color=colour, linewidth=0.8, alpha=0.6)
    axis.plot(by_epoch.mean(axis=1), color=colour, linewidth=1.8, marker="o", markersize=3)
    for seed, epoch in choice.items():
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


def _chosen_in_words(choice: pd.Series) -> str:
    """`epoch 500`, or `epochs 500, 520 of seeds 0, 1`."""
    choice = choice.sort_index()
    epochs, seeds = (", ".join(map(str, values)) for values in (choice, choice.index))
    return f"epochs {epochs} of seeds {seeds}" if len(choice) > 1 else f"epoch {epochs}"


def _heading(metric: str, epochs: Sequence[int], seeds: int) -> str:
    several = len(epochs) > 1
    heading = f"{metric} over epochs" if several else f"{metric} at epoch {epochs[0]}"
    if seeds > 1:
        heading += f", {seeds} seeds: {'mean and range' if several else 'each and their mean'}"
    return f"{heading} (lower is better)"


def _lines(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str], metric: str) -> None:
    for index, ablation in enumerate(ablations):
        of_ablation = scores[scores["ablation"] == ablation]
        by_epoch = of_ablation.pivot(index="epoch", columns="seed", values=metric)
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


def _dots(axis: Axes, scores: pd.DataFrame, ablations: Sequence[str], metric: str) -> None:
    for index, ablation in enumerate(ablations):
        values = scores.loc[scores["ablation"] == ablation, metric]
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


def grid(
    columns: Mapping[str, Sequence[np.ndarray]],
    row_names: Sequence[str],
    title: str,
    note: str = "",
) -> Image.Image:
    """Images in named columns and rows, at their own resolution, untouched.

    Each column holds one image per row, all of one size: gray [H, W] or RGB [H, W, 3], uint8.
    """
    height, width = next(iter(columns.values()))[0].shape[:2]
    margin, gap, title_font = 24, 10, _font(20, bold=True)
    row_font = _fitting(row_names, 140, 15)
    label_width = math.ceil(max(row_font.getlength(name) for name in row_names)) + 14
    header = 44 + (26 if note else 0) + 30  # title, note, names of the columns
    column_font = _fitting(columns, width, 16, bold=True)
    left, top = margin + label_width, margin + header
    canvas = Image.new(
        "RGB",
        (
            max(
                left + len(columns) * (width + gap) - gap,
                margin + math.ceil(max(title_font.getlength(title), _font(14).getlength(note))),
            )
            + margin,
            top + len(row_names) * (height + gap) - gap + margin,
        ),
        "white",
    )
    pen = ImageDraw.Draw(canvas)
    pen.text((margin, margin), title, _INK, title_font)
    if note:
        pen.text((margin, margin + 34), note, _WARNING, _font(14))
    for index, (name, images) in enumerate(columns.items()):
        x = left + index * (width + gap)
        name = _cut(name, column_font, width)
        pen.text((x + width // 2, top - 12), name, _INK, column_font, "ms")
        for row, image in enumerate(images):
            y = top + row * (height + gap)
            pen.rectangle((x - 1, y - 1, x + width, y + height), outline=_RULE)
            canvas.paste(Image.fromarray(image), (x, y))
    for row, name in enumerate(row_names):
        y = top + row * (height + gap) + height // 2
        pen.text((left - 14, y), _cut(name, row_font, 140), _FAINT, row_font, "rm")
    return canvas


def save(figure: Figure | Image.Image, path: str | Path) -> None:
    """Write a figure or an image as PNG."""
    with write_atomically(path) as temporary:
        if isinstance(figure, Figure):
            figure.savefig(temporary, facecolor="white")
        else:
            figure.save(temporary, optimize=True)


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def _fitting(
    texts: Sequence[str] | Mapping[str, object], width: int, size: int, bold: bool = False
) -> ImageFont.FreeTypeFont:
    """The largest font from `size` down to 10 in which every text is at most `width` wide."""
    fonts = (_font(smaller, bold) for smaller in range(size, 9, -1))
    for font in fonts:
        if all(font.getlength(text) <= width for text in texts):
            return font
    return _font(10, bold)


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`text`, its end replaced by an ellipsis where it is wider than `width`."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
