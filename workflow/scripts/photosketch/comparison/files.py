"""The files of a run that a comparison reads, and the files that it writes."""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from photosketch.comparison import costs, figures, page, sweeps, tables
from photosketch.comparison.summary import Choice, Comparison
from photosketch.comparison.verdicts import difference_tables
from photosketch.comparison.votes import vote_tables
from photosketch.configuration import settings
from photosketch.configuration.sweeps import Sweep
from photosketch.data import pairs
from photosketch.evaluation import files, votes
from photosketch.figures import contact_sheet
from photosketch.jobs import provenance
from photosketch.jobs.disk import write_atomically
from photosketch.training.samples import read_samples


def load_comparison(inputs: Any, hp: Mapping[str, Any], config: Mapping[str, Any]) -> Comparison:
    """`inputs`, `hp`: of the rule `compare`; `config`: the whole configuration. Raises InputError
    if the files are not of one run and one evaluation."""
    folder = Path(inputs.references).parents[1]
    ablations, seeds, subsets, epochs = (hp[k] for k in ("ablations", "seeds", "subsets", "epochs"))
    methods, points = hp["methods"], hp["points"]
    manifest = pairs.read_manifest(inputs.manifest, config["dataset"]["pairs"])
    test = pairs.select(manifest, split="test")
    people = [(pair.subset, pair.id) for pair in test]
    counts = {name: len(pairs.select(test, name)) for name in subsets}
    alike = {"scored_as": config["evaluation"]["scored_as"], "features": hp["features"]}
    hparams = {name: settings.ablation_config(config, name).hparams() for name in ablations}
    statistics = config["inference"]["statistics"]
    made = {name: {"statistics": statistics, **alike, **own} for name, own in hparams.items()}
    scores = files.read_scores(inputs.scores, ablations, seeds, counts, epochs, made)
    method_scores = choice = None
    if methods:
        theirs = dict.fromkeys(methods, alike)
        method_scores = files.read_scores(inputs.method_scores, methods, [0], counts, [0], theirs)
    if inputs.validation:
        chosen_from = pairs.select(manifest, split="val")
        validated = {s: n for s in subsets if (n := len(pairs.select(chosen_from, s)))}
        validation = files.read_scores(inputs.validation, ablations, seeds, validated, epochs, made)
        choice = Choice(hp["chosen_by"], validation)
    compared = files.pairs_to_compare([*ablations, *methods], hp["reference"], hp["contrasts"])
    shown = [*hp["shown"], *methods]
    samples = [*inputs.samples, *inputs.method_samples]
    images = dict(zip(shown, [*inputs.images, *inputs.method_images], strict=True))
    drawn = {name: read_samples(path, people) for name, path in zip(shown, samples, strict=True)}
    ballots = inputs.get("votes")
    defined = {name: own for name, own in config["ablations"].items() if name not in points}
    written = {**config, "ablations": defined}
    notes = (Path(path).read_text() for path in inputs.method_notes)
    return Comparison(
        scores=scores,
        references=files.read_references(inputs.references, subsets),
        differences=files.read_differences(inputs.differences, compared, subsets),
        run=config["run"],
        facts={
            "Commit": provenance.commit(provenance.PROJECT),
            "Versions": provenance.versions(),
            "Devices": devices(sorted((folder / "logs").glob("train/*/*.log"))),
            "Split": pairs.counts_in_words(manifest),
        },
        hparams=hparams,
        configuration=yaml.safe_dump(written, sort_keys=False, allow_unicode=True),
        method_scores=method_scores,
        notes=[line for text in notes for line in text.splitlines()],
        choice=choice,
        reference=config["reference"],
        sweeps=[Sweep.from_hparams(sweep) for sweep in hp["sweeps"]],
        points=points,
        published=hp["published"],
        costs=costs.read_benchmarks(folder / "benchmarks", folder / "logs"),
        people=test,
        training=pairs.select(manifest, split="train"),
        in_grids=hp["people"],
        drawn=drawn,
        nearest={name: files.read_nearest(path) for name, path in images.items()},
        image_scores={
            name: files.read_image_scores(path, people, [0] if name in methods else epochs)
            for name, path in images.items()
        },
        votes=votes.read_votes(ballots, votes.sketch_codes(drawn)) if ballots else None,
    )


def devices(logs: Iterable[Path]) -> str:
    """The devices that jobs named in their logs; unknown without logs."""
    names: dict[str, None] = {}
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        names |= dict.fromkeys(re.findall(r"^using GPU [^:]*: (.+)$", text, re.MULTILINE))
        if re.search(r"running on the CPU$", text, re.MULTILINE):
            names[f"CPU ({platform.processor() or platform.machine()})"] = None
    return ", ".join(names) or "unknown: no logs"


def write_comparison(comparison: Comparison, subsets: Sequence[str], output: Any) -> None:
    """Write the output files of the rule `compare`; `subsets`: of the grids, in their order."""
    curves = {output.curves: figures.curves(comparison)}
    if comparison.choice:
        curves[output.validation_curves] = figures.validation_curves(comparison.choice)
    for path, picture in curves.items():
        figures.save(picture, path)
    for subset, path in zip(subsets, output.grids, strict=True):
        contact_sheet.save(figures.people_grid(comparison, subset), path)
    sections = [  # after the table of FID
        page.Section("Metrics", "metrics.md", tables.metric_tables(comparison)),
        page.Section("Differences", "significance.md", difference_tables(comparison)),
        page.Section("Votes", "votes.md", vote_tables(comparison)),
    ]
    for path, sweep in zip(output.get("sweeps", []), comparison.sweeps, strict=True):
        figures.save(sweeps.figure(comparison, sweep), path)
        table = sweeps.table(comparison, sweep)
        sections.append(page.Section(f"Sweep {sweep.name}", "questions.md", [table], [Path(path)]))
    sections += [
        page.Section("Curves", "evaluation.md", pictures=[*map(Path, curves)]),
        page.Section("Cost", "running.md", [costs.cost_table(comparison.costs)]),
    ]
    others = [table for section in sections for table in section.tables]
    results = [tables.fid_table(comparison), *others[:-1]]  # without the cost
    beside = [output.csv, output.latex, output.markdown, *output.grids]
    for path, text in {
        output.csv: comparison.summary.to_csv(index=False),
        output.markdown: page.fid_markdown(comparison, others),
        output.latex: tables.latex_document(results, comparison.note),
        output.page: page.index_html(comparison, sections, beside),
    }.items():
        with write_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
