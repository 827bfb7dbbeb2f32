"""Bring the sketches of somebody's method into the form of our own samples."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.evaluation import method_sketches
from photosketch.jobs import job
from photosketch.training.samples import Samples, ids_and_subsets, write_samples

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    name = snakemake.wildcards.method
    test = pairs.select(
        pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"]),
        split="test",
    )
    sketches, notes = method_sketches.collect(snakemake.params.hp["folder"], test)
    for note in notes:
        job.say(f"{name}: {note}", console)
    with job.write_atomically(snakemake.output.notes) as temporary:
        temporary.write_text("".join(f"{name}: {note}\n" for note in notes), encoding="utf-8")
    write_samples(Samples(*ids_and_subsets(test), sketches), snakemake.output.sketches)
