"""A montage of one subset's label maps."""

from typing import TYPE_CHECKING

from photosketch import pairs, runtime, sheets
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing.labels import read_parsings
from photosketch.parsing.montage import parsing_montage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with runtime.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    subset = snakemake.wildcards.subset
    subset_pairs = pairs.select(
        pairs.read_manifest(snakemake.input.manifest, snakemake.config["dataset"]["pairs"]), subset
    )
    parsings = read_parsings(snakemake.input.parsing)
    table = read_landmarks(snakemake.input.landmarks)
    sheets.save(parsing_montage(subset, subset_pairs, parsings, table), snakemake.output[0])
