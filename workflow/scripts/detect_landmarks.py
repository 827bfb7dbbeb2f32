"""Detect the landmarks of one subset's photos and sketches."""

import time

from photosketch.data import pairs
from photosketch.jobs import devices, job, messages
from photosketch.jobs.messages import say
from photosketch.landmarks import detection, mesh
from photosketch.landmarks.table import FACES, write_landmarks

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    subset = snakemake.wildcards.subset
    listed = pairs.read_pairs(snakemake.input.manifest, snakemake.config, subset)
    started = time.monotonic()
    hp = snakemake.params.hp
    table = detection.detect_pairs(listed, device, console, min_face_size=hp["min_face_size"])
    if hp["mesh"]:
        table = mesh.with_missed_faces(listed, table)
    seconds = time.monotonic() - started
    write_landmarks(table, snakemake.output[0])
    images = len(listed) * len(pairs.MODALITIES)
    say(f"{subset}: {len(table)} of {images} faces found in {seconds:.1f} s", console)
    several = table[table[FACES] > 1]
    if len(several):
        named = messages.listed(f"{row.modality} of {row.id}" for row in several.itertuples())
        line = f"{subset}: several faces of about the same size, the largest is taken: {named}"
        say(f"{line}; to correct the points, name these images in landmarks.annotate", console)
