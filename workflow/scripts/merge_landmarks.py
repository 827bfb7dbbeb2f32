"""Merge the points placed by hand with those of MTCNN and Face++, for all subsets at once."""

from pathlib import Path

from photosketch.configuration.settings import local_ablations, sketch_points_needed_by
from photosketch.data import pairs
from photosketch.jobs import job, run_plan
from photosketch.landmarks import merge
from photosketch.landmarks.table import read_tables, write_landmarks

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    subsets, config, files = snakemake.params.hp["subsets"], snakemake.config, snakemake.input
    page_command = run_plan.command(config["run"], "annotate")
    listed = pairs.read_pairs(files.manifest, config)
    tables = merge.merge_landmarks(
        listed,
        read_tables(subsets, files.detected),
        read_tables(subsets, files.facepp) if files.get("facepp") else {},
        Path(files.manual) if files.get("manual") else None,
        Path(snakemake.output[0]).parent,
        page_command,
        # from the configuration, not hp, here and below: only errors depend on it, no table does
        {split: sketch_points_needed_by(config, split) for split in pairs.SPLITS},
    )
    if config["dataset"]["align"] == "none":  # otherwise align_faces checks the places
        frame, ablations = config["dataset"]["frame"], local_ablations(config)
        merge.check_places(listed, tables, frame, ablations, page_command, console)
    for subset, path in zip(subsets, snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
    merge.say_sources(listed, tables, page_command, console)
