"""Estimate the differences of methods to the reference, with intervals and verdicts."""

from photosketch.data.storage import write_table
from photosketch.evaluation import files as results
from photosketch.evaluation import significance
from photosketch.jobs import job
from photosketch.jobs.messages import say

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files = snakemake.params.hp, snakemake.input
    real = results.read_features(files.real)
    counts = significance.resample(real.subset)
    runs: dict[str, list] = {}
    for name, features, images in zip(hp["runs"], files.features, files.images, strict=True):
        say(f"resampling {name}: {features}", console)
        drawn = results.read_run_features(features, real)
        by_image = results.read_image_scores(images, real.people, drawn.epochs.tolist())
        scores = significance.resampled_scores(
            real.features, drawn.features, by_image, real.subset, counts, snakemake.threads
        )
        runs.setdefault(name, []).append(scores)
    pairs = results.pairs_to_compare(runs, hp["reference"], hp["contrasts"])
    networks = hp["networks"]  # of ablations; those of methods are not known
    table = significance.differences(
        runs,
        real.subset,
        pairs,
        hp["lower_is_better"],
        hp["primary"],
        fixed=hp["methods"],
        points=hp["points"],
        paired=[
            pair
            for pair in pairs
            if networks.keys() >= set(pair) and networks[pair[0]] == networks[pair[1]]
        ],
    )
    write_table(table, snakemake.output[0])
