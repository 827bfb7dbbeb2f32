"""A montage of one subset's warped sketches."""

from typing import TYPE_CHECKING

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.parsing.labels import read_parsings
from photosketch.warp.files import read_scores, read_warped
from photosketch.warp.montage import warp_montage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    files, subset = snakemake.input, snakemake.wildcards.subset
    manifest = pairs.read_manifest(files.manifest, snakemake.config["dataset"]["pairs"])
    listed = pairs.select(manifest, subset)
    montage = warp_montage(
        subset,
        snakemake.wildcards.mode,
        listed,
        read_parsings(files.parsing),
        read_warped(files.arrays),
        read_scores(files.scores, [pair.id for pair in listed]),
    )
    contact_sheet.save(montage, snakemake.output[0])
