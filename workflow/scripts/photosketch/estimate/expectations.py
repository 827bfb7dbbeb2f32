"""The expected disk of a run, and its expected time by past jobs or by measured speeds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from photosketch.configuration.settings import (
    FeatureConfig,
    RunSettings,
    ablation_config,
    evaluated_epochs,
    feature_file,
)
from photosketch.data.pairs import validation_count
from photosketch.estimate.timing import Speed
from photosketch.evaluation import extractors
from photosketch.training.trainer import PLAIN, Trainer


def past_seconds(jobs: Mapping[str, int], benchmarks: pd.DataFrame) -> dict[str, float]:
    """Rule -> seconds of its jobs (rule -> number), one after the other, by the mean of past jobs
    (`costs.read_benchmarks`). Rules without past jobs are left out."""
    mean = dict(zip(benchmarks["rule"], benchmarks["seconds"] / benchmarks["jobs"], strict=True))
    return {rule: mean[rule] * number for rule, number in jobs.items() if rule in mean}


def timed_seconds(
    jobs: Iterable[Any],
    config: Mapping[str, Any],
    pairs: Sequence[Mapping[str, str]],
    speeds: Mapping[str, Speed],
    parsing: float | None,
) -> dict[str, float]:
    """Rule -> seconds of its jobs, by the speeds of their ablations and by `parsing`, the seconds
    that one thread takes to parse an image. Jobs have Snakemake's rule_name, wildcards and threads.
    Rules that were not timed are left out."""
    trained, validated, tested = pairs_by_split(config, pairs)
    drawn = {"infer": tested, "infer_validation": validated}
    seconds: defaultdict[str, float] = defaultdict(float)
    for job in jobs:
        rule, name = job.rule_name, job.wildcards.get("ablation")
        if rule == "train" and name in speeds:
            epochs = ablation_config(config, name).epochs
            seconds[rule] += epochs * trained * speeds[name].image
        elif rule in drawn and name in speeds:
            seconds[rule] += len(evaluated_epochs(config)) * drawn[rule] * speeds[name].drawing
        elif rule == "parse_faces" and parsing is not None:
            images = 2 * sum(row["subset"] == job.wildcards["subset"] for row in pairs)
            seconds[rule] += images * parsing / job.threads
    return dict(seconds)


def expected_bytes(config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """The disk space of a whole run by kind, from the configuration and the table of pairs. The
    sizes are uncompressed; tables, figures and logs are left out."""
    seeds, epochs = len(config["seeds"]), len(evaluated_epochs(config))
    ablations = [ablation_config(config, name) for name in config["ablations"]]
    channels = config["dataset"]["sketch_channels"]
    nowhere = torch.device("meta")  # networks without memory, only for their sizes
    with nowhere:
        trainers = [Trainer(each, 0, channels, nowhere, PLAIN) for each in ablations]
    states = [trainer.bytes_of_state() for trainer in trainers]
    states_per_run = RunSettings.from_config(config["train"]).states
    generators = sum(trainer.generator.bytes() for trainer in trainers)
    trained, validated, tested = pairs_by_split(config, pairs)
    drawings = seeds * len(ablations) * epochs * (tested + validated)
    drawings += len(config["methods"]) * tested
    width, height = config["dataset"]["size"]
    network = FeatureConfig.from_config(config["evaluation"])
    features = extractors.dimensions(network, feature_file(config))
    frame = config["dataset"]["frame"] ** 2 * (3 + 1 + channels)  # photo, labels, sketch
    warps = len({ablation.warp for ablation in ablations} - {"none"})
    return {
        "generators": seeds * epochs * generators,
        "states for resuming": seeds * states_per_run * sum(states),
        "a state being written": max(states),  # of each training that runs at the same time
        "samples": drawings * width * height,
        "features": (drawings + len(pairs)) * features * 4,
        # photo and sketch in colour
        "aligned pictures": (config["dataset"]["align"] != "none")
        * (len(pairs) * 2 * 3 * width * height),
        # of photos and sketches: the parser's maps, and the same with maps drawn by hand
        "parsings": len(pairs) * 2 * 2 * width * height,
        "tensors": len(pairs) * frame + warps * trained * frame,
        # sketch and valid pixels, a byte each, and the map, two floats
        "warps": warps * len(pairs) * width * height * (1 + 1 + 2 * 4),
    }


def pairs_by_split(
    config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]
) -> tuple[int, int, int]:
    """The numbers of pairs for training, validation and test."""
    counts = Counter(row["split"] for row in pairs)
    share, moved = config["dataset"]["validation"], 0
    if share:
        training = Counter(row["subset"] for row in pairs if row["split"] == "train")
        moved = sum(validation_count(number, share) for number in training.values())
    return counts["train"] - moved, counts["val"] + moved, counts["test"]
