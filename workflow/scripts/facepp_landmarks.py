"""Ask Face++ for the points of the images that MTCNN missed and nobody placed by hand."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.jobs import job
from photosketch.landmarks import facepp
from photosketch.landmarks.manual import images_by_hand
from photosketch.landmarks.table import images_of, read_tables, write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    subsets = snakemake.params.hp["subsets"]
    asking = snakemake.config["landmarks"]["facepp"]
    manual = snakemake.input.get("manual")
    known = images_of(read_tables(subsets, snakemake.input.detected))
    known |= images_by_hand(Path(manual)) if manual else set()
    listed = pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"])
    tables = facepp.find_landmarks(
        listed,
        known,
        Path(snakemake.output[0]).parent,
        lambda: facepp.service_from_environment(asking["endpoint"], asking["timeout"]),
        sketches=snakemake.params.hp["sketches"],
    )
    for subset, path in zip(subsets, snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
        job.say(f"{subset}: {len(tables[subset])} faces found by Face++", console)
