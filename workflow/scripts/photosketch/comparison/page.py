"""The comparison for readers: the tables in Markdown, and one page with everything."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.comparison.conclusion import conclusion
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
from photosketch.configuration.settings import NO_EFFECT_WITHOUT, VALUE_BEFORE
from photosketch.data.pairs import MODALITIES, read_image
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import METRICS
from photosketch.figures import page as pages
from photosketch.jobs.job import counted

FACES = 6  # pictures in the row above the table
DOCS = "../../../docs"  # from a run's comparison
# the page of the documentation on a section, by the first word of the section's title
PAGES = {
    "Metrics": "metrics.md",
    "Differences": "significance.md",
    "Votes": "votes.md",
    "Curves": "evaluation.md",
    "Sweep": "questions.md",
    "Cost": "running.md",
}


def fid_markdown(comparison: Comparison, tables: Sequence[Table]) -> str:
    """The table of FID in Markdown with its remarks, followed by `tables`."""
    summary, epochs, note = comparison.summary, comparison.epochs, comparison.note
    fid = fid_table(comparison)
    lines = [f"# FID of run {comparison.provenance.run}", ""]
    if note:
        lines += [f"**{note}**", ""]
    lines += [*conclusion(comparison), ""]
    lines += markdown_lines(fid.head, fid.marked(lambda cell: f"**{cell}**"))
    if len(epochs) > 1:
        last = [
            [row["ablation"], *(number(summary, row[f"{s}_last"]) for s in comparison.columns)]
            for _, row in summary.iterrows()
        ]
        last += fixed_rows(comparison)
        lines += ["", f"At the last epoch, {epochs[-1]}:", "", *markdown_lines(fid.head, last)]
    lines += ["", *(f"- {sentence}" for sentence in fid.remarks), ""]
    lines += [f"{table.markdown()}\n" for table in tables]
    lines += [f"- {name}: {value}" for name, value in comparison.provenance.facts.items()]
    return "\n".join([*lines, ""])


def index_html(
    comparison: Comparison,
    tables: Mapping[str, Sequence[Table]],
    pictures: Mapping[str, Sequence[str | Path]],
    files: Sequence[str | Path],
) -> str:
    """One page without other files: conclusion, faces, FID, gallery, and sections that open.

    `tables` and `pictures` (PNG files, which are embedded) by section; `files`: the files beside
    the page that it links to.
    """
    summary, provenance = comparison.summary, comparison.provenance
    own, shared = _settings_in_words(provenance.hparams)
    epochs, note = comparison.epochs, comparison.note
    several = len(epochs) > 1
    fid = fid_table(comparison)
    names = [
        name for name in dict.fromkeys([*tables, *pictures]) if tables.get(name) or name in pictures
    ]
    return pages.render(
        __file__,
        title=f"Face sketches: run {provenance.run}",
        lead=_lead(comparison),
        conclusion=conclusion(comparison),
        faces=_faces(comparison),
        note=note,
        columns=[(subset_name(subset), n) for subset, n in comparison.columns.items()],
        last=f"epoch {epochs[-1]}" if several else "",
        kind="mean ± s.d." if several or len(comparison.seeds) > 1 else f"epoch {epochs[0]}",
        rows=[
            {
                "name": row["ablation"],
                "settings": own.get(row["ablation"], ""),
                "colour": COLOURS[index % len(COLOURS)],
                "cells": [
                    (
                        mean_and_deviation(summary, row, s),
                        number(summary, row[f"{s}_last"]),
                        (index, place) in fid.best,
                    )
                    for place, s in enumerate(comparison.columns, 1)
                ],
            }
            for index, (_, row) in enumerate(summary.iterrows())
        ],
        fixed=fixed_rows(comparison, with_published=True),
        remarks=fid.remarks,
        sections=[
            {
                "anchor": name.lower().replace(" ", "-"),
                "title": name,
                "page": PAGES[name.partition(" ")[0]],
                "tables": tables.get(name, []),
                "pictures": [
                    (pages.data_uri(path.read_bytes(), "png"), path.stem.replace("_", " "))
                    for path in map(Path, pictures.get(name, []))
                ],
            }
            for name in names
        ],
        # a cell's value, interval and mark, between which lines may break
        parts=partial(re.split, r" (?=\[)|(?<=\]) "),
        files=[Path(path).name for path in files],
        docs=DOCS,
        settings={
            "Run": provenance.run,
            "Seeds": ", ".join(map(str, comparison.seeds)),
            "Evaluated": f"{epochs_in_words(epochs)} ({len(epochs)} in all)",
            "Features": f"{comparison.features} ({note})" if note else comparison.features,
            "Test faces": ", ".join(f"{subset} {n}" for subset, n in comparison.counts.items()),
            "Training": shared,
            "Grids": f"{epochs_in_words(epochs[-1:])}, {seeds_in_words(comparison.seeds[:1])}",
            **provenance.facts,
        },
        configuration=provenance.configuration,
        gallery=gallery(comparison),
    )


def _faces(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Six pictures of one test person (photo, true sketch, sketches by the first methods): URI,
    description and caption."""
    if not comparison.people:
        return []
    index = len(comparison.people) // 2
    person = comparison.people[index]
    pictures = {"photo": read_image(person, "photo"), "true sketch": read_image(person, "sketch")}
    pictures |= {name: samples.sketches[index] for name, samples in comparison.drawn.items()}
    who = f"{person.subset} {person.id}"
    shown = list(pictures.items())[:FACES]
    return [(pages.image_uri(image), f"{name} of {who}", name) for name, image in shown]


