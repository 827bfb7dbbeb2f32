"""The comparison for readers: the table in Markdown, and one page with everything in it."""

import base64
import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from photosketch import comparison
from photosketch.figures import COLOURS
from photosketch.metrics import POOLED


def fid_markdown(summary: pd.DataFrame, scores: pd.DataFrame, run: str) -> str:
    """The table of `comparison.summarise` in Markdown, with what a reader has to know of it."""
    counts, (epochs, _) = comparison.counts(scores), _covered(scores)
    heads = [f"{_name(subset)} (n = {n})" for subset, n in counts.items()]
    lines = [f"# FID of run {run}", ""]
    if _note(scores):
        lines += [f"**{_note(scores)}**", ""]
    lines += _markdown_table(
        ["Ablation", *heads],
        [
            [row["ablation"], *(_mean_and_deviation(summary, row, subset) for subset in counts)]
            for _, row in summary.iterrows()
        ],
    )
    if len(epochs) > 1:
        lines += ["", f"At the last epoch, {epochs[-1]}:", ""]
        lines += _markdown_table(
            ["Ablation", *heads],
            [
                [row["ablation"], *(_number(summary, row[f"{subset}_last"]) for subset in counts)]
                for _, row in summary.iterrows()
            ],
        )
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in _remarks(scores)), ""])


def index_html(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    run: str,
    hparams: Mapping[str, Mapping[str, Any]],
    curves: str | Path,
    grids: Mapping[str, str | Path],
) -> str:
    """One page that needs nothing beside it: the table, the curves, a grid per subset.

    `hparams`: the hyper-parameters of each ablation. `curves`, `grids` (by subset): PNG files,
    which are embedded.
    """
    note = _note(scores)
    own, shared = _settings_in_words(hparams)
    parts = {
        "title": html.escape(f"Face sketches: run {run}"),
        "style": _STYLE,
        "lead": html.escape(_lead(scores)),
        "links": "".join(
            f'<a href="#grid-{index}">{html.escape(subset)}</a>'
            for index, subset in enumerate(grids)
        ),
        "warning": f'<p class="warning" role="note">{html.escape(note)}</p>' if note else "",
        "table": _html_table(summary, scores, own),
        "remarks": "".join(f"<li>{html.escape(text)}</li>" for text in _remarks(scores)),
        "curves": _image(curves, "FID over epochs, a panel per subset, a line per ablation"),
        "grids": "".join(
            f'<section id="grid-{index}"><h2>{html.escape(subset)}</h2>'
            f'<div class="scroll">{_image(path, f"Photos, sketches and results of {subset}")}</div>'
            "</section>"
            for index, (subset, path) in enumerate(grids.items())
        ),
        "settings": "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in _settings(scores, run, shared).items()
        ),
    }
    return Template(_PAGE).substitute(parts)


def _note(scores: pd.DataFrame) -> str:
    return str(scores["note"].iloc[0])


def _covered(scores: pd.DataFrame) -> tuple[list[int], list[int]]:
    return sorted(scores["epoch"].unique().tolist()), sorted(scores["seed"].unique().tolist())


def _name(subset: str) -> str:
    return "all subsets" if subset == POOLED else subset


def _epochs_in_words(epochs: Sequence[int]) -> str:
    if len(epochs) == 1:
        return f"epoch {epochs[0]}"
    steps = {later - earlier for earlier, later in pairwise(epochs)}
    if len(epochs) <= 3 or len(steps) > 1:
        return f"epochs {', '.join(map(str, epochs))}"
    return f"epochs {epochs[0]} to {epochs[-1]} in steps of {steps.pop()}"


