"""Make the label maps of one subset's photos and sketches."""

import time

from photosketch.data import pairs
from photosketch.jobs import job, messages
from photosketch.jobs.messages import say
from photosketch.landmarks.table import read_landmarks
from photosketch.parsing.bisenet import Parser
from photosketch.parsing.labels import write_parsings
from photosketch.parsing.parse_pairs import parse_pairs

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    files, hp, subset = snakemake.input, snakemake.params.hp, snakemake.wildcards.subset
    subset_pairs = pairs.read_pairs(files.manifest, snakemake.config, subset)
    started = time.monotonic()
    learned = hp["backend"] == "onnx"
    parser = Parser(hp["model"], files.weights, hp["weights_sha256"]) if learned else None
    parsings = parse_pairs(
        subset_pairs,
        read_landmarks(files.landmarks),
        parser,
        fallback=learned and hp["fallback"],
        threads=snakemake.threads,
        console=console,
    )
    seconds = time.monotonic() - started
    write_parsings(parsings, snakemake.output[0])
    for id, modality in parsings.fallback:
        say(f"{subset} {id}: no face found in the {modality}: parsed by segmentation", console)
    if parsings.faceless:
        say(f"{subset}: photos without a face: {messages.listed(parsings.faceless, 5)}", console)
    if parsings.unparsed:
        say(f"{subset}: sketches without labels: {messages.listed(parsings.unparsed, 5)}", console)
    say(f"{subset}: {len(subset_pairs)} pairs parsed in {seconds:.1f} s", console)
