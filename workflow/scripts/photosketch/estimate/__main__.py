"""What a run is going to take, before it is started: jobs, disk, memory, and the time if known.

python -m photosketch.estimate [CONFIGFILE...], from the repository's folder.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings
from snakemake.utils import update_config
from snakemake_interface_logger_plugins.common import LogEvent

from photosketch.comparison import costs
from photosketch.configuration import sweeps
from photosketch.configuration.loading import read_overlay, without_dropped
from photosketch.configuration.settings import ablation_config
from photosketch.data import pairs
from photosketch.estimate import expectations
from photosketch.jobs.job import command, duration_in_words

BENCH = Path("results/bench.json")
PROFILE = "profiles/default/config.yaml"  # says what makes a file stale


class PlannedJobs(logging.Handler):
    """Keeps what Snakemake logs of each job (rule_name, wildcards, resources); prints errors."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            print(record.getMessage(), file=sys.stderr)
        elif getattr(record, "event", None) == LogEvent.JOB_INFO:
            self.jobs.append(record)


def planned_jobs(overlays: Sequence[str]) -> list[Any]:
    """The jobs that a run would start, as `PlannedJobs` keeps them. Ends the process with the
    workflow's message if the workflow refuses the configuration."""
    settings = OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(settings) as api:
        planned = PlannedJobs()
        logging.getLogger("snakemake.logging").addHandler(planned)
        try:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[Path(path) for path in overlays]),
                snakefile=Path("Snakefile"),
            )
            triggers = RerunTrigger.parse_choices_set(read_overlay(PROFILE)["rerun-triggers"])
            dag = workflow.dag(DAGSettings(rerun_triggers=triggers, force_incomplete=True))
            dag.execute_workflow(executor="dryrun")
        except Exception as error:
            api.print_exception(error)
            sys.exit(1)
    return [job for job in planned.jobs if job.rule_name != "all"]


def by_bench(config: Mapping[str, Any], trainings: Sequence[str], pairs: int) -> float | None:
    """Seconds that the trainings (an ablation each) take at measured speeds, None if not known."""
    if not BENCH.is_file():
        return None
    measured = json.loads(BENCH.read_text(encoding="utf-8"))["training"]
    if config["device"] == "cpu" and measured["device"] != "CPU":
        return None
    seconds = [
        expectations.training_seconds(measured, ablation_config(config, name), pairs)
        for name in trainings
    ]
    known = [each for each in seconds if each is not None]
    return sum(known) if known and len(known) == len(seconds) else None


def print_memory(jobs: Sequence[Any], benchmarks: pd.DataFrame) -> None:
    """The job that takes most memory: as its rule asks for it, and as it was measured."""
    largest = max(jobs, key=lambda job: job.resources.get("mem_mb", 0), default=None)
    if largest and (asked := largest.resources.get("mem_mb", 0)):
        print(f"memory of the largest job: {asked / 1e3:.1f} GB asked for ({largest.rule_name})")
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
        known = duration_in_words(sum(past.values()) + (bench or 0))
        print(f"time, one job after the other: {'at least ' if unknown else ''}{known}")
    if past:
        print(
            f"  {duration_in_words(sum(past.values()))} as past jobs of this run took; a job that "
            "was interrupted and went on counts with its last attempt alone"
        )
    if bench is not None:
        print(f"  {duration_in_words(bench)} of training at the speeds in {BENCH}")
    if unknown and len(unknown) < len(jobs):
        print(f"  not in it: {', '.join(unknown)} (no such job of this run has ended yet)")
    if "train" in unknown:
        print(
            f"  {BENCH} has no speed for these trainings: `make bench` measures those with 64 "
            "channels and batches of 1"
        )


@command
def main(arguments: list[str] | None = None) -> int:
    overlays = sys.argv[1:] if arguments is None else arguments
    config = read_overlay("config/config.yaml")
    for path in overlays:
        update_config(config, read_overlay(path))
    planned = planned_jobs(overlays)  # which checks the configuration
    config, _ = sweeps.expanded(without_dropped(config))
    table = pairs.read_table(config["dataset"]["pairs"])
    jobs = Counter(job.rule_name for job in planned)
    disk = expectations.expected_bytes(config, table)
    benchmarks = costs.read_benchmarks(Path("results", config["run"], "benchmarks"))
    past = expectations.past_seconds(jobs, benchmarks)
    trainings = [job.wildcards["ablation"] for job in planned if job.rule_name == "train"]
    trained, _, _ = expectations.pairs_by_split(config, table)

    print(f"jobs: {len(planned)}" if planned else "jobs: 0, nothing to do")
    for rule, number in jobs.items():
        print(f"  {rule:24} {number:>8}")
    print(f"disk of the whole run: {sum(disk.values()) / 1e9:.1f} GB")
    for kind, size in disk.items():
        print(f"  {kind:24} {size / 1e9:>8.2f} GB")
    print_memory(planned, benchmarks)
    print_time(jobs, past, None if "train" in past else by_bench(config, trainings, trained))
    return 0


if __name__ == "__main__":
    sys.exit(main())
