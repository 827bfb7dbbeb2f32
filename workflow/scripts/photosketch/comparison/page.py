"""The comparison for readers: the tables in Markdown, and one page with everything."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from photosketch.comparison import tables
from photosketch.comparison.figures import COLOURS
from photosketch.comparison.summary import Comparison, epochs_in_words, seeds_in_words, subset_name
from photosketch.comparison.tables import Table
from photosketch.configuration.settings import VALUE_BEFORE
from photosketch.data.pairs import MODALITIES, read_image
from photosketch.evaluation.files import PHOTOS, POOLED
from photosketch.evaluation.metrics import BY_KEY, METRICS
from photosketch.figures import page as pages
from photosketch.jobs.messages import counted

FEW_EPOCHS = 3  # of fewer evaluated epochs the deviation says little
FACES = 6  # pictures of one test person in the row above the table


class Section(NamedTuple):
    """A part of the page that opens: its page of the documentation, tables, and PNG files to embed.
    Without both it is left out."""

    title: str
    docs: str
    tables: Sequence[Table] = ()
    pictures: Sequence[Path] = ()


def conclusion(comparison: Comparison) -> list[str]:
    """The lowest FID, the verdicts on the differences to the reference, and reasons for doubt."""
    summary = comparison.summary
    lowest = summary.loc[summary[POOLED].idxmin()]
    sentences = [
        f"{lowest['ablation']} has the lowest FID: {tables.number(comparison, lowest[POOLED])} on "
        f"{comparison.counts[POOLED]} test people with {seeds_in_words(comparison.seeds)}.",
        *_verdicts(comparison),
    ]
    photo = comparison.without_epochs(POOLED).get(PHOTOS)
    if photo is not None and photo < lowest[POOLED]:
        sentences.append(
            f"The photo in gray has a lower FID ({tables.number(comparison, photo)}) than every "
            "drawn sketch: the generators are not trained enough yet."
        )
    if comparison.choice and comparison.choice.too_few:
        pairs = comparison.choice.count
        sentences.append(f"{pairs} validation pairs are too few to choose an epoch by.")
    if len(comparison.epochs) < FEW_EPOCHS:
        epochs = counted(len(comparison.epochs), "evaluated epoch")
        sentences.append(f"With {epochs}, the scatter over epochs is unknown.")
    return sentences


def _verdicts(comparison: Comparison) -> list[str]:
    """A sentence on the primary verdicts per reference, and a caution if there is one seed."""
    several = len(comparison.seeds) > 1
    primary = comparison.differences[comparison.differences["role"] == "primary"]
    sentences = []
    for reference, lines in primary.groupby("reference", sort=False):
        by_verdict = lines.groupby("verdict" if several else "run_verdict")["ablation"].agg(list)
        said = [
            f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} {verdict}"
            for verdict in ("better", "worse", "undecided")
            if (names := by_verdict.get(verdict))
        ]
        metric = BY_KEY[lines["metric"].iloc[0]].name
        sentences.append(f"Compared with {reference} in {metric}, {'; '.join(said)}.")
    if sentences and not several:
        sentences.append("One seed: another run of the same ablations may differ.")
    return sentences


def fid_markdown(comparison: Comparison, others: Sequence[Table]) -> str:
    """The table of FID in Markdown with its remarks, followed by other tables."""
    epochs, fid = comparison.epochs, tables.fid_table(comparison)
    lines = [f"# FID of run {comparison.run}", ""]
    if comparison.note:
        lines += [f"**{comparison.note}**", ""]
    lines += [*conclusion(comparison), "", *tables.markdown_lines(fid.head, fid.rows, fid.best)]
    if len(epochs) > 1:
        last = tables.method_rows(comparison, "{}_last") + tables.fixed_rows(comparison)
        lines += ["", f"At the last epoch, {epochs[-1]}:", ""]
        lines += tables.markdown_lines(fid.head, last)
    lines += ["", *(f"- {sentence}" for sentence in fid.remarks), ""]
    lines += [f"{table.markdown()}\n" for table in others]
    lines += [f"- {name}: {value}" for name, value in comparison.facts.items()]
    return "\n".join([*lines, ""])


def index_html(
    comparison: Comparison, sections: Sequence[Section], files: Sequence[str | Path]
) -> str:
    """One page without other files: conclusion, faces, FID, gallery, and sections. `files`: the
    files beside the page that it links to."""
    own, shared = _settings_in_words(comparison.hparams)
    epochs, note = comparison.epochs, comparison.note
    several = len(epochs) > 1
    compared = counted(len(comparison.ablations), "ablation")
    if methods := len(comparison.summary) - len(comparison.ablations):
        compared += f" and {counted(methods, 'other method')}"
    every_face, middle = gallery(comparison), len(comparison.people) // 2
    captions = ["photo", "true sketch", *comparison.drawn]
    faces = [
        (image, f"{caption} of {person['subset']} {person['id']}", caption)
        for person in every_face["people"][middle : middle + 1]
        for image, caption in zip(person["images"], captions, strict=True)
    ]
    return pages.render(
        __file__,
        comparison=comparison,
        title=f"Face sketches: run {comparison.run}",
        lead=f"{compared} on {comparison.counts[POOLED]} test faces, {epochs_in_words(epochs)}; "
        f"{seeds_in_words(comparison.seeds)}.",
        conclusion=conclusion(comparison),
        faces=faces[:FACES],
        columns=[(subset_name(subset), n) for subset, n in comparison.columns.items()],
        kind="mean ± s.d." if several or len(comparison.seeds) > 1 else f"epoch {epochs[0]}",
        fid=tables.fid_table(comparison),
        last=f"epoch {epochs[-1]}" if several else "",
        at_last=tables.method_rows(comparison, "{}_last"),
        own=own,
        colours=COLOURS,
        sections=[section for section in sections if section.tables or section.pictures],
        png_uri=lambda path: pages.data_uri(path.read_bytes(), "png"),
        # a cell's value, interval and mark, between which lines may break
        parts=partial(re.split, r" (?=\[)|(?<=\]) "),
        files=[Path(path).name for path in files],
        settings={
            "Run": comparison.run,
            "Seeds": ", ".join(map(str, comparison.seeds)),
            "Evaluated": f"{epochs_in_words(epochs)} ({len(epochs)} in all)",
            "Features": f"{comparison.features} ({note})" if note else comparison.features,
            "Test faces": ", ".join(f"{subset} {n}" for subset, n in comparison.counts.items()),
            "Training": shared,
            "Grids": f"{epochs_in_words(epochs[-1:])}, {seeds_in_words(comparison.seeds[:1])}",
            **comparison.facts,
        },
        gallery=every_face,
    )


def _settings_in_words(hparams: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], str]:
    """Each ablation's loss weights and own settings, and the settings that all share."""
    named = {key: value for values in hparams.values() for key, value in values.items()}
    named.pop("losses", None)
    full = {name: {**VALUE_BEFORE, **values} for name, values in hparams.items()}
    shared = {  # a value without effect is missing
        key: value
        for key, value in named.items()
        if all(values.get(key, value) == value for values in full.values())
    }
    own = {
        name: {loss: weight for loss, weight in values["losses"].items() if weight}
        | {key: values[key] for key in named if key in values and key not in shared}
        for name, values in full.items()
    }

    def listed(values: Mapping[str, Any]) -> str:
        forms = ((k, format(v, "g") if isinstance(v, float) else v) for k, v in values.items())
        return ", ".join(f"{key} {value}" for key, value in forms)

    return {name: listed(values) for name, values in own.items()}, listed(shared)


def gallery(comparison: Comparison) -> dict[str, Any]:
    """The data of the page's script: every test face with its images and its metrics of the last
    epoch. A missing value (NaN, such as `seam` of a person without a measurable border) is null.
    `training`: the sketches nearest to drawn ones by SUBSET/ID, each once."""
    people, scores = comparison.people, comparison.image_scores.values()
    metrics = [metric for metric in METRICS if all(metric.key in by_key for by_key in scores)]
    last = {}  # by key: [methods, N]
    for metric in metrics:
        values = np.round([metric.scale * by_key[metric.key][-1] for by_key in scores], 5)
        last[metric.key] = np.where(np.isnan(values), np.array(None), values)
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
                "scores": {key: values[:, index].tolist() for key, values in last.items()},
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
