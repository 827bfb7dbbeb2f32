"""One table of the warp's scores, one row per subset."""

from typing import TYPE_CHECKING

import pandas as pd

from photosketch import runtime
from photosketch.warp.files import read_scores, summarise

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    hp = snakemake.params.hp
    rows = [
        summarise(subset, hp["mode"], read_scores(path))
        for subset, path in zip(hp["subsets"], snakemake.input, strict=True)
    ]
    with runtime.write_atomically(snakemake.output[0]) as temporary:
        pd.DataFrame(rows).round(4).to_csv(temporary, index=False)
