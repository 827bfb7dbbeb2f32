"""Features of the real test sketches, computed once for all evaluations."""

from typing import TYPE_CHECKING

import numpy as np

from photosketch import features, pairs, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    weights = snakemake.input.get("weights") or None
    network = features.load(hp["features"], weights, hp.get("weights_sha256"))
    device = runtime.acquire_device(".snakemake/locks", console, snakemake.config["gpu_slots"])
    test = pairs.select(pairs.read_manifest(snakemake.input.manifest), split="test")
    sketches = np.stack([pairs.read_image(pair, "sketch") for pair in test])  # [N, H, W]
    print(f"{hp['features']}: {len(test)} real test sketches on {device}", file=console)
    real = features.Features(
        ids=np.array([pair.id for pair in test]),
        subset=np.array([pair.subset for pair in test]),
        features=features.extract(sketches, network.to(device), device),
    )
    features.write_features(real, snakemake.output[0])
