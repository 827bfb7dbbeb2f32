"""Check and hash every pair, and write the manifest."""

from photosketch.data import pairs
from photosketch.jobs import job
from photosketch.jobs.messages import say

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp = snakemake.params.hp
    manifest = pairs.index_pairs(snakemake.input.table, hp["size"], console)
    if hp["validation"]:
        manifest = pairs.with_validation(manifest, hp["validation"])
    pairs.write_manifest(manifest, snakemake.output[0])
    for line in pairs.split_counts(manifest):
        say(line, console)
