"""Warp the sketches of one subset onto their photos, and score each warp."""

import time

from photosketch.data import pairs
from photosketch.geometry import similarity
from photosketch.jobs import job, run_plan
from photosketch.jobs.messages import say
from photosketch.landmarks import detection
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing import bisenet
from photosketch.parsing.labels import read_parsings
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.files import summarise, write_scores, write_warped
from photosketch.warp.warp_pairs import warp_pairs

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    files, hp, subset = snakemake.input, snakemake.params.hp, snakemake.wildcards.subset
    parser, parse = hp["parser"], parse_segmentation
    if parser["backend"] == "onnx":
        learned = bisenet.Parser(parser["model"], files.weights, parser["weights_sha256"])
        parse = learned.parse_image
    listed = pairs.read_pairs(files.manifest, snakemake.config, subset)
    started = time.monotonic()
    warped, scores = warp_pairs(
        listed,
        read_landmarks(files.landmarks),
        read_parsings(files.parsing, [pair.id for pair in listed]),
        hp["mode"],
        parse=parse,
        parse_fallback=parse_segmentation,
        detect=detection.detector("cpu", hp["min_face_size"]),
        threads=snakemake.threads,
        page_command=run_plan.command(snakemake.config["run"], "annotate"),
        shrink=max(1, round(similarity.enlargement((listed[0].width, listed[0].height)))),
    )
    seconds = time.monotonic() - started
    write_warped(warped, snakemake.output.arrays)
    write_scores(scores, snakemake.output.scores)
    summary = summarise(subset, hp["mode"], scores)
    say(
        f"{subset}, {hp['mode']}: {summary['pairs']} pairs in {seconds:.1f} s; head IoU "
        f"{summary['head_before']:.3f} -> {summary['head_after']:.3f}, points "
        f"{summary['points_before']:.2f} -> {summary['points_after']:.2f} px, "
        f"{summary['worse']} kept unwarped, {summary['shrunk']} shrunk",
        console,
    )
