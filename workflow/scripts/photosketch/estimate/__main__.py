"""Estimate the jobs, disk, memory and time of a run before it is started.

    photosketch estimate my.yaml config/tiny.yaml

in the project's folder, for the run of snakemake --configfile my.yaml config/tiny.yaml.
"""

import argparse
import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings
from snakemake_interface_logger_plugins.common import LogEvent

from photosketch.comparison import costs
from photosketch.configuration.loading import load_overlays, read_overlay, read_overlays
from photosketch.configuration.settings import TrainConfig, ablation_config
from photosketch.data import pairs
from photosketch.estimate import expectations
from photosketch.jobs import devices
from photosketch.jobs.job import command
from photosketch.jobs.messages import InputError, counted, duration_in_words, listed
from photosketch.jobs.provenance import PROJECT
from photosketch.training import kept_trainings

TRAINED = ("train", "infer", "infer_validation")  # rules that take as long as an ablation's steps


def planned_jobs(overlays: Sequence[str]) -> list[Any]:
    """Snakemake's log records (rule_name, wildcards, threads, resources) of the jobs that a run
    would start. Ends the process with the workflow's message if the workflow refuses the
    configuration."""
    jobs: list[Any] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            print(record.getMessage(), file=sys.stderr)
        elif getattr(record, "event", None) == LogEvent.JOB_INFO:
            jobs.append(record)
        return True

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)) as api:
        logging.getLogger("snakemake.logging").addFilter(keep)
        try:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=len(os.sched_getaffinity(0))),
                config_settings=ConfigSettings(configfiles=[Path(path) for path in overlays]),
                snakefile=Path("Snakefile"),
            )
            profile = read_overlay("profiles/default/config.yaml")
            triggers = RerunTrigger.parse_choices_set(profile["rerun-triggers"])
            dag = workflow.dag(DAGSettings(rerun_triggers=triggers, force_incomplete=True))
            dag.execute_workflow(executor="dryrun")
        except Exception as error:
            api.print_exception(error)
            sys.exit(1)
    return [job for job in jobs if job.rule_name != "all"]


