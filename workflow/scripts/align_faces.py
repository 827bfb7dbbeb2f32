"""Move the faces of all pairs to the usual place, and write the manifest of the aligned pairs."""

from photosketch.align import align_pairs as aligning
from photosketch.configuration.settings import local_ablations
from photosketch.data import pairs
from photosketch.geometry import patch_checks
from photosketch.jobs import job, run_plan
from photosketch.jobs.messages import InputError, say
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
    for (subset, table), path in zip(tables.items(), files.landmarks, strict=True):
        problems += aligning.problems(own[subset], table, path, mode, page_command)
    if problems:
        raise InputError(problems)
    alignments, moved, misplaced = {}, {}, []
    for subset, table in tables.items():
        alignments[subset] = aligning.alignment_of(own[subset], table, mode, size)
        moved[subset] = aligning.moved_points(table, alignments[subset])
        misplaced += aligning.misplaced(own[subset], moved[subset], size, frame)
    if misplaced and ablations:
        raise InputError(
            patch_checks.refusal(misplaced, ablations, aligned=True, page_command=page_command)
        )
    if misplaced:
        print(*misplaced, sep="\n")
        warning = "photos have faces that do not lie as in CUFS, even aligned; the log names them"
        print(f"{len(misplaced)} {warning}: {snakemake.log[0]}", file=console)
    aligned: dict[tuple[str, str], pairs.Pair] = {}
    for subset, images, landmarks in zip(tables, output.images, output.landmarks, strict=True):
        written = aligning.write_aligned_pairs(
            own[subset], alignments[subset], size, images, snakemake.threads
        )
        write_landmarks(moved[subset], landmarks)
        aligned |= {(pair.subset, pair.id): pair for pair in written}
        say(aligning.in_words(subset, alignments[subset]), console)
    pairs.write_manifest([aligned[pair.subset, pair.id] for pair in listed], output.manifest)