def _seeds_in_words(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _lead(scores: pd.DataFrame) -> str:
    epochs, seeds = _covered(scores)
    ablations = scores["ablation"].nunique()
    return (
        f"{ablations} ablation{'s' if ablations > 1 else ''} on "
        f"{comparison.counts(scores)[POOLED]} test faces, {_epochs_in_words(epochs)}; "
        f"{_seeds_in_words(seeds)}."
    )


def _remarks(scores: pd.DataFrame) -> list[str]:
    """What a reader has to know before comparing two numbers."""
    epochs, seeds = _covered(scores)
    if len(seeds) > 1:
        average = f"over {_epochs_in_words(epochs)}, then " if len(epochs) > 1 else ""
        values = f"Mean {average}over {_seeds_in_words(seeds)}; ± deviation over the seeds."
    elif len(epochs) > 1:
        values = (
            f"Mean ± standard deviation over {_epochs_in_words(epochs)}; {_seeds_in_words(seeds)}. "
            "The deviation is that of one run's checkpoints: it does not say how far another run "
            "would be off, and a difference within it is no evidence."
        )
    else:
        values = (
            f"{_epochs_in_words(epochs).capitalize()}; {_seeds_in_words(seeds)}: a single value "
            "each, without any measure of scatter."
        )
    return [
        "FID between the generated and the real test sketches: lower is better.",
        "FID is biased upward, the more so the smaller n: compare methods within a column only, "
        "never one column with another.",
        values,
    ]


def _settings(scores: pd.DataFrame, run: str, training: str) -> dict[str, str]:
    epochs, seeds = _covered(scores)
    features = str(scores["features"].iloc[0])
    return {
        "Run": run,
        "Seeds": ", ".join(map(str, seeds)),
        "Evaluated": f"{_epochs_in_words(epochs)} ({len(epochs)} in all)",
        "Features": f"{features} ({_note(scores)})" if _note(scores) else features,
        "Test faces": ", ".join(f"{s} {n}" for s, n in comparison.counts(scores).items()),
        "Training": training,
        "Grids": f"{_epochs_in_words(epochs[-1:])}, {_seeds_in_words(seeds[:1])}",
    }


def _settings_in_words(
    hparams: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, str], str]:
    """The loss weights of each ablation and what else sets it apart; what all have in common."""
    flat = {
        name: {key: value for key, value in values.items() if key != "losses"}
        for name, values in hparams.items()
    }
    united = {key: value for values in flat.values() for key, value in values.items()}
    shared = {
        key: value
        for key, value in united.items()
        if all(values.get(key, value) == value for values in flat.values())
    }
    own = {
        name: {
            **hparams[name]["losses"],
            **{key: value for key, value in values.items() if key not in shared},
        }
        for name, values in flat.items()
    }
    return {name: _listed(values) for name, values in own.items()}, _listed(shared)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def _number(summary: pd.DataFrame, value: float) -> str:
    """With two decimals, or as many as the table's smallest mean needs for three digits."""
    means = summary[[name for name in summary if f"{name}_last" in summary]].abs()
    smallest = means.where(means > 0).min().min()
    decimals = 2 if math.isnan(smallest) else max(2, 2 - math.floor(math.log10(smallest)))
    return f"{value:.{decimals}f}"


def _mean_and_deviation(summary: pd.DataFrame, row: pd.Series, subset: str) -> str:
    """`28.43 ± 0.45`: the deviation over seeds, with one seed over epochs, with one epoch none."""
    deviations = [row[f"{subset}_seed_sd"], row[f"{subset}_epoch_sd"]]
    known = [value for value in deviations if not math.isnan(value)]
    mean = _number(summary, row[subset])
    return f"{mean} ± {_number(summary, known[0])}" if known else mean


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in cells
    ]
    rule = [f"{'-' * (width - 1)}{':' if index else '-'}" for index, width in enumerate(widths)]
    return [lines[0], f"| {' | '.join(rule)} |", *lines[1:]]


