"""What a run is going to take, before it is started: jobs, disk, memory, and the time if known.

python -m photosketch.estimate [CONFIGFILE...], from the repository's folder.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from snakemake.utils import update_config

from photosketch.comparison import costs
from photosketch.configuration import sweeps
from photosketch.configuration.loading import read_overlay, without_dropped
from photosketch.configuration.settings import ablation_config
from photosketch.data import pairs
from photosketch.estimate import expectations, speeds
from photosketch.jobs import job

BENCH = Path("results/bench.json")


def dry_run(overlays: Sequence[str]) -> str:
    """What Snakemake prints for the run; its words are ours where it refuses the configuration."""
    command = ["snakemake", "--dry-run", "--cores", "1"]
    done = subprocess.run(
        [sys.executable, "-m", *command, *(["--configfile", *overlays] if overlays else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


def by_bench(config: Mapping[str, Any], trainings: Sequence[str], pairs: int) -> float | None:
    """Seconds that the trainings (an ablation each) take at measured speeds, None if not known."""
    if not BENCH.is_file():
        return None
    measured = json.loads(BENCH.read_text(encoding="utf-8"))["training"]
    if config["device"] == "cpu" and measured["device"] != "CPU":
        return None
    seconds = [
        speeds.training_seconds(measured, ablation_config(config, name), pairs)
        for name in trainings
    ]
    known = [each for each in seconds if each is not None]
    return sum(known) if known and len(known) == len(seconds) else None


def print_memory(jobs: Mapping[str, int], benchmarks: pd.DataFrame) -> None:
    """The job that takes most memory: as its rule asks for it, and as it was measured."""
    rules = "\n".join(path.read_text() for path in sorted(Path("workflow/rules").glob("*.smk")))
    asked = {rule: size for rule, size in expectations.asked_memory(rules).items() if rule in jobs}
    if asked:
        largest = max(asked, key=lambda rule: asked[rule])
        print(f"memory of the largest job: {asked[largest] / 1e3:.1f} GB asked for ({largest})")
    past = benchmarks.dropna(subset=["memory_mb"])
    if len(past):
        row = past.loc[past["memory_mb"].idxmax()]
        print(f"  of past jobs at most {row['memory_mb'] / 1e3:.1f} GB ({row['rule']})")


def print_time(jobs: Mapping[str, int], past: Mapping[str, float], bench: float | None) -> None:
    """The time of the jobs that are known by their past, or by the bench, and which are not."""
    if not jobs:
        return
    unknown = [rule for rule in jobs if rule not in past and (rule != "train" or bench is None)]
    if len(unknown) == len(jobs):
        print("time: not known, no job of this run has ended yet")
    else:
        known = job.duration_in_words(sum(past.values()) + (bench or 0))
        print(f"time, one job after the other: {'at least ' if unknown else ''}{known}")
    if past:
        print(
            f"  {job.duration_in_words(sum(past.values()))} as past jobs of this run took;", end=" "
        )
        print("one that was interrupted and went on counts with its last attempt alone")
    if bench is not None:
        print(f"  {job.duration_in_words(bench)} of training at the speeds in {BENCH}")
    if unknown and len(unknown) < len(jobs):
        print(f"  not in it: {', '.join(unknown)} (no such job of this run has ended yet)")
    if "train" in unknown:
        print(
            f"  {BENCH} has no speed for these trainings: `make bench` measures those with 64 "
            "channels and batches of 1"
        )


def main(overlays: Sequence[str]) -> None:
    config = read_overlay("config/config.yaml")
    for path in overlays:
        update_config(config, read_overlay(path))
    printed = dry_run(overlays)  # which checks the configuration
    jobs = expectations.listed_jobs(printed)
    config, _ = sweeps.expanded(without_dropped(config))
    table = pairs.read_table(config["dataset"]["pairs"])
    disk = expectations.expected_bytes(config, table)
    benchmarks = costs.read_benchmarks(Path("results", config["run"], "benchmarks"))
    past = expectations.past_seconds(jobs, benchmarks)
    trainings = [] if "train" in past else expectations.planned_trainings(printed)
    trained, _, _ = expectations.pairs_by_split(config, table)

    print(f"jobs: {sum(jobs.values())}" if jobs else "jobs: 0, nothing to do")
    for rule, number in jobs.items():
        print(f"  {rule:24} {number:>8}")
    print(f"disk of the whole run: {sum(disk.values()) / 1e9:.1f} GB")
    for kind, size in disk.items():
        print(f"  {kind:24} {size / 1e9:>8.2f} GB")
    print_memory(jobs, benchmarks)
    print_time(jobs, past, by_bench(config, trainings, trained))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except job.InputError as error:
        sys.exit("\n".join(job.told(error.problems)))
