"""Convert the sketches of another method to the format of this project's samples."""

from photosketch.data import pairs
from photosketch.evaluation import method_sketches
from photosketch.jobs import disk, job
from photosketch.jobs.messages import say
from photosketch.training.samples import Samples, ids_and_subsets, write_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    name = snakemake.wildcards.method
    test = pairs.read_pairs(snakemake.input.manifest, snakemake.config, split="test")
    sketches, notes = method_sketches.collect(snakemake.params.hp["folder"], test)
    for note in notes:
        say(f"{name}: {note}", console)
    with disk.write_atomically(snakemake.output.notes) as temporary:
        temporary.write_text("".join(f"{name}: {note}\n" for note in notes), encoding="utf-8")
    write_samples(Samples(*ids_and_subsets(test), sketches), snakemake.output.sketches)
