"""Compare all ablations: write tables, curves, grids and the page with all of them."""

from photosketch.comparison.files import load_comparison, write_comparison
from photosketch.jobs import job

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, output = snakemake.params.hp, snakemake.output
    comparison = load_comparison(snakemake.input, hp, snakemake.config)
    write_comparison(comparison, hp["subsets"], output)
    print(output.markdown, output.page, sep="\n", file=console)
