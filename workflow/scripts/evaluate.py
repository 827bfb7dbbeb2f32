"""FID and KID of every evaluated epoch of one training run."""

import time
from typing import TYPE_CHECKING

import pandas as pd

from photosketch import features, metrics, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    epochs = hp["epochs"]
    run = "{ablation} seed {seed}".format(**dict(snakemake.wildcards.items()))
    real = features.read_features(snakemake.input.real)
    problems = [
        text for path in snakemake.input.samples for text in features.mismatches(path, real)
    ]
    if problems:
        raise runtime.InputError(problems)
    weights = snakemake.input.get("weights") or None
    network = features.load(hp["features"], weights, hp.get("weights_sha256"))
    device = runtime.acquire_device(".snakemake/locks", console, snakemake.config["gpu_slots"])
    network.to(device)
    tables = []
    start = time.monotonic()
    for epoch, path in zip(epochs, snakemake.input.samples, strict=True):
        sketches = features.read_samples(path).sketches
        generated = features.extract(sketches, network, device)
        table = metrics.score(real.features, generated, real.subset)
        table.insert(0, "epoch", epoch)
        tables.append(table)
        left = (time.monotonic() - start) / len(tables) * (len(epochs) - len(tables))
        print(
            f"{run}: epoch {epoch} ({len(tables)}/{len(epochs)}), "
            f"FID {table['fid'].iloc[-1]:.4g}, about {left:.0f} s left",
            file=console,
        )
    scores = pd.concat(tables).assign(features=hp["features"], note=features.note(hp["features"]))
    with runtime.write_atomically(snakemake.output.scores) as temporary:
        scores.to_csv(temporary, index=False)
