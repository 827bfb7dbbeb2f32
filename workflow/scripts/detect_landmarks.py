"""Detect the landmarks of one subset's photos and sketches."""

import time
from typing import TYPE_CHECKING

import torch  # noqa: F401 - before the job begins, which sets its threads

from photosketch import pairs, runtime
from photosketch.landmarks import detection
from photosketch.landmarks.table import write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    device = runtime.acquire_device(console, snakemake.config["gpu_slots"])
    subset = snakemake.wildcards.subset
    chosen = pairs.select(pairs.read_manifest(snakemake.input.manifest), subset)
    started = time.monotonic()
    table = detection.detect_pairs(chosen, device, **snakemake.params.hp)
    seconds = time.monotonic() - started
    write_landmarks(table, snakemake.output[0])
    found = set(zip(table["id"], table["modality"], strict=True))
    for pair in chosen:
        for modality in pairs.MODALITIES:
            if (pair.id, modality) not in found:
                print(f"no face found in the {modality} of {subset} {pair.id}")
    images = len(chosen) * len(pairs.MODALITIES)
    print(f"{subset}: {len(found)} of {images} faces found in {seconds:.1f} s", file=console)
