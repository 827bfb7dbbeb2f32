"""Move the faces of all pairs to the usual place, and write the manifest of the aligned pairs."""

from photosketch.align import align_pairs as aligning
from photosketch.configuration.settings import local_ablations
from photosketch.data import pairs
from photosketch.geometry import patch_checks
from photosketch.jobs import job, run_plan
from photosketch.landmarks.table import read_tables, write_landmarks

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files, output = snakemake.params.hp, snakemake.input, snakemake.output
    mode, size, config = hp["align"], hp["size"], snakemake.config
    listed = pairs.read_pairs(files.manifest, config)
    tables = read_tables(hp["subsets"], files.landmarks)
    page_command = run_plan.command(config["run"], "annotate")
    # from the configuration, not hp: only errors depend on it, no picture does
    ablations, frame = local_ablations(config), config["dataset"]["frame"]
    own = {subset: pairs.select(listed, subset) for subset in tables}
    problems: list[str] = []
    for subset, table in tables.items():
        problems += aligning.problems(own[subset], table, mode, page_command)
    if problems:
        raise job.InputError(problems)
    misplaced: list[str] = []
    for subset, table in tables.items():
        misplaced += aligning.misplaced(own[subset], table, mode, size, frame)
    if misplaced and ablations:
        raise job.InputError(
            patch_checks.refusal(misplaced, ablations, aligned=True, page_command=page_command)
        )
    if misplaced:
        print(*misplaced, sep="\n")
        warning = "photos have faces that do not lie as in CUFS, even aligned; the log names them"
        print(f"{len(misplaced)} {warning}: {snakemake.log[0]}", file=console)
    aligned: dict[tuple[str, str], pairs.Pair] = {}
    for subset, images, landmarks in zip(tables, output.images, output.landmarks, strict=True):
        moved, table, alignment = aligning.align_pairs(
            own[subset], tables[subset], mode, size, images, snakemake.threads
        )
        write_landmarks(table, landmarks)
        aligned |= {(pair.subset, pair.id): pair for pair in moved}
        job.say(aligning.in_words(subset, alignment), console)
    pairs.write_manifest([aligned[pair.subset, pair.id] for pair in listed], output.manifest)
