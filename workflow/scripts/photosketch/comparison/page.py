"""The comparison for readers: the table in Markdown, and one page with everything in it."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from photosketch.comparison.figures import COLOURS
from photosketch.comparison.gallery import data_uri
from photosketch.comparison.summary import Comparison
from photosketch.comparison.tables import (
    VERDICTS,
    Table,
    epochs_in_words,
    fid_table,
    markdown_lines,
    mean_and_deviation,
    number,
    published_rows,
    reference_rows,
    seeds_in_words,
    subset_name,
)
from photosketch.evaluation.files import POOLED
from photosketch.figures import before_after

_TEMPLATE = Path(__file__).with_suffix(".html")
WEBP_SIDE = 16_383  # pixels, the longest that a WebP can have


def fid_markdown(comparison: Comparison, tables: Sequence[Table]) -> str:
    """The table of FID in Markdown, with what a reader has to know of it; `tables` follow."""
    summary, epochs, note = comparison.summary, comparison.epochs, comparison.note
    table = fid_table(comparison)
    head = ["Ablation", *table.head[1:]]
    lines = [f"# FID of run {comparison.provenance.run}", ""]
    if note:
        lines += [f"**{note}**", ""]
    lines += markdown_lines(head, table.rows)
    if len(epochs) > 1:
        last = [
            [
                row["ablation"],
                *(number(summary, row[f"{subset}_last"]) for subset in comparison.counts),
            ]
            for _, row in summary.iterrows()
        ] + reference_rows(comparison)
        lines += ["", f"At the last epoch, {epochs[-1]}:", "", *markdown_lines(head, last)]
    lines += ["", *(f"- {sentence}" for sentence in table.remarks), ""]
    lines += [f"{table.markdown()}\n" for table in tables]
    facts = comparison.provenance.facts.items()
    return "\n".join([*lines, *(f"- {name}: {value}" for name, value in facts), ""])


def index_html(
    comparison: Comparison,
    tables: Sequence[Table],
    gallery: str,
    curves: str | Path,
    validation_curves: str | Path | None,
    grids: Mapping[str, str | Path],
    sweeps: Mapping[str, str | Path],
) -> str:
    """One page that needs nothing beside it: tables, gallery, curves, sweeps, a grid per subset.

    `tables` follow the table of FID; `gallery`: what `gallery.gallery_json` gives; `curves`,
    `grids` (by subset), `sweeps` (by name) and, where there are any, `validation_curves`: PNG
    files, to be embedded.
    """
    note, provenance = comparison.note, comparison.provenance
    own, shared = _settings_in_words(provenance.hparams)
    fid = fid_table(comparison)
    fields = {
        "title": html.escape(f"Face sketches: run {provenance.run}"),
        "lead": html.escape(_lead(comparison)),
        "verdicts": f'<a href="#{VERDICTS}">Verdicts</a>'
        if any(table.anchor == VERDICTS for table in tables)
        else "",
        "links": "".join(
            f'<a href="#sweep-{html.escape(name)}">Sweep {html.escape(name)}</a>' for name in sweeps
        )
        + "".join(
            f'<a href="#grid-{index}">{html.escape(subset)}</a>'
            for index, subset in enumerate(grids)
        ),
        "warning": f'<p class="warning" role="note">{html.escape(note)}</p>' if note else "",
        "table": _html_table(comparison, own),
        "remarks": "".join(f"<li>{html.escape(text)}</li>" for text in fid.remarks),
        "tables": "".join(table.html() for table in tables),
        "data": gallery,
        "curves": _figures(curves, validation_curves),
        "sweeps": "".join(
            f'<section id="sweep-{html.escape(name)}"><h2>Sweep {html.escape(name)}</h2>'
            f"{_scrolled(path, f'Each metric over the values of the sweep {name}')}</section>"
            for name, path in sweeps.items()
        ),
        "grids": "".join(
            f'<section id="grid-{index}"><h2>{html.escape(subset)}</h2>'
            f"{_grid(path, f'Photos, sketches and results of {subset}')}</section>"
            for index, (subset, path) in enumerate(grids.items())
        ),
        "settings": "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in {**_settings(comparison, shared), **provenance.facts}.items()
        ),
        "configuration": html.escape(provenance.configuration),
        "divide_style": before_after.STYLE,
        "divide_script": before_after.SCRIPT,
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(fields)


def _lead(comparison: Comparison) -> str:
    count = len(comparison.ablations)
    methods = len(comparison.all_scores["ablation"].unique()) - count
    compared = f"{count} ablation{'s' if count > 1 else ''}"
    if methods:
        compared += f" and {methods} other method{'s' if methods > 1 else ''}"
    return (
        f"{compared} on {comparison.counts[POOLED]} test faces, "
        f"{epochs_in_words(comparison.epochs)}; {seeds_in_words(comparison.seeds)}."
    )


def _settings(comparison: Comparison, training: str) -> dict[str, str]:
    epochs, seeds, note = comparison.epochs, comparison.seeds, comparison.note
    return {
        "Run": comparison.provenance.run,
        "Seeds": ", ".join(map(str, seeds)),
        "Evaluated": f"{epochs_in_words(epochs)} ({len(epochs)} in all)",
        "Features": f"{comparison.features} ({note})" if note else comparison.features,
        "Test faces": ", ".join(f"{subset} {n}" for subset, n in comparison.counts.items()),
        "Training": training,
        "Grids": f"{epochs_in_words(epochs[-1:])}, {seeds_in_words(seeds[:1])}",
    }


# what only says how a term is meant, and is not there without it (nor is the usual fusion with it)
OF_GLAD, OF_LOCAL = "glad_form", "fusion"


def _settings_in_words(
    hparams: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, str], str]:
    """The loss weights of each ablation and what else sets it apart; what all have in common.

    A value that is left out of hyper-parameters is off, and told as such where others have it.
    """
    flat = {
        name: {key: value for key, value in values.items() if key != "losses"}
        for name, values in hparams.items()
    }
    united = {key: value for values in flat.values() for key, value in values.items()}
    shared = {
        key: value
        for key, value in united.items()
        if all(
            values.get(key, value if key == OF_GLAD else None) == value for values in flat.values()
        )
    }
    own = {
        name: {
            **{loss: weight for loss, weight in hparams[name]["losses"].items() if weight},
            **{
                key: values.get(key, "off")
                for key in united
                if key not in shared and (key in values or key not in (OF_GLAD, OF_LOCAL))
            },
        }
        for name, values in flat.items()
    }
    return {name: _listed(values) for name, values in own.items()}, _listed(shared)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def _html_table(comparison: Comparison, settings: Mapping[str, str]) -> str:
    """The table of FID; settings: of each ablation, in words."""
    summary, counts, epochs = comparison.summary, comparison.counts, comparison.epochs
    with_last = len(epochs) > 1
    kind = "mean ± s.d." if len(comparison.seeds) > 1 or with_last else f"epoch {epochs[0]}"
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
        for row in [*reference_rows(comparison), *published_rows(comparison)]
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
    """A PNG file, embedded."""
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return _figure(f"data:image/png;base64,{data}", description)


def _grid(path: str | Path, description: str) -> str:
    """A PNG file of faces, embedded as WebP, an eighth of the size.
    As it is where WebP holds no picture so large."""
    with Image.open(path) as picture:
        if max(picture.size) > WEBP_SIDE:
            return _scrolled(path, description)
        return _figure(data_uri(np.asarray(picture)), description)


def _figure(source: str, description: str) -> str:
    shown = f'<img class="figure" src="{source}" alt="{html.escape(description)}">'
    return f'<div class="scroll">{shown}</div>'
