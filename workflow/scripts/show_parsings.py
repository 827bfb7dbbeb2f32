"""A montage of one subset's label maps."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing.labels import read_parsings
from photosketch.parsing.montage import parsing_montage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    subset = snakemake.wildcards.subset
    subset_pairs = pairs.select(
        pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"]), subset
    )
    parsings = read_parsings(snakemake.input.parsing)
    table = read_landmarks(snakemake.input.landmarks)
    contact_sheet.save(parsing_montage(subset, subset_pairs, parsings, table), snakemake.output[0])
