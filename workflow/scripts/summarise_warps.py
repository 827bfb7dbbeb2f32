"""Write one table of the warp's scores, with a row for each subset."""

import pandas as pd

from photosketch.data import pairs
from photosketch.jobs import disk, job
from photosketch.warp.files import read_scores, summarise

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    hp, files = snakemake.params.hp, snakemake.input
    manifest = pairs.read_pairs(files.manifest, snakemake.config)
    rows = []
    for subset, path in zip(hp["subsets"], files.scores, strict=True):
        ids = [pair.id for pair in pairs.select(manifest, subset)]
        rows.append(summarise(subset, hp["mode"], read_scores(path, ids)))
    with disk.write_atomically(snakemake.output[0]) as temporary:
        pd.DataFrame(rows).round(4).to_csv(temporary, index=False)
