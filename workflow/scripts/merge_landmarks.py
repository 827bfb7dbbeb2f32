"""Merge detected landmarks with those placed by hand, for all subsets at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import landmark_merge, landmarks, pairs, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    subsets = snakemake.params.hp["subsets"]
    manual = snakemake.input.get("manual")
    tables = landmark_merge.merge_landmarks(
        pairs.read_manifest(snakemake.input.manifest),
        {
            subset: landmarks.read_landmarks(path)
            for subset, path in zip(subsets, snakemake.input.detected, strict=True)
        },
        manual=Path(manual) if manual else None,
        template=Path(snakemake.output[0]).with_name("missing.csv"),
    )
    for subset, path in zip(subsets, snakemake.output, strict=True):
        landmarks.write_landmarks(tables[subset], path)
        counts = tables[subset]["source"].value_counts().sort_index()
        listed = ", ".join(f"{count} {source}" for source, count in counts.items())
        print(f"{subset}: {listed}", file=console)
