"""Download and verify weights that others publish."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import published, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    path = Path(snakemake.output[0])
    weights = published.FILES[path.name]
    print(f"downloading {weights.url}", file=console)
    published.fetch(weights, path)
