"""Merge the label maps of one subset: maps made by hand, else the parser's."""

from photosketch.data import pairs
from photosketch.jobs import job
from photosketch.jobs.messages import say
from photosketch.parsing.labels import read_parsings, require_photo_labels, write_parsings
from photosketch.parsing.manual import read_manual, with_manual

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    files, subset = snakemake.input, snakemake.wildcards.subset
    listed = pairs.read_pairs(files.manifest, snakemake.config)
    own = pairs.select(listed, subset)
    parsings = read_parsings(files.machine, [pair.id for pair in own])
    if "manual_sha256" in snakemake.params.hp:
        folder = snakemake.config["parsing"]["manual"]
        parsings = with_manual(parsings, read_manual(folder, listed, subset))
        say(f"{subset}: {len(parsings.manual)} label maps of {folder}", console)
    require_photo_labels(own, parsings)
    write_parsings(parsings, snakemake.output[0])
