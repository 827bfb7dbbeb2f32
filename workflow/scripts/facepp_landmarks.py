"""Ask Face++ for the points of images that have none from MTCNN or from the manual file."""

from pathlib import Path

from photosketch.data import pairs
from photosketch.jobs import job
from photosketch.jobs.messages import say
from photosketch.landmarks import facepp
from photosketch.landmarks.manual import images_by_hand
from photosketch.landmarks.table import read_tables, rows_by_image, write_landmarks

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, config, files = snakemake.params.hp, snakemake.config, snakemake.input
    detected = rows_by_image(read_tables(hp["subsets"], files.detected))
    known = {image for image, row in detected.items() if row["source"] != "mesh"}
    tables = facepp.find_landmarks(
        pairs.read_pairs(files.manifest, config),
        known | (images_by_hand(Path(files.manual)) if files.get("manual") else set()),
        Path(snakemake.output[0]).parent,
        config["landmarks"]["facepp"]["endpoint"],
        config["landmarks"]["facepp"]["timeout"],
        sketches=hp["sketches"],
    )
    for subset, path in zip(hp["subsets"], snakemake.output, strict=True):
        write_landmarks(tables[subset], path)
        say(f"{subset}: {len(tables[subset])} faces found by Face++", console)
