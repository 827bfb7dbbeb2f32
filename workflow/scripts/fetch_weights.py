"""Download and verify weights that others publish."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import runtime
from photosketch.weights import FILES, fetch_weights

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    path = Path(snakemake.output[0])
    weights = FILES[path.name]
    runtime.say(f"downloading {weights.url}", console)
    fetch_weights(weights, path)
