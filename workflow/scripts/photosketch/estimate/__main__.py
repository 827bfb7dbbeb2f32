"""What a run is going to take, before it is started: jobs, disk, and from past runs the hours.

python -m photosketch.estimate [CONFIGFILE], from the repository's folder.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from snakemake.utils import update_config

from photosketch import pairs, runtime, sweeps
from photosketch.comparison import costs
from photosketch.config import without_dropped
from photosketch.estimate import expectations


def planned_jobs(overlay: list[str]) -> dict[str, int]:
    """Rule -> number of jobs that a dry run lists."""
    command = ["snakemake", "--dry-run", "--cores", "1"]
    done = subprocess.run(
        [sys.executable, "-m", *command, *(["--configfile", *overlay] if overlay else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout)
    return expectations.listed_jobs(done.stdout)


def main(overlay: list[str]) -> None:
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    for path in overlay:
        update_config(config, yaml.safe_load(Path(path).read_text()))
    jobs = planned_jobs(overlay)  # which checks the configuration
    config, _ = sweeps.expanded(without_dropped(config))
    disk = expectations.expected_bytes(config, pairs.read_table(config["dataset"]["pairs"]))
    # the run's own past first, else any other's
    folders = [Path("results", config["run"]), *sorted(Path("results").glob("*"))]
    past = [costs.read_benchmarks(folder / "benchmarks") for folder in folders]
    benchmarks = pd.concat(past).drop_duplicates("rule") if past else pd.DataFrame()
    hours, unknown = expectations.expected_hours(jobs, benchmarks)

    print(f"jobs: {sum(jobs.values())}")
    for rule, number in jobs.items():
        print(f"  {rule:24} {number:>8}")
    print(f"disk of the whole run: {sum(disk.values()) / 1e9:.1f} GB")
    for kind, size in disk.items():
        print(f"  {kind:24} {size / 1e9:>8.2f} GB")
    print(f"time, one job after the other, as past jobs took: {hours:.1f} hours")
    if unknown:
        print(f"  without {', '.join(unknown)}: no past job")
    print("  a past job that was interrupted and went on counts with its last attempt alone")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except runtime.InputError as error:
        sys.exit(str(error))
