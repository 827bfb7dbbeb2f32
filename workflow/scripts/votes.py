"""Write the page of blind votes, and the table of the sketches' codes."""

from photosketch.comparison.votes_page import votes_page
from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.evaluation.votes import sketch_codes
from photosketch.jobs import disk, job
from photosketch.jobs.messages import say
from photosketch.training.samples import read_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files, output = snakemake.params.hp, snakemake.input, snakemake.output
    test = pairs.read_pairs(files.manifest, snakemake.config, split="test")
    people = [(pair.subset, pair.id) for pair in test]
    paths = zip(hp["methods"], files.samples, strict=True)
    drawn = {name: read_samples(path, people) for name, path in paths}
    codes = sketch_codes(drawn)
    text = votes_page(test, drawn, codes, **hp["voting"])
    with disk.write_atomically(output.page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_table(codes, output.key)
    say(f"open {output.page} in a browser; keep {output.key} to yourself", console)
