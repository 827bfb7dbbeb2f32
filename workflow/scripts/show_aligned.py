"""A montage of one subset's aligned faces."""

from photosketch.align.files import read_alignment
from photosketch.align.montage import aligned_montage
from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.landmarks.table import read_landmarks

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    files, subset = snakemake.input, snakemake.wildcards.subset
    listed = pairs.read_pairs(files.manifest, snakemake.config, subset)
    table, alignment = read_landmarks(files.landmarks), read_alignment(files.aligned)
    montage = aligned_montage(subset, listed, table, alignment, snakemake.params.hp["frame"])
    contact_sheet.save(montage, snakemake.output[0])
