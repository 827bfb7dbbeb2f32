"""Pack the training pairs again, with warped sketches."""

from photosketch.jobs import job
from photosketch.training.packed import read_packed, write_packed
from photosketch.warp.pack import with_warped_sketches

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    subsets = snakemake.params.hp["subsets"]
    packed = read_packed(snakemake.input.tensors)
    arrays = with_warped_sketches(
        packed,
        dict(zip(subsets, snakemake.input.warps, strict=True)),
        dict(zip(subsets, snakemake.input.parsing, strict=True)),
    )
    write_packed(arrays, snakemake.output[0])
    changed = (arrays["sketch"] != packed["sketch"]).any(axis=(1, 2, 3)).sum()
    print(f"{changed} of {len(arrays['ids'])} training sketches differ from the originals")
