"""Features of the real test sketches, and the scores of real images, to read a table by."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from photosketch import pairs, runtime
from photosketch.evaluation import extractors, image_metrics
from photosketch.evaluation.files import Features, write_features
from photosketch.evaluation.scores import (
    Truth,
    evaluate,
    matched_real,
    stack_gray_photos,
    stack_sketches,
)

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    weights = snakemake.input.get("weights") or None
    network = extractors.load(hp["features"], weights, hp.get("weights_sha256"))
    device = runtime.acquire_device(console, snakemake.config["gpu_slots"])
    network.to(device)
    manifest = pairs.read_manifest(snakemake.input.manifest)
    sets = {}
    validated = snakemake.output.get("validation")
    for split in ("test", "train", "val") if validated else ("test", "train"):
        chosen = pairs.select(manifest, split=split)
        sketches = stack_sketches(chosen)
        print(f"{hp['features']}: {len(chosen)} real {split} sketches on {device}", file=console)
        sets[split] = Features(
            ids=np.array([pair.id for pair in chosen]),
            subset=np.array([pair.subset for pair in chosen]),
            features=extractors.extract(sketches, network, device),
        )
    write_features(sets["test"], snakemake.output.features)
    if validated:
        write_features(sets["val"], validated)

    test = pairs.select(manifest, split="test")
    truth = Truth.of(sets["test"], stack_sketches(test), device)
    lpips_files = snakemake.input.get("lpips")
    lpips = image_metrics.load_lpips(*lpips_files, device) if lpips_files else None
    gray = stack_gray_photos(test)
    photos, _, _ = evaluate(gray, truth, network, device, lpips)
    points = {
        "other people's real sketches": matched_real(sets["train"], sets["test"]),
        "photo in gray": photos,
    }
    with runtime.write_atomically(snakemake.output.references) as temporary:
        pd.concat([table.assign(name=name) for name, table in points.items()]).to_csv(
            temporary, index=False
        )
