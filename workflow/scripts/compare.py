"""The comparison of all ablations: tables, curves, grids and the page that holds them."""

from typing import TYPE_CHECKING

from photosketch.comparison.files import load_comparison, write_comparison
from photosketch.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, output = snakemake.params.hp, snakemake.output
    comparison = load_comparison(snakemake.input, hp, snakemake.config)
    write_comparison(comparison, hp["subsets"], output)
    print(output.markdown, output.page, sep="\n", file=console)
