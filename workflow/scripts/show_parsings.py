"""A montage of one subset's label maps."""

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing.labels import read_parsings
from photosketch.parsing.montage import parsing_montage

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    subset = snakemake.wildcards.subset
    subset_pairs = pairs.read_pairs(snakemake.input.manifest, snakemake.config, subset)
    parsings = read_parsings(snakemake.input.parsing, [pair.id for pair in subset_pairs])
    table = read_landmarks(snakemake.input.landmarks)
    contact_sheet.save(parsing_montage(subset, subset_pairs, parsings, table), snakemake.output[0])
