"""The comparison for readers: the tables in Markdown, and one page with everything in it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from photosketch.comparison import verdicts
from photosketch.comparison.figures import COLOURS
from photosketch.comparison.summary import (
    Comparison,
    epochs_in_words,
    seeds_in_words,
    subset_name,
)
from photosketch.comparison.tables import (
    Table,
    fid_table,
    fixed_rows,
    markdown_lines,
    mean_and_deviation,
    number,
)
from photosketch.data.pairs import read_image
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import METRICS
from photosketch.figures import page as pages

WEBP_SIDE = 16_383  # pixels, the longest that a WebP can have


def fid_markdown(comparison: Comparison, tables: Sequence[Table]) -> str:
    """The table of FID in Markdown, with what a reader has to know of it; `tables` follow."""
    summary, epochs, note = comparison.summary, comparison.epochs, comparison.note
    fid = fid_table(comparison)
    head = ["Ablation", *fid.head[1:]]
    lines = [f"# FID of run {comparison.provenance.run}", ""]
    if note:
        lines += [f"**{note}**", ""]
    lines += markdown_lines(head, fid.rows)
    if len(epochs) > 1:
        last = [
            [row["ablation"], *(number(summary, row[f"{s}_last"]) for s in comparison.counts)]
            for _, row in summary.iterrows()
        ]
        last += fixed_rows(comparison, with_published=False)
        lines += ["", f"At the last epoch, {epochs[-1]}:", "", *markdown_lines(head, last)]
    lines += ["", *(f"- {sentence}" for sentence in fid.remarks), ""]
    lines += [f"{table.markdown()}\n" for table in tables]
    lines += [f"- {name}: {value}" for name, value in comparison.provenance.facts.items()]
    return "\n".join([*lines, ""])


def index_html(
    comparison: Comparison,
    tables: Sequence[Table],
    curves: str | Path,
    validation_curves: str | Path | None,
    grids: Mapping[str, str | Path],
    sweeps: Mapping[str, str | Path],
) -> str:
    """One page that needs nothing beside it: tables, gallery, curves, sweeps, a grid per subset.

    `tables` follow the table of FID. `curves`, `grids` (by subset), `sweeps` (by name) and, where
    there are any, `validation_curves`: PNG files, to be embedded.
    """
    summary, provenance = comparison.summary, comparison.provenance
    own, shared = _settings_in_words(provenance.hparams)
    several = len(comparison.epochs) > 1
    over_epochs = [
        (png_uri(curves), "FID over epochs, a panel per subset, a line per ablation", "")
    ]
    if validation_curves is not None:
        description = "The choice of an epoch, a panel per ablation"
        over_epochs += [(png_uri(validation_curves), description, "On the validation pairs")]
    # an anchor, what the link to it says, the heading, and pictures: URI, description, heading
    sections = [("curves", "Curves", "Over the epochs", over_epochs)]
    for name, path in sweeps.items():
        description = f"Each metric over the values of the sweep {name}"
        title = f"Sweep {name}"
        sections.append((f"sweep-{name}", title, title, [(png_uri(path), description, "")]))
    for index, (subset, path) in enumerate(grids.items()):
        description = f"Photos, sketches and results of {subset}"
        sections.append((f"grid-{index}", subset, subset, [(grid_uri(path), description, "")]))
    return pages.render(
        __file__,
        title=f"Face sketches: run {provenance.run}",
        lead=_lead(comparison),
        note=comparison.note,
        columns=[(subset_name(subset), n) for subset, n in comparison.counts.items()],
        last=f"epoch {comparison.epochs[-1]}" if several else "",
        kind=(
            "mean ± s.d."
            if several or len(comparison.seeds) > 1
            else f"epoch {comparison.epochs[0]}"
        ),
        rows=[
            {
                "name": row["ablation"],
                "settings": own.get(row["ablation"], ""),
                "colour": COLOURS[index % len(COLOURS)],
                "cells": [
                    (mean_and_deviation(summary, row, s), number(summary, row[f"{s}_last"]))
                    for s in comparison.counts
                ],
            }
            for index, (_, row) in enumerate(summary.iterrows())
        ],
        fixed=fixed_rows(comparison, with_published=True),
        remarks=fid_table(comparison).remarks,
        tables=tables,
        parts=_parts,
        verdicts=verdicts.ANCHOR if verdicts.ANCHOR in {t.anchor for t in tables} else "",
        sections=sections,
        settings={**_settings(comparison, shared), **provenance.facts},
        configuration=provenance.configuration,
        gallery=gallery(comparison),
    )


def _parts(cell: str) -> list[str]:
    """A cell's value, interval and mark, which lines may be broken between."""
    return re.split(r" (?=\[)|(?<=\]) ", cell)


def _lead(comparison: Comparison) -> str:
    count = len(comparison.ablations)
    methods = len(comparison.summary) - count
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


def _settings_in_words(
    hparams: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, str], str]:
    """The loss weights of each ablation and what else sets it apart; what all have in common.

    `glad_form` and `fusion` are left out of hyper-parameters if the ablation lacks their loss.
    """
    flat = {
        name: {key: value for key, value in values.items() if key != "losses"}
        for name, values in hparams.items()
    }
    united = {key: value for values in flat.values() for key, value in values.items()}

    def is_shared(key: str, value: object) -> bool:
        missing = value if key in ("glad_form", "fusion") else None
        return all(values.get(key, missing) == value for values in flat.values())

    shared = {key: value for key, value in united.items() if is_shared(key, value)}
    own = {
        name: {loss: weight for loss, weight in hparams[name]["losses"].items() if weight}
        | {
            key: values.get(key, "off")
            for key in united
            if key not in shared and (key in values or key not in ("glad_form", "fusion"))
        }
        for name, values in flat.items()
    }
    return {name: _listed(values) for name, values in own.items()}, _listed(shared)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def png_uri(path: str | Path) -> str:
    """A PNG file as a data URI."""
    return pages.data_uri(Path(path).read_bytes(), "png")


def grid_uri(path: str | Path) -> str:
    """A PNG file of faces as a WebP data URI, an eighth of the size; as it is where WebP holds no
    picture so large."""
    with Image.open(path) as picture:
        fits = max(picture.size) <= WEBP_SIDE
        return pages.image_uri(np.asarray(picture)) if fits else png_uri(path)


def gallery(comparison: Comparison) -> dict[str, Any]:
    """What the page's script shows: every test face with its images and its metrics of the last
    epoch. A missing metric (NaN, as `seam` of a person without a border to measure) is null."""
    people, scores = comparison.people, comparison.image_scores.values()
    metrics = [metric for metric in METRICS if all(metric.key in by_key for by_key in scores)]
    last = {
        metric.key: np.round([by_key[metric.key][-1] for by_key in scores], 5)  # [methods, N]
        for metric in metrics
    }
    return {
        "methods": list(comparison.drawn),
        "subsets": list(dict.fromkeys(pair.subset for pair in people)),
        "metrics": [
            {"key": metric.key, "name": metric.heading, "lower": metric.lower_is_better}
            for metric in metrics
        ],
        "people": [
            {
                "subset": pair.subset,
                "id": pair.id,
                "images": [
                    *(pages.image_uri(read_image(pair, kind)) for kind in ("photo", "sketch")),
                    *(pages.image_uri(s.sketches[index]) for s in comparison.drawn.values()),
                ],
                "scores": {
                    key: [None if np.isnan(value) else value for value in values[:, index].tolist()]
                    for key, values in last.items()
                },
            }
            for index, pair in enumerate(people)
        ],
        "width": people[0].width if people else 0,
        "height": people[0].height if people else 0,
    }
