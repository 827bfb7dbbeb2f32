"""Merge the landmarks placed by hand, of MTCNN and of Face++, for all subsets at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.configuration.settings import local_ablations, sketch_points_needed_by
from photosketch.data import pairs
from photosketch.jobs import job, run_plan
from photosketch.landmarks import merge
from photosketch.landmarks.table import read_tables, write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    subsets, config = snakemake.params.hp["subsets"], snakemake.config
    manual, facepp = snakemake.input.get("manual"), snakemake.input.get("facepp")
    folder = Path(snakemake.output[0]).parent
    page_command = run_plan.command(config["run"], "annotate")
    listed = pairs.read_manifest(snakemake.input.manifest, config["dataset"]["pairs"])
    tables = merge.merge_landmarks(
        listed,
        read_tables(subsets, snakemake.input.detected),
        manual=Path(manual) if manual else None,
        template=folder / "missing.csv",
        facepp=read_tables(subsets, facepp) if facepp else None,
        page=folder / "annotate.html",
        page_command=page_command,
        # the configuration and not hp, here and below: it decides over errors, and changes no table
        sketches_needed_by={
            split: sketch_points_needed_by(config, split) for split in pairs.SPLITS
        },
    )
    if config["dataset"]["align"] == "none":  # else align_faces checks
        frame, ablations = config["dataset"]["frame"], local_ablations(config)
        merge.check_places(listed, tables, frame, ablations, page_command, console)
    for subset, path in zip(subsets, snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
    merge.say_sources(listed, tables, page_command, console)
