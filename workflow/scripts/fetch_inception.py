"""Download and verify the weights of an Inception network."""

from pathlib import Path
from typing import TYPE_CHECKING

from photosketch import features, runtime

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads) as console:
    path = Path(snakemake.output[0])
    [published] = [weights for weights in features.PUBLISHED.values() if weights.name == path.name]
    print(f"downloading {published.url}", file=console)
    features.fetch(published, path)
