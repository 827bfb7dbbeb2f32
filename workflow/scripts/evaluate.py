"""The scores of every evaluated epoch of one training run, and of each of its sketches."""

import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from photosketch import pairs, runtime
from photosketch.evaluation import extractors, image_metrics
from photosketch.evaluation.files import (
    RunFeatures,
    mismatches,
    read_features,
    read_samples,
    write_run_features,
)
from photosketch.evaluation.scores import Truth, evaluate, stack_sketches

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp, output = snakemake.params.hp, snakemake.output
    epochs = hp["epochs"]
    # an ablation and its seed, or a method
    name, *seed = dict(snakemake.wildcards.items()).values()
    run = " seed ".join([name, *seed])
    real = read_features(snakemake.input.real)
    problems = [text for path in snakemake.input.samples for text in mismatches(path, real)]
    if problems:
        raise runtime.InputError(problems)
    weights = snakemake.input.get("weights") or None
    network = extractors.load(hp["features"], weights, hp.get("weights_sha256"))
    people = pairs.select(
        pairs.read_manifest(snakemake.input.manifest), split=hp.get("split", "test")
    )
    device = runtime.acquire_device(console, snakemake.config["gpu_slots"])
    network.to(device)
    truth = Truth.of(real, stack_sketches(people), device)
    lpips_files = snakemake.input.get("lpips")
    lpips = image_metrics.load_lpips(*lpips_files, device) if lpips_files else None
    tables, images, found = [], [], []
    start = time.monotonic()
    for epoch, path in zip(epochs, snakemake.input.samples, strict=True):
        sketches = read_samples(path).sketches
        scores, by_image, generated = evaluate(sketches, truth, network, device, lpips)
        scores.insert(0, "epoch", epoch)
        by_image.insert(0, "epoch", epoch)
        for kept, one in ((tables, scores), (images, by_image), (found, generated)):
            kept.append(one)
        left = (time.monotonic() - start) / len(tables) * (len(epochs) - len(tables))
        print(
            f"{run}: epoch {epoch} ({len(tables)}/{len(epochs)}), "
            f"FID {scores['fid'].iloc[-1]:.4g}, about {left:.0f} s left",
            file=console,
        )
    scores = pd.concat(tables).assign(features=hp["features"], note=extractors.note(hp["features"]))
    with runtime.write_atomically(output.scores) as temporary:
        scores.to_csv(temporary, index=False)
    with runtime.write_atomically(output.images) as temporary:
        pd.concat(images).to_csv(temporary, index=False)
    run_features = RunFeatures(real.ids, real.subset, np.array(epochs), np.stack(found))
    write_run_features(run_features, output.features)
