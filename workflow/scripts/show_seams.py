"""The drawn sketches of one epoch with the borders where seams are measured, worst first."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.evaluation import protocol
from photosketch.evaluation.seam_sheet import seam_sheet
from photosketch.evaluation.seams import seams_of
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.landmarks.table import read_tables
from photosketch.parsing.labels import read_photo_labels
from photosketch.training.samples import read_samples

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    hp, files, run = snakemake.params.hp, snakemake.input, snakemake.wildcards
    people = pairs.select(
        pairs.read_manifest(files.manifest, snakemake.config["dataset"]["pairs"]), split="test"
    )
    labels = dict(zip(hp["subsets"], map(read_photo_labels, files.parsing), strict=True))
    tables = read_tables(hp["subsets"], files.landmarks)
    seams = seams_of(people, tables, labels, hp["frame"])
    title = f"Seams of {run.ablation}, seed {run.seed}, epoch {run.epoch}: worst first"
    named = [(pair.subset, pair.id) for pair in people]
    samples = read_samples(files.samples, named).sketches
    sketches = protocol.as_scored(samples, hp["scored_as"])
    sheet = seam_sheet(title, people, sketches, seams)
    contact_sheet.save(sheet, snakemake.output[0])
