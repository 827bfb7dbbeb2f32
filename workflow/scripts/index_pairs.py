"""Check and hash every pair, and write the manifest."""

from photosketch.data import pairs
from photosketch.jobs import job

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    manifest = pairs.index_pairs(snakemake.input.table, hp["size"], console)
    if hp["validation"]:
        manifest = pairs.with_validation(manifest, hp["validation"])
    pairs.write_manifest(manifest, snakemake.output[0])
    for subset in dict.fromkeys(pair.subset for pair in manifest):
        counts = {split: len(pairs.select(manifest, subset, split)) for split in pairs.SPLITS}
        listed = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
        job.say(f"{subset}: {listed}", console)
