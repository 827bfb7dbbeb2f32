"""Show the drawn sketches of one epoch with the borders where seams are measured, worst first."""

from photosketch.data import pairs
from photosketch.evaluation.protocol import as_scored
from photosketch.evaluation.seams import seams_of
from photosketch.evaluation.sheets import seam_sheet
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.landmarks.table import read_tables
from photosketch.parsing.labels import read_photo_labels
from photosketch.training.samples import read_samples

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    hp, files, run = snakemake.params.hp, snakemake.input, snakemake.wildcards
    people = pairs.read_pairs(files.manifest, snakemake.config, split="test")
    labels = dict(zip(hp["subsets"], map(read_photo_labels, files.parsing), strict=True))
    tables = read_tables(hp["subsets"], files.landmarks)
    seams = seams_of(people, tables, labels, hp["frame"])
    title = f"Seams of {run.ablation}, seed {run.seed}, epoch {run.epoch}: worst first"
    named = [(pair.subset, pair.id) for pair in people]
    sketches = as_scored(read_samples(files.samples, named).sketches, hp["scored_as"])
    contact_sheet.save(seam_sheet(title, people, sketches, seams), snakemake.output[0])
