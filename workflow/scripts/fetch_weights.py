"""Download and verify published weights."""

from pathlib import Path

from photosketch.data.weights import FILES, fetch_weights
from photosketch.jobs import job
from photosketch.jobs.messages import say

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    path = Path(snakemake.output[0])
    weights = FILES[path.name]
    say(f"downloading {weights.source}", console)
    fetch_weights(weights, path)
