"""A montage of one subset's warped sketches."""

from photosketch.data import pairs
from photosketch.figures import contact_sheet
from photosketch.jobs import job
from photosketch.parsing.labels import read_parsings
from photosketch.warp.files import read_scores, read_warped
from photosketch.warp.montage import warp_montage

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code):
    files, subset = snakemake.input, snakemake.wildcards.subset
    listed = pairs.read_pairs(files.manifest, snakemake.config, subset)
    ids = [pair.id for pair in listed]
    montage = warp_montage(
        subset,
        snakemake.wildcards.mode,
        listed,
        read_parsings(files.parsing, ids),
        read_warped(files.arrays, ids),
        read_scores(files.scores, ids),
    )
    contact_sheet.save(montage, snakemake.output[0])
