"""Detect the landmarks of one subset's photos and sketches."""

import time
from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.jobs import devices, job
from photosketch.landmarks import detection, mesh
from photosketch.landmarks.table import FACES, write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    subset = snakemake.wildcards.subset
    listed = pairs.select(
        pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"]), subset
    )
    started = time.monotonic()
    hp = snakemake.params.hp
    table = detection.detect_pairs(listed, device, console, min_face_size=hp["min_face_size"])
    if hp["mesh"]:
        table = mesh.with_missed_faces(listed, table)
    seconds = time.monotonic() - started
    write_landmarks(table, snakemake.output[0])
    images = len(listed) * len(pairs.MODALITIES)
    job.say(f"{subset}: {len(table)} of {images} faces found in {seconds:.1f} s", console)
    several = table[table[FACES] > 1]
    if len(several):
        named = job.listed(f"{row.modality} of {row.id}" for row in several.itertuples())
        line = f"{subset}: several faces of about one size, of which the largest is taken: {named}"
        job.say(f"{line}; to correct the points, name these images in landmarks.annotate", console)
