"""Merge the landmarks placed by hand, of MTCNN and of Face++, for all subsets at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.configuration.settings import local_ablations, sketch_points_needed_by
from photosketch.data import pairs
from photosketch.geometry import patch_checks
from photosketch.jobs import job, run_plan
from photosketch.landmarks import merge, misplaced
from photosketch.landmarks.table import read_tables, write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    subsets = snakemake.params.hp["subsets"]
    manual = snakemake.input.get("manual")
    facepp = snakemake.input.get("facepp")
    folder = Path(snakemake.output[0]).parent
    page_command = run_plan.command(run_plan.plan_file(snakemake.config["run"]), "annotate")
    listed = pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"])
    tables = merge.merge_landmarks(
        listed,
        read_tables(subsets, snakemake.input.detected),
        manual=Path(manual) if manual else None,
        template=folder / "missing.csv",
        facepp=read_tables(subsets, facepp) if facepp else None,
        page=folder / "annotate.html",
        page_command=page_command,
        # no part of hp: it changes no table, and a stage that needs more points says so itself
        sketches_needed_by={
            split: sketch_points_needed_by(snakemake.config, split) for split in pairs.SPLITS
        },
    )
    # the configuration and not hp: it decides over an error, and changes no table
    ablations, dataset = local_ablations(snakemake.config), snakemake.config["dataset"]
    if dataset["align"] == "none":  # else align_faces looks
        photos, sketches = (
            misplaced.misplaced(listed, tables, modality, dataset["frame"])
            for modality in pairs.MODALITIES
        )
        if photos and ablations:
            raise job.InputError(
                patch_checks.refusal(photos, ablations, aligned=False, page_command=page_command)
            )
        for line in (*photos, *sketches):  # local networks see no points of sketches
            print(line)
        if photos or sketches:
            print(
                f"{job.counted(len(photos), 'photo')} and "
                f"{job.counted(len(sketches), 'sketch', 'sketches')} have faces that are not "
                f"where CUFS has them (dataset.align; the log names them: {snakemake.log[0]})",
                file=console,
            )
    for subset, path in zip(subsets, snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
        counts = tables[subset]["source"].value_counts().sort_index()
        by_source = ", ".join(f"{count} {source}" for source, count in counts.items())
        job.say(f"{subset}: {by_source}", console)
    unlocated = merge.sketches_without_points(listed, tables)
    if unlocated:
        names = ", ".join(f"{pair.subset} {pair.id}" for pair in unlocated)
        job.say(
            f"no points for {len(unlocated)} of {len(listed)} sketches, which nothing here needs "
            f"(a warp would): {names}. They get no labels; to place points: "
            f"`{page_command}`",
            console,
        )
