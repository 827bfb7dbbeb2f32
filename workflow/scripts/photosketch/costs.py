"""What a run has cost, from the benchmark files of its rules, and what one is going to cost."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from photosketch import networks
from photosketch.config import FRAME, TrainConfig, ablation_config, evaluated_epochs
from photosketch.features import DIMENSIONS


def read_benchmarks(folder: str | Path, logs: str | Path | None = None) -> pd.DataFrame:
    """A row per rule: rule, jobs, seconds (in all), longest (job, seconds), memory_mb and gpu_mb
    (peaks).

    `folder` holds {rule}.tsv or {rule}/**/*.tsv, as Snakemake writes them; memory is missing where
    a job was too short to be measured. The logs of the same names below `logs` tell the memory of
    jobs that used a GPU. Rows come in the order in which the rules began to end.
    """
    folder = Path(folder)
    found = []
    for path in folder.rglob("*.tsv"):
        table = pd.read_csv(path, sep="\t", na_values="-")
        found.append(
            {
                "rule": path.relative_to(folder).parts[0].removesuffix(".tsv"),
                "ended": path.stat().st_mtime,
                "seconds": table["s"].iloc[-1],
                "memory_mb": table["max_rss"].iloc[-1],
                "gpu_mb": _gpu_memory(Path(logs, path.relative_to(folder)).with_suffix(".log"))
                if logs
                else math.nan,
            }
        )
    if not found:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "longest", "memory_mb", "gpu_mb"])
    groups = pd.DataFrame(found).sort_values("ended").groupby("rule", sort=False)
    return groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory_mb=("memory_mb", "max"),
        gpu_mb=("gpu_mb", "max"),
    ).reset_index()


def _gpu_memory(log: Path) -> float:
    """Peak in MB that `runtime.job` wrote into a log; missing where it did not."""
    if not log.is_file():
        return math.nan
    text = log.read_text(encoding="utf-8", errors="replace")
    line = re.search(r"^peak GPU memory: (\d+) MB$", text, re.MULTILINE)
    return float(line[1]) if line else math.nan


def expected_hours(jobs: Mapping[str, int], benchmarks: pd.DataFrame) -> tuple[float, list[str]]:
    """Hours that the jobs (rule -> number) take at the mean of past ones, one after the other.

    Also the rules of which there is no past job: their time is not in it.
    """
    past = {row["rule"]: row["seconds"] / row["jobs"] for _, row in benchmarks.iterrows()}
    known = sum(past[rule] * number for rule, number in jobs.items() if rule in past)
    return known / 3600, [rule for rule in jobs if rule not in past]


def generator_bytes(train: TrainConfig, sketch_channels: int) -> int:
    """The size of one generator file, by its parameters."""
    with torch.device("meta"):
        network = networks.build_generator(train.ngf, sketch_channels, train.losses.local > 0)
    return sum(4 * value.numel() for value in network.state_dict().values())


def expected_bytes(config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Disk that a whole run fills, by kind, from the configuration and the table of pairs."""
    channels = config["dataset"]["sketch_channels"]
    width, height = config["dataset"]["size"]
    seeds, epochs = len(config["seeds"]), len(evaluated_epochs(config))
    runs = seeds * len(config["ablations"])
    tested = sum(row["split"] == "test" for row in pairs)
    generators = sum(
        generator_bytes(ablation_config(config, name), channels) for name in config["ablations"]
    )
    return {
        "generators": generators * epochs * seeds,
        "states for resuming": 4 * generators * seeds,  # with Adam's moments and discriminators
        "samples": runs * epochs * tested * width * height,
        "features": runs * epochs * tested * DIMENSIONS * 4,
        "tensors": len(pairs) * FRAME**2 * (4 + channels),
    }