class Clock:
    """Measure the speed of planned jobs on the device that they would get on this machine."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        slots = 1000  # do not wait for a busy GPU; the speed is then that beside other jobs
        self.device = devices.acquire_device(sys.stderr, config["device"], slots, in_short=True)
        self._known: dict[str, expectations.Speed] = {}

    def speed(self, train: TrainConfig) -> expectations.Speed:
        """The speed of an ablation, measured once for all ablations with the same computations."""
        same = train.model_dump(exclude={"epochs", "lr", "beta1", "lr_decay_epochs", "warp"})
        key = repr({**same, "losses": [name for name, weight in train.losses if weight]})
        if key not in self._known:
            dataset, statistics = self.config["dataset"], self.config["inference"]["statistics"]
            self._known[key] = expectations.speed(train, dataset, statistics, self.device)
        return self._known[key]

    def precision(self, names: Sequence[str]) -> list[str]:
        """A line on the time that the other precision would save or cost in trainings of these
        ablations; none if they have several precisions."""
        trainings = [ablation_config(self.config, name) for name in names]
        if len({each.precision for each in trainings}) != 1:
            return []
        other = "bf16" if trainings[0].precision == "fp32" else "fp32"
        native = expectations.computes_bf16(self.device)
        if not native:  # emulated steps take long
            trainings = [min(trainings, key=lambda each: self.speed(each).image)]
        changed = [each.model_copy(update={"precision": other}) for each in trainings]
        before, after = (
            sum(each.epochs * self.speed(each).image for each in group)
            for group in (trainings, changed)
        )
        effect = f"save {1 - after / before:.0%} of"
        if after >= before:
            effect = f"take {after / before:.2g} times"
        timed = "steps of each" if native else "steps of the quickest"
        device = "GPU" if self.device.type == "cuda" else "processor"
        computes = "computes" if native else "does not compute"
        return [
            f"train.precision: {other} would {effect} the time of training (by {timed}; this "
            f"{device} {computes} bf16)"
        ]


def time_jobs(
    jobs: Sequence[Any], config: Mapping[str, Any], table: Sequence[Mapping[str, str]]
) -> tuple[dict[str, float], list[str]]:
    """Rule -> seconds, for jobs whose speed can be measured, and lines about the measurement."""
    parsing = None
    photos = pairs.image_files(config["dataset"]["pairs"], table)
    by_segmentation = config["parsing"]["backend"] != "onnx"
    if photos and by_segmentation and any(job.rule_name == "parse_faces" for job in jobs):
        parsing = expectations.parsing_seconds(photos[0], config["dataset"])
    threads = {job.wildcards["ablation"]: job.threads for job in jobs if job.rule_name in TRAINED}
    speeds: dict[str, expectations.Speed] = {}
    lines: list[str] = []
    if threads:
        print(f"timing steps of {listed(threads)}", file=sys.stderr)
        try:
            with contextlib.redirect_stdout(None):  # hide the lines that a job would log
                clock = Clock(config)
                for name, number in threads.items():
                    torch.set_num_threads(number)
                    speeds[name] = clock.speed(ablation_config(config, name))
                trainings = [job.wildcards["ablation"] for job in jobs if job.rule_name == "train"]
                precision = clock.precision(trainings)
            most = counted(max(threads.values()), "thread")
            place = "GPU" if clock.device.type == "cuda" else f"CPU, {most}"
            images = listed(f"{name} {speed.image:.2g}" for name, speed in speeds.items())
            lines = [f"seconds for an image ({place}): {images}", *precision]
        except InputError as error:
            speeds, lines = {}, error.problems
    return expectations.timed_seconds(jobs, config, table, speeds, parsing), lines


def print_memory(jobs: Sequence[Any], benchmarks: pd.DataFrame) -> None:
    """Print the most memory that a planned job asks for, and the most that a past job took."""
    largest = max(jobs, key=lambda job: job.resources.get("mem_mb", 0), default=None)
    if largest and (asked := largest.resources.get("mem_mb", 0)):
        print(f"memory of the largest job: {asked / 1e3:.1f} GB requested ({largest.rule_name})")
    past = benchmarks.dropna(subset=["memory_mb"])
    if len(past):
        row = past.loc[past["memory_mb"].idxmax()]
        print(f"  past jobs took at most {row['memory_mb'] / 1e3:.1f} GB ({row['rule']})")


def print_time(
    jobs: Mapping[str, int],
    past: Mapping[str, float],
    timed: Mapping[str, float],
    lines: Sequence[str],
) -> None:
    """Print the time of the jobs, by past jobs or by measured speeds, and the unknown rules."""
    by_past, by_speed = sum(past.values()), sum(timed.values())
    unknown = [rule for rule in jobs if rule not in past and rule not in timed]
    if len(unknown) == len(jobs):
        print("time: not known, no job of this run has ended yet")
    else:
        least = "at least " if unknown else ""
        print(f"time, one job after the other: {least}{duration_in_words(by_past + by_speed)}")
    if past:
        print(
            f"  {duration_in_words(by_past)} by past jobs of this run; of a job that was "
            "interrupted and continued, only the last attempt counts"
        )
    if timed:
        words = duration_in_words(by_speed)
        print(f"  {words} of {', '.join(timed)}, by what was timed on this machine")
    for line in lines:
        print(f"  {line}")
    if unknown and len(unknown) < len(jobs):
        print(f"  not included: {', '.join(unknown)} (no such job of this run has ended yet)")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="photosketch estimate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overlays", nargs="*", metavar="CONFIGFILE", help="the run's overlays")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="CONFIGFILE", help="overlays, as snakemake's"
    )
    asked = parser.parse_args(arguments)
    overlays = [*asked.overlays, *asked.configfile]
    if not Path("Snakefile").is_file():
        raise InputError([f"{Path.cwd()}: not the folder of the workflow; first cd {PROJECT}"])
    read_overlays(overlays)  # names a file that is not YAML, which Snakemake does not
    planned = planned_jobs(overlays)  # also checks the configuration
    config = load_overlays(overlays)
    table = pairs.read_table(config["dataset"]["pairs"])
    jobs = Counter(job.rule_name for job in planned)
    disk = expectations.expected_bytes(config, table)
    results = Path("results", config["run"])
    benchmarks = costs.read_benchmarks(results / "benchmarks")
    past = expectations.past_seconds(jobs, benchmarks)

    print(f"jobs: {len(planned)}" if planned else "jobs: 0, nothing to do")
    for rule, number in jobs.items():
        print(f"  {rule:24} {number:>8}")
    print(f"disk of the whole run: {sum(disk.values()) / 1e9:.1f} GB")
    for kind, size in disk.items():
        print(f"  {kind:24} {size / 1e9:>8.2f} GB")
    aside = sum(kept_trainings.set_aside(results).values())
    keep = config["train"]["keep_replaced"]
    most = keep * (disk["generators"] + disk["states for resuming"])
    print(
        f"trainings of earlier values: {aside / 1e9:.1f} GB (make clean-replaced "
        f"RUN={results.name} removes them), at most {most / 1e9:.1f} GB "
        f"(train.keep_replaced: {keep})"
    )
    print_memory(planned, benchmarks)
    if planned:
        unknown = [job for job in planned if job.rule_name not in past]
        print_time(jobs, past, *time_jobs(unknown, config, table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
