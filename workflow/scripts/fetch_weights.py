"""Download and verify weights that others publish."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.data.weights import FILES, fetch_weights
from photosketch.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    path = Path(snakemake.output[0])
    weights = FILES[path.name]
    job.say(f"downloading {weights.source}", console)
    fetch_weights(weights, path)
