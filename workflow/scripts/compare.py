"""The comparison of all ablations: tables, curves, grids and the page that holds them."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.comparison import (
    costs,
    figures,
    gallery,
    page,
    provenance,
    published,
    summary,
    sweeps,
    table_page,
    tables,
)
from photosketch.configuration.sweeps import Sweep
from photosketch.data import pairs
from photosketch.evaluation import files
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.training.samples import read_samples

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    inputs, output, hp = snakemake.input, snakemake.output, snakemake.params.hp
    ablations, seeds, subsets = hp["ablations"], hp["seeds"], hp["subsets"]
    methods, points = hp.get("methods", []), hp.get("points", [])
    folder, config = Path(output.csv).parents[1], snakemake.config
    manifest = pairs.read_manifest(inputs.manifest, config["dataset"]["pairs"])
    test = pairs.select(manifest, split="test")
    counts = {name: len(pairs.select(test, name)) for name in subsets}
    method_scores = choice = None
    if methods:
        method_scores = files.read_scores(inputs.method_scores, methods, [0], counts, [0])
    if inputs.validation:
        of_subset = {name: len(pairs.select(manifest, name, "val")) for name in subsets}
        validated = {name: count for name, count in of_subset.items() if count}
        validation = files.read_scores(inputs.validation, ablations, seeds, validated, hp["epochs"])
        choice = summary.choose_epochs(validation, hp["chosen_by"])
    comparison = summary.Comparison(
        scores=files.read_scores(inputs.scores, ablations, seeds, counts, hp["epochs"]),
        references=files.read_references(inputs.references, subsets),
        differences=files.read_differences(
            inputs.differences,
            [name for name in [*ablations, *methods] if name != config["reference"]],
            subsets,
        ),
        provenance=provenance.gather(config, ablations, manifest, folder / "logs", points),
        method_scores=method_scores,
        notes=[
            line for path in inputs.method_notes for line in Path(path).read_text().splitlines()
        ],
        choice=choice,
        sweeps=[Sweep.from_hparams(sweep) for sweep in hp.get("sweeps", [])],
        points=points,
        published=published.from_hparams(hp.get("published", {})),
    )
    names, people = [*hp.get("shown", ablations), *methods], [(p.subset, p.id) for p in test]
    samples = [read_samples(path, people) for path in [*inputs.samples, *inputs.method_samples]]
    drawn = dict(zip(names, samples, strict=True))
    own = [files.read_image_scores(path, people, hp["epochs"]) for path in inputs.images]
    others = [files.read_image_scores(path, people, [0]) for path in inputs.method_images]
    faces = gallery.gallery_json(test, drawn, dict(zip(names, [*own, *others], strict=True)))

    figures.save(figures.curves(comparison), output.curves)
    if choice:
        figures.save(figures.validation_curves(choice), output.validation_curves)
    swept = {}
    for sweep, path in zip(comparison.sweeps, output.get("sweeps", []), strict=True):
        figures.save(sweeps.figure(comparison, sweep, hp["reference"]), path)
        swept[sweep.name] = path
    grids = dict(zip(subsets, output.grids, strict=True))
    for subset, path in grids.items():
        contact_sheet.save(figures.people_grid(comparison, subset, test, drawn), path)

    results = tables.result_tables(comparison)
    results += [sweeps.table(comparison, sweep) for sweep in comparison.sweeps]
    fid = tables.fid_table(comparison)
    verdicts = tables.difference_tables(comparison) if len(comparison.differences) else []
    scores = [table for table in results if table not in verdicts]
    cost = tables.cost_table(costs.read_benchmarks(folder / "benchmarks", folder / "logs"))
    texts = {
        output.csv: comparison.summary.to_csv(index=False),
        output.markdown: page.fid_markdown(comparison, [*results, cost]),
        output.latex: "\n".join(table.latex(comparison.note) for table in [fid, *results]),
        output.scores_page: table_page.table_page(
            f"Scores of run {hp['run']}", [fid, *scores, cost], comparison.note
        ),
        output.verdicts_page: table_page.table_page(
            f"Differences to the reference, run {hp['run']}", verdicts, comparison.note
        ),
        output.page: page.index_html(
            comparison,
            [*results, cost],
            faces,
            curves=output.curves,
            validation_curves=output.get("validation_curves"),
            grids=grids,
            sweeps=swept,
        ),
    }
    for path, text in texts.items():
        with job.write_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(output.markdown, output.page, sep="\n", file=console)
