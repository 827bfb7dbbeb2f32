"""Write the page on which a person clicks the points of faces."""

from pathlib import Path

from photosketch.data import pairs
from photosketch.jobs import disk, job, messages
from photosketch.jobs.messages import say
from photosketch.landmarks import click_page
from photosketch.landmarks.manual import manual_rows
from photosketch.landmarks.table import read_tables

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files = snakemake.params.hp, snakemake.input
    manual, machines = files.get("manual"), (files.get("facepp"), files.detected)
    text, count = click_page.annotation_page(
        pairs.read_pairs(files.manifest, snakemake.config),
        [read_tables(hp["subsets"], paths) for paths in machines if paths],
        manual_rows(Path(manual)) if manual else [],
        hp["annotate"],
        manual or "resources/manual_landmarks.csv",
    )
    with disk.write_atomically(snakemake.output[0]) as temporary:
        temporary.write_text(text, encoding="utf-8")
    images = messages.counted(count, "image")
    say(f"{images} to click: open {snakemake.output[0]} in a browser", console)
