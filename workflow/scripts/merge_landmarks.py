"""Merge the landmarks placed by hand, of MTCNN and of Face++, for all subsets at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import pairs, runtime
from photosketch.config import local_ablations
from photosketch.landmarks import merge, misplaced
from photosketch.landmarks.table import read_tables, write_landmarks

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    subsets = snakemake.params.hp["subsets"]
    manual = snakemake.input.get("manual")
    facepp = snakemake.input.get("facepp")
    folder = Path(snakemake.output[0]).parent
    manifest = pairs.read_manifest(snakemake.input.manifest)
    tables = merge.merge_landmarks(
        manifest,
        read_tables(subsets, snakemake.input.detected),
        manual=Path(manual) if manual else None,
        template=folder / "missing.csv",
        facepp=read_tables(subsets, facepp) if facepp else None,
        page=folder / "annotate.html",
    )
    # the configuration and not hp: it decides over an error, and changes no table
    ablations, align = local_ablations(snakemake.config), snakemake.config["dataset"]["align"]
    found = misplaced.misplaced(manifest, tables) if align == "none" else []
    if found and ablations:
        raise runtime.InputError(misplaced.refusal(found, ablations))
    for line in found:
        print(line)
    if found:
        warning = "images have faces that are not where CUFS has them (dataset.align; the log names"
        print(f"{len(found)} {warning} them: {snakemake.log[0]})", file=console)
    for subset, path in zip(subsets, snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
        counts = tables[subset]["source"].value_counts().sort_index()
        listed = ", ".join(f"{count} {source}" for source, count in counts.items())
        print(f"{subset}: {listed}", file=console)
