"""What a run is going to take, before it is started: jobs, disk, memory, and time by its past."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from photosketch.configuration.settings import (
    FeatureConfig,
    RunSettings,
    TrainConfig,
    ablation_config,
    evaluated_epochs,
    feature_file,
)
from photosketch.data.pairs import validation_count
from photosketch.evaluation import extractors
from photosketch.jobs.job import InputError
from photosketch.training.trainer import PLAIN, Trainer


def listed_jobs(printed: str) -> dict[str, int]:
    """Rule -> number of jobs, from what a dry run of Snakemake printed.

    Raises InputError where neither its table of jobs nor that there are none is found.
    """
    table = re.search(r"^Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", printed, re.MULTILINE)
    if table is None and "Nothing to be done" not in printed:
        raise InputError(
            [
                f"{printed}\nSnakemake's dry run (above) says neither 'Job stats' nor 'Nothing to "
                "be done': take the version of requirements.txt, without a logger plugin"
            ]
        )
    rows = [line.split() for line in table[1].splitlines()] if table else []
    return {rule: int(number) for rule, number in rows if rule not in ("all", "total")}


def planned_trainings(printed: str) -> list[str]:
    """The ablation of every training that a dry run of Snakemake lists, by the rule's message."""
    return re.findall(r"^Job \d+: Training (\S+) with seed \d+$", printed, re.MULTILINE)


def asked_memory(rules: str) -> dict[str, int]:
    """Rule -> MB that it asks a scheduler for at first, from the text of rule files."""
    blocks = re.split(r"^rule (\w+):$", rules, flags=re.MULTILINE)[1:]
    found = {
        rule: re.search(r"\bmem_mb=(?:by_attempt\()?(\d+)", block)
        for rule, block in zip(blocks[::2], blocks[1::2], strict=True)
    }
    return {rule: int(match[1]) for rule, match in found.items() if match}


def past_seconds(jobs: Mapping[str, int], benchmarks: pd.DataFrame) -> dict[str, float]:
    """Rule -> seconds that its jobs (rule -> number) take at the mean of past ones, one after the
    other; `benchmarks` as `costs.read_benchmarks` gives them. Rules without a past are left out.
    """
    past = {row["rule"]: row["seconds"] / row["jobs"] for _, row in benchmarks.iterrows()}
    return {rule: past[rule] * number for rule, number in jobs.items() if rule in past}


def expected_bytes(config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Disk that a whole run fills, by kind, from the configuration and the table of pairs.

    Compressed files count as if they were not. What is small is left out: tables, figures, logs.
    """
    seeds, epochs = len(config["seeds"]), len(evaluated_epochs(config))
    ablations = [ablation_config(config, name) for name in config["ablations"]]
    channels = config["dataset"]["sketch_channels"]
    trainers = [_trainer(ablation, channels) for ablation in ablations]
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
        "a state being written": max(states),  # for each training that runs at the same time
        "samples": drawings * width * height,
        "features": (drawings + tested + validated) * features * 4,
        # photo and sketch in colour
        "aligned pictures": (config["dataset"]["align"] != "none")
        * (len(pairs) * 2 * 3 * width * height),
        # of photos and sketches, those of the parser and those that maps by hand were laid over
        "parsings": len(pairs) * 2 * 2 * width * height,
        "tensors": len(pairs) * frame + warps * trained * frame,
        # sketch and valid pixels, a byte each, and the map, two floats
        "warps": warps * len(pairs) * width * height * (1 + 1 + 2 * 4),
    }


def _trainer(train: TrainConfig, sketch_channels: int) -> Trainer:
    """The networks of a run without their memory, to ask for sizes."""
    nowhere = torch.device("meta")
    with nowhere:
        return Trainer(train, 0, sketch_channels, nowhere, PLAIN)


def pairs_by_split(
    config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]
) -> tuple[int, int, int]:
    """Number of pairs to train on, to validate on and to test on."""
    counts = Counter(row["split"] for row in pairs)
    share, moved = config["dataset"]["validation"], 0
    if share:
        training = Counter(row["subset"] for row in pairs if row["split"] == "train")
        moved = sum(validation_count(number, share) for number in training.values())
    return counts["train"] - moved, counts["val"] + moved, counts["test"]