def _html_table(summary: pd.DataFrame, scores: pd.DataFrame, settings: Mapping[str, str]) -> str:
    counts, (epochs, seeds) = comparison.counts(scores), _covered(scores)
    with_last = len(epochs) > 1
    kind = "mean ± s.d." if len(seeds) > 1 or with_last else f"epoch {epochs[0]}"
    span = ' colspan="2"' if with_last else ""
    groups = "".join(
        f'<th scope="colgroup"{span}>{html.escape(_name(subset))} <small>n = {n}</small></th>'
        for subset, n in counts.items()
    )
    last = f'<th scope="col" class="last">epoch {epochs[-1]}</th>' if with_last else ""
    kinds = f'<th scope="col" class="mean">{kind}</th>{last}' * len(counts)
    body = []
    for index, (_, row) in enumerate(summary.iterrows()):
        ablation = str(row["ablation"])
        cells = "".join(
            f'<td class="mean">{_mean_and_deviation(summary, row, subset)}</td>'
            + (
                f'<td class="last">{_number(summary, row[f"{subset}_last"])}</td>'
                if with_last
                else ""
            )
            for subset in counts
        )
        body.append(
            f'<tr><th scope="row"><i style="background:{COLOURS[index % len(COLOURS)]}"></i>'
            f"{html.escape(ablation)}<small>{html.escape(settings[ablation])}</small></th>{cells}</tr>"
        )
    return (
        f'<table><thead><tr><th scope="col" rowspan="2">Ablation</th>{groups}</tr>'
        f"<tr>{kinds}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _image(path: str | Path, description: str) -> str:
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(description)}">'


_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --sheet: #f6f7f8; --ink: #1d2329;
  --faint: #5d6771; --rule: #dde1e5; --link: #0063a3; --warning: #b3261e; --alarm: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --sheet: #1d2328; --ink: #e8ebee;
  --faint: #9aa5af; --rule: #343c44; --link: #6cb9f0; --warning: #ffb4ab; --alarm: #3b1a18; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0 auto; padding: 2rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 90rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; }
h2 { margin: 3rem 0 .8rem; font-size: 1.25rem; }
header p { margin: .4rem 0 1rem; color: var(--faint); }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; padding: .6rem 0;
  border-block: 1px solid var(--rule); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.warning { padding: .7rem 1rem; border-left: 4px solid var(--warning); border-radius: 4px;
  background: var(--alarm); color: var(--warning); font-weight: 600; }
.warning::first-letter { text-transform: uppercase; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .45rem; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; }
thead th { font-weight: 600; }
thead tr:first-child th { text-align: left; }
thead tr + tr th { color: var(--faint); font-size: .85rem; font-weight: 400; }
thead tr:first-child th { border-bottom: 0; }
thead small { color: var(--faint); font-weight: 400; }
thead tr:first-child th, .mean { padding-left: 1.4rem; }
.last { color: var(--faint); }
th:first-child[rowspan], th[scope=row] { position: sticky; left: 0; padding-left: 0;
  background: var(--paper); text-align: left; vertical-align: bottom; }
th[scope=row] { font-weight: 600; vertical-align: middle; }
th[scope=row] small { display: block; max-width: clamp(6rem, 24vw, 16rem);
  padding-left: 1.15rem; color: var(--faint); font-weight: 400; white-space: normal; }
th i { display: inline-block; width: .65rem; height: .65rem; margin-right: .5rem;
  border-radius: 50%; }
ul { max-width: 48rem; padding-left: 1.2rem; color: var(--faint); }
img { display: block; max-width: 100%; min-width: 40rem; height: auto; padding: .5rem;
  border-radius: 8px; background: #fff; border: 1px solid var(--rule); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<h1>$title</h1>
<p>$lead</p>
<nav aria-label="Contents"><a href="#table">Table</a><a href="#curves">Curves</a>$links<a
 href="#settings">Settings</a></nav>
</header>
<main>
$warning
<section id="table"><h2>FID</h2>
<div class="scroll">$table</div>
<ul>$remarks</ul>
</section>
<section id="curves"><h2>Over the epochs</h2>
<div class="scroll">$curves</div>
</section>
$grids
<section id="settings"><h2>Settings</h2>
<dl>$settings</dl>
</section>
</main>
</body>
</html>
"""
