"""Features of the real test sketches, and the scores of real images, to read a table by."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from photosketch import evaluation, features, likeness, pairs, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    weights = snakemake.input.get("weights") or None
    network = features.load(hp["features"], weights, hp.get("weights_sha256"))
    device = runtime.acquire_device(console, snakemake.config["gpu_slots"])
    network.to(device)
    manifest = pairs.read_manifest(snakemake.input.manifest)
    sets = {}
    validated = snakemake.output.get("validation")
    for split in ("test", "train", "val") if validated else ("test", "train"):
        chosen = pairs.select(manifest, split=split)
        sketches = evaluation.stack_sketches(chosen)
        print(f"{hp['features']}: {len(chosen)} real {split} sketches on {device}", file=console)
        sets[split] = features.Features(
            ids=np.array([pair.id for pair in chosen]),
            subset=np.array([pair.subset for pair in chosen]),
            features=features.extract(sketches, network, device),
        )
    features.write_features(sets["test"], snakemake.output.features)
    if validated:
        features.write_features(sets["val"], validated)

    test = pairs.select(manifest, split="test")
    truth = evaluation.Truth.of(sets["test"], evaluation.stack_sketches(test), device)
    lpips_files = snakemake.input.get("lpips")
    lpips = likeness.load_lpips(*lpips_files, device) if lpips_files else None
    gray = evaluation.stack_gray_photos(test)
    photos, _, _ = evaluation.evaluate(gray, truth, network, device, lpips)
    points = {
        "other people's real sketches": evaluation.matched_real(sets["train"], sets["test"]),
        "photo in gray": photos,
    }
    with runtime.write_atomically(snakemake.output.references) as temporary:
        pd.concat([table.assign(name=name) for name, table in points.items()]).to_csv(
            temporary, index=False
        )
