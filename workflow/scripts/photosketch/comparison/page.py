"""The comparison for readers: the table in Markdown, and one page with everything in it."""

import base64
import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from photosketch.comparison.figures import COLOURS
from photosketch.comparison.summary import image_counts
from photosketch.comparison.tables import (
    Table,
    fid_table,
    markdown_lines,
    mean_and_deviation,
    number,
    subset_name,
)
from photosketch.evaluation.metrics import POOLED

_TEMPLATE = Path(__file__).with_suffix(".html")


def fid_markdown(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    run: str,
    references: pd.DataFrame,
    tables: Sequence[Table],
    provenance: Mapping[str, str],
) -> str:
    """The table of `comparison.summarise` in Markdown, with what a reader has to know of it.

    `references`: the scores of real images (name, subset, n, fid); `tables`: what follows;
    `provenance`: what made it, in words.
    """
    counts, (epochs, _) = image_counts(scores), _covered(scores)
    table = fid_table(summary, scores, references)
    head = ["Ablation", *table.head[1:]]
    lines = [f"# FID of run {run}", ""]
    if _note(scores):
        lines += [f"**{_note(scores)}**", ""]
    lines += markdown_lines(head, table.rows)
    if len(epochs) > 1:
        last = [
            [row["ablation"], *(number(summary, row[f"{subset}_last"]) for subset in counts)]
            for _, row in summary.iterrows()
        ] + list(table.rows[len(summary) :])
        lines += ["", f"At the last epoch, {epochs[-1]}:", "", *markdown_lines(head, last)]
    lines += ["", *(f"- {sentence}" for sentence in remarks(scores)), ""]
    lines += [f"{table.markdown()}\n" for table in tables]
    return "\n".join([*lines, *(f"- {name}: {value}" for name, value in provenance.items()), ""])


def index_html(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    run: str,
    hparams: Mapping[str, Mapping[str, Any]],
    references: pd.DataFrame,
    tables: Sequence[Table],
    provenance: Mapping[str, str],
    configuration: str,
    gallery: str,
    curves: str | Path,
    validation_curves: str | Path | None,
    grids: Mapping[str, str | Path],
) -> str:
    """One page that needs nothing beside it: tables, gallery, curves, a grid per subset.

    `hparams`: the hyper-parameters of each ablation; `references`: the scores of real images;
    `tables` follow the table of FID; `provenance`: what made it, in words; `configuration`: the
    whole of it as text; `gallery`: what `gallery.gallery_json` gives; `curves`, `grids` (by
    subset): PNG files, which are embedded, as is `validation_curves` where there is one.
    """
    note = _note(scores)
    own, shared = _settings_in_words(hparams)
    parts = {
        "title": html.escape(f"Face sketches: run {run}"),
        "lead": html.escape(_lead(scores)),
        "links": "".join(
            f'<a href="#grid-{index}">{html.escape(subset)}</a>'
            for index, subset in enumerate(grids)
        ),
        "warning": f'<p class="warning" role="note">{html.escape(note)}</p>' if note else "",
        "table": _html_table(summary, scores, own, references),
        "remarks": "".join(f"<li>{html.escape(text)}</li>" for text in remarks(scores)),
        "tables": "".join(table.html() for table in tables),
        "data": gallery,
        "curves": _figures(curves, validation_curves),
        "grids": "".join(
            f'<section id="grid-{index}"><h2>{html.escape(subset)}</h2>'
            f"{_scrolled(path, f'Photos, sketches and results of {subset}')}</section>"
            for index, (subset, path) in enumerate(grids.items())
        ),
        "settings": "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in {**_settings(scores, run, shared), **provenance}.items()
        ),
        "configuration": html.escape(configuration),
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(parts)


def _note(scores: pd.DataFrame) -> str:
    return str(scores["note"].iloc[0])


def _covered(scores: pd.DataFrame) -> tuple[list[int], list[int]]:
    return sorted(scores["epoch"].unique().tolist()), sorted(scores["seed"].unique().tolist())


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
        f"{image_counts(scores)[POOLED]} test faces, {_epochs_in_words(epochs)}; "
        f"{_seeds_in_words(seeds)}."
    )


def remarks(scores: pd.DataFrame) -> list[str]:
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
        "Test faces": ", ".join(f"{s} {n}" for s, n in image_counts(scores).items()),
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


def _html_table(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    settings: Mapping[str, str],
    references: pd.DataFrame,
) -> str:
    counts, (epochs, seeds) = image_counts(scores), _covered(scores)
    with_last = len(epochs) > 1
    kind = "mean ± s.d." if len(seeds) > 1 or with_last else f"epoch {epochs[0]}"
    width = 2 if with_last else 1
    span = ' colspan="2"' if with_last else ""
    groups = "".join(
        f'<th scope="colgroup"{span} data-sorts="{1 + width * index}"><button type="button">'
        f"{html.escape(subset_name(subset))} <small>n = {n}</small></button></th>"
        for index, (subset, n) in enumerate(counts.items())
    )
    kinds = "".join(
        _sorting(kind, "mean", 1 + width * index)
        + (_sorting(f"epoch {epochs[-1]}", "last", 2 + width * index) if with_last else "")
        for index in range(len(counts))
    )
    body = []
    for index, (_, row) in enumerate(summary.iterrows()):
        ablation = str(row["ablation"])
        cells = "".join(
            f'<td class="mean">{mean_and_deviation(summary, row, subset)}</td>'
            + (
                f'<td class="last">{number(summary, row[f"{subset}_last"])}</td>'
                if with_last
                else ""
            )
            for subset in counts
        )
        colour = COLOURS[index % len(COLOURS)]
        body.append(
            f'<tr><th scope="row"><i class="dot" style="background:{colour}"></i>'
            f"{html.escape(ablation)}<small>{html.escape(settings.get(ablation, ''))}</small></th>"
            f"{cells}</tr>"
        )
    real = "".join(
        f'<tr class="reference"><th scope="row">{html.escape(row[0])}</th>'
        + "".join(
            f'<td class="mean">{html.escape(cell)}</td>{"<td></td>" * (width - 1)}'
            for cell in row[1:]
        )
        + "</tr>"
        for row in fid_table(summary, scores, references).rows[len(summary) :]
    )
    return (
        '<table class="sortable grouped"><thead><tr><th scope="col" rowspan="2" data-column="0">'
        '<button type="button">Ablation</button></th>'
        f"{groups}</tr><tr>{kinds}</tr></thead><tbody>{''.join(body)}</tbody>"
        f"<tbody>{real}</tbody></table>"
    )


def _sorting(name: str, kind: str, column: int) -> str:
    """The head of a column, with the button that sorts by it."""
    return (
        f'<th scope="col" class="{kind}" data-column="{column}">'
        f'<button type="button">{html.escape(name)}</button></th>'
    )


def _figures(curves: str | Path, validation_curves: str | Path | None) -> str:
    """The curves on the test pairs, and those that an epoch was chosen from."""
    shown = _scrolled(curves, "FID over epochs, a panel per subset, a line per ablation")
    if validation_curves is not None:
        shown += "<h3>On the validation pairs</h3>" + _scrolled(
            validation_curves,
            "The choice of an epoch, a panel per ablation",
        )
    return shown


def _scrolled(path: str | Path, description: str) -> str:
    return f'<div class="scroll">{_image(path, description)}</div>'


def _image(path: str | Path, description: str) -> str:
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return (
        f'<img class="figure" src="data:image/png;base64,{data}" alt="{html.escape(description)}">'
    )
