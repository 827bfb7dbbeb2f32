"""The files of a run that a comparison reads, and the files that it writes."""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from photosketch.comparison import costs, figures, page, sweeps
from photosketch.comparison.summary import Comparison, Provenance, Published, choose_epochs
from photosketch.comparison.tables import (
    Table,
    chosen_table,
    fid_table,
    latex_document,
    metric_table,
    other_people_table,
)
from photosketch.comparison.verdicts import difference_tables
from photosketch.comparison.votes import vote_tables
from photosketch.configuration import settings
from photosketch.configuration.sweeps import Sweep
from photosketch.data import pairs
from photosketch.evaluation import files, votes
from photosketch.figures import contact_sheet
from photosketch.jobs import provenance
from photosketch.jobs.job import write_atomically
from photosketch.training.samples import read_samples


def load_comparison(inputs: Any, hp: Mapping[str, Any], config: Mapping[str, Any]) -> Comparison:
    """`inputs`, `hp`: of the rule `compare`; `config`: the whole configuration.

    Raises InputError if the files are not of one run and one evaluation.
    """
    folder = Path(inputs.references).parents[1]
    ablations, seeds, subsets, epochs = (hp[k] for k in ("ablations", "seeds", "subsets", "epochs"))
    methods, points = hp["methods"], hp["points"]
    manifest = pairs.read_manifest(inputs.manifest, config["dataset"]["pairs"])
    test = pairs.select(manifest, split="test")
    counts = {name: len(pairs.select(test, name)) for name in subsets}
    alike = {"scored_as": config["evaluation"]["scored_as"], "features": hp["features"]}
    hparams = {name: settings.ablation_config(config, name).hparams() for name in ablations}
    statistics = config["inference"]["statistics"]
    made = {name: {"statistics": statistics, **alike, **own} for name, own in hparams.items()}
    choice = None
    if inputs.validation:
        validated = {name: len(pairs.select(manifest, name, "val")) for name in subsets}
        validated = {name: count for name, count in validated.items() if count}
        scores = files.read_scores(inputs.validation, ablations, seeds, validated, epochs, made)
        choice = choose_epochs(scores, hp["chosen_by"])
    people = [(pair.subset, pair.id) for pair in test]
    shown = [*hp["shown"], *methods]
    samples = [read_samples(path, people) for path in [*inputs.samples, *inputs.method_samples]]
    drawn = dict(zip(shown, samples, strict=True))
    image_scores = [files.read_image_scores(path, people, epochs) for path in inputs.images]
    image_scores += [files.read_image_scores(path, people, [0]) for path in inputs.method_images]
    nearest = [files.read_nearest(path) for path in [*inputs.images, *inputs.method_images]]
    ballots = inputs.get("votes")
    method_scores = None
    if methods:
        theirs = dict.fromkeys(methods, alike)
        method_scores = files.read_scores(inputs.method_scores, methods, [0], counts, [0], theirs)
    defined = {name: own for name, own in config["ablations"].items() if name not in points}
    return Comparison(
        scores=files.read_scores(inputs.scores, ablations, seeds, counts, epochs, made),
        references=files.read_references(inputs.references, subsets),
        differences=files.read_differences(
            inputs.differences,
            files.pairs_to_compare([*ablations, *methods], hp["reference"], hp["contrasts"]),
            subsets,
        ),
        provenance=Provenance(
            config["run"],
            {
                "Commit": provenance.commit(provenance.PROJECT),
                "Versions": provenance.versions(),
                "Devices": devices(sorted((folder / "logs").glob("train/*/*.log"))),
                "Split": pairs.counts_in_words(manifest),
            },
            hparams,
            yaml.safe_dump({**config, "ablations": defined}, sort_keys=False, allow_unicode=True),
        ),
        method_scores=method_scores,
        notes=[
            line for path in inputs.method_notes for line in Path(path).read_text().splitlines()
        ],
        choice=choice,
        reference=config["reference"],
        sweeps=[Sweep.from_hparams(sweep) for sweep in hp["sweeps"]],
        points=points,
        published=[Published(name, **entry) for name, entry in hp["published"].items()],
        costs=costs.read_benchmarks(folder / "benchmarks", folder / "logs"),
        people=test,
        training=pairs.select(manifest, split="train"),
        in_grids=hp["people"],
        drawn=drawn,
        nearest=dict(zip(shown, nearest, strict=True)),
        image_scores=dict(zip(shown, image_scores, strict=True)),
        votes=votes.read_votes(ballots, votes.sketch_codes(drawn)) if ballots else None,
    )


def devices(logs: Iterable[str | Path]) -> str:
    """The devices that jobs named in their logs; unknown without logs."""
    names: dict[str, None] = {}
    for path in map(Path, logs):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        names |= dict.fromkeys(re.findall(r"^using GPU [^:]*: (.+)$", text, re.MULTILINE))
        if re.search(r"running on the CPU$", text, re.MULTILINE):
            names[f"CPU ({platform.processor() or platform.machine()})"] = None
    return ", ".join(names) or "unknown: no logs"


def write_comparison(comparison: Comparison, subsets: Sequence[str], output: Any) -> None:
    """Write the output files of the rule `compare`; `subsets`: of the grids, in their order."""
    curves = {output.curves: figures.curves(comparison)}
    if comparison.choice:
        curves[output.validation_curves] = figures.validation_curves(comparison.choice)
    swept = dict(zip(output.get("sweeps", []), comparison.sweeps, strict=True))
    drawn = {path: sweeps.figure(comparison, sweep) for path, sweep in swept.items()}
    for path, picture in {**curves, **drawn}.items():
        figures.save(picture, path)
    for subset, path in zip(subsets, output.grids, strict=True):
        contact_sheet.save(figures.people_grid(comparison, subset), path)
    sections = grouped_tables(comparison)
    tables = [table for group in sections.values() for table in group]
    cost = costs.cost_table(comparison.costs)
    pictures = {"Curves": list(curves)}
    pictures |= {f"Sweep {sweep.name}": [path] for path, sweep in swept.items()}
    beside = [output.csv, output.latex, output.markdown, *output.grids]
    for path, text in {
        output.csv: comparison.summary.to_csv(index=False),
        output.markdown: page.fid_markdown(comparison, [*tables, cost]),
        output.latex: latex_document([fid_table(comparison), *tables], comparison.note),
        output.page: page.index_html(
            comparison, {**sections, "Curves": [], "Cost": [cost]}, pictures, beside
        ),
    }.items():
        with write_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def grouped_tables(comparison: Comparison) -> dict[str, list[Table]]:
    """The tables after the table of FID, by the section of the page that shows them."""
    has_others = comparison.scores["fid_other"].notna().any()
    return {
        "Metrics": [
            metric_table(comparison),
            *([other_people_table(comparison)] if has_others else []),
            *([chosen_table(comparison, comparison.choice)] if comparison.choice else []),
        ],
        "Differences": difference_tables(comparison) if len(comparison.differences) else [],
        "Votes": vote_tables(comparison),
        **{f"Sweep {one.name}": [sweeps.table(comparison, one)] for one in comparison.sweeps},
    }