def _lead(comparison: Comparison) -> str:
    count = len(comparison.ablations)
    compared = counted(count, "ablation")
    if methods := len(comparison.summary) - count:
        compared += f" and {counted(methods, 'other method')}"
    return (
        f"{compared} on {comparison.counts[POOLED]} test faces, "
        f"{epochs_in_words(comparison.epochs)}; {seeds_in_words(comparison.seeds)}."
    )


def _settings_in_words(
    hparams: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, str], str]:
    """Each ablation's loss weights and own settings, and the settings that all share. Only keys of
    `NO_EFFECT_WITHOUT` and `VALUE_BEFORE` can be missing in hyper-parameters."""
    flat = {
        name: {key: value for key, value in values.items() if key != "losses"}
        for name, values in hparams.items()
    }
    united = {key: value for values in flat.values() for key, value in values.items()}

    def is_shared(key: str, value: object) -> bool:
        missing = value if key in NO_EFFECT_WITHOUT else VALUE_BEFORE.get(key)
        return all(values.get(key, missing) == value for values in flat.values())

    shared = {key: value for key, value in united.items() if is_shared(key, value)}
    own = {
        name: {loss: weight for loss, weight in hparams[name]["losses"].items() if weight}
        | {
            key: values.get(key, VALUE_BEFORE.get(key, "off"))
            for key in united
            if key not in shared and (key in values or key not in NO_EFFECT_WITHOUT)
        }
        for name, values in flat.items()
    }
    return {name: _listed(values) for name, values in own.items()}, _listed(shared)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )


def gallery(comparison: Comparison) -> dict[str, Any]:
    """The data of the page's script: every test face with its images and its metrics of the last
    epoch. A missing value (NaN, such as `seam` of a person without a measurable border) is null.
    `training`: the sketches nearest to drawn ones by SUBSET/ID, each once."""
    people, scores = comparison.people, comparison.image_scores.values()
    metrics = [metric for metric in METRICS if all(metric.key in by_key for by_key in scores)]
    last = {
        # [methods, N]
        metric.key: np.round([metric.scale * by_key[metric.key][-1] for by_key in scores], 5)
        for metric in metrics
    }
    shown = {name for names in comparison.nearest.values() for name in names}
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
                    *(pages.image_uri(read_image(pair, kind)) for kind in MODALITIES),
                    *(pages.image_uri(s.sketches[index]) for s in comparison.drawn.values()),
                ],
                "nearest": [names[index] for names in comparison.nearest.values()],
                "scores": {
                    key: [None if np.isnan(value) else value for value in values[:, index].tolist()]
                    for key, values in last.items()
                },
            }
            for index, pair in enumerate(people)
        ],
        "training": {
            name: pages.image_uri(read_image(pair, "sketch"))
            for pair in comparison.training
            if (name := f"{pair.subset}/{pair.id}") in shown
        },
        "width": people[0].width if people else 0,
        "height": people[0].height if people else 0,
    }
