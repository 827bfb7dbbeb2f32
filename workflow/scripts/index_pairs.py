"""Check and hash every pair, and write the manifest."""

from typing import TYPE_CHECKING

from photosketch import pairs, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    hp = snakemake.params.hp
    found = pairs.index_pairs(snakemake.input.table, hp["size"])
    if "validation" in hp:
        found = pairs.with_validation(found, hp["validation"])
    pairs.write_manifest(found, snakemake.output[0])
    for subset in dict.fromkeys(pair.subset for pair in found):
        counts = {split: len(pairs.select(found, subset, split)) for split in pairs.SPLITS}
        listed = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
        print(f"{subset}: {listed}", file=console)
