"""The comparison of all ablations: tables, curves, grids and the page that holds them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from photosketch import config, pairs, runtime, sheets
from photosketch.comparison import costs, figures, gallery, page, provenance, tables
from photosketch.comparison.summary import at_epochs, chosen_epochs, summarise
from photosketch.evaluation.files import (
    read_image_scores,
    read_samples,
    read_scores,
    read_texts_and_numbers,
)
from photosketch.evaluation.metrics import POOLED

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ROWS = 6  # test people in a grid

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    files, output, hp = snakemake.input, snakemake.output, snakemake.params.hp
    ablations, seeds, subsets = hp["ablations"], hp["seeds"], hp["subsets"]
    methods = hp.get("methods", [])
    runs = len(ablations) * len(seeds)
    scores = read_scores(files.scores[:runs], ablations, seeds, subsets)
    everything = scores
    summary = summarise(scores, ablations, subsets)
    if methods:
        theirs = read_scores(files.scores[runs:], methods, [0], subsets)
        everything = pd.concat([scores, theirs], ignore_index=True)
        summary = pd.concat([summary, summarise(theirs, methods, subsets)], ignore_index=True)
    remarks = [line for path in files.notes for line in Path(path).read_text().splitlines()]
    note = scores["note"].iloc[0]
    references = read_texts_and_numbers(files.references, "name", "subset")
    differences = read_texts_and_numbers(
        files.differences,
        *("ablation", "reference", "subset", "metric", "run_verdict", "verdict"),
    )
    figures.save(figures.curves(scores, ablations, subsets, note=note), output.curves)

    manifest = pairs.read_manifest(files.manifest)
    results = Path(output.csv).parents[1]
    made_by = {
        "Commit": provenance.commit(Path(snakemake.scriptdir)),
        "Versions": provenance.versions(),
        "Devices": provenance.devices(sorted(results.glob("logs/train/*/*.log"))),
        "Split": pairs.counts_in_words(manifest),
    }
    shown_tables = [
        tables.metric_table(everything, [*ablations, *methods], references, remarks),
        *([tables.difference_table(differences, subsets)] if len(differences) else []),
    ]
    if files.get("validation"):
        known = {pair.subset for pair in manifest if pair.split == "val"}
        validation = read_scores(
            files.validation, ablations, seeds, [name for name in subsets if name in known]
        )
        metric = hp["chosen_by"]
        chosen = chosen_epochs(validation, metric)
        table = tables.chosen_table(scores, chosen, ablations, subsets, references, metric)
        shown_tables.insert(0, table)
        figures.save(
            figures.validation_curves(validation, chosen, ablations, metric, note),
            output.validation_curves,
        )
        at_chosen = summarise(at_epochs(scores, chosen).assign(epoch=0), ablations, subsets)
        for subset in [*subsets, POOLED]:
            summary.loc[summary["ablation"].isin(ablations), f"{subset}_chosen"] = at_chosen[subset]
    with runtime.write_atomically(output.csv) as temporary:
        summary.to_csv(temporary, index=False)
    cost = tables.cost_table(costs.read_benchmarks(results / "benchmarks", results / "logs"))
    with runtime.write_atomically(output.markdown) as temporary:
        text = page.fid_markdown(
            summary, scores, hp["run"], references, [*shown_tables, cost], made_by
        )
        temporary.write_text(text, encoding="utf-8")
    with runtime.write_atomically(output.latex) as temporary:
        fid = tables.fid_table(summary, scores, references)
        fid = tables.Table("FID", fid.head, fid.rows, page.remarks(scores))
        text = "\n".join(table.latex() for table in [fid, *shown_tables])
        temporary.write_text(text, encoding="utf-8")

    test = pairs.select(manifest, split="test")
    drawn = {
        name: read_samples(path)
        for name, path in zip([*ablations, *methods], files.samples, strict=True)
    }
    title = f"epoch {hp['epochs'][-1]}, seed {seeds[0]}"
    for subset, path in zip(subsets, output.grids, strict=True):
        people = pairs.select(test, subset=subset)
        shown = [people[i] for i in sheets.evenly_spaced(len(people), ROWS)]
        names = [pair.id for pair in shown]
        columns = {
            "photo": [pairs.read_image(pair, "photo") for pair in shown],
            "real sketch": [pairs.read_image(pair, "sketch") for pair in shown],
            **{name: samples.of(subset, names) for name, samples in drawn.items()},
        }
        figures.save(figures.grid(columns, names, f"{subset}: {title}", note), path)

    images = {
        name: read_image_scores(path)
        for name, path in zip([*ablations, *methods], files.images, strict=True)
    }
    faces = gallery.gallery_json(
        test, {name: samples.sketches for name, samples in drawn.items()}, images
    )
    with runtime.write_atomically(output.page) as temporary:
        text = page.index_html(
            summary,
            scores,
            hp["run"],
            {name: config.ablation_config(snakemake.config, name).hparams() for name in ablations},
            references,
            [*shown_tables, cost],
            made_by,
            yaml.safe_dump(snakemake.config, sort_keys=False, allow_unicode=True),
            faces,
            output.curves,
            output.get("validation_curves"),
            dict(zip(subsets, output.grids, strict=True)),
        )
        temporary.write_text(text, encoding="utf-8")
    print(output.markdown, output.page, sep="\n", file=console)
