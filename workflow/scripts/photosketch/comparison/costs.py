"""What a run has cost, from the benchmark files of its rules."""

import math
import re
from pathlib import Path

import pandas as pd

from photosketch.data.storage import intact


def read_benchmarks(folder: str | Path, logs: str | Path | None = None) -> pd.DataFrame:
    """One row per rule: rule, jobs, seconds (in all), longest (job, seconds), memory_mb and gpu_mb
    (peaks).

    `folder` holds {rule}.tsv or {rule}/**/*.tsv, as Snakemake writes them; memory is missing where
    a job was too short to be measured. A job that was interrupted and went on has its last attempt
    alone there. The logs of the same names below `logs` tell the memory of
    jobs that used a GPU. Rows come in the order in which the rules began to end.
    """
    folder = Path(folder)
    jobs = []
    for path in folder.rglob("*.tsv"):
        with intact(path, "the next job of its rule"):
            table = pd.read_csv(path, sep="\t", na_values="-")
            last = table[["s", "max_rss"]].astype(float).iloc[-1]
        jobs.append(
            {
                "rule": path.relative_to(folder).parts[0].removesuffix(".tsv"),
                "ended": path.stat().st_mtime,
                "seconds": last["s"],
                "memory_mb": last["max_rss"],
                "gpu_mb": _gpu_memory(Path(logs, path.relative_to(folder)).with_suffix(".log"))
                if logs
                else math.nan,
            }
        )
    if not jobs:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "longest", "memory_mb", "gpu_mb"])
    groups = pd.DataFrame(jobs).sort_values("ended").groupby("rule", sort=False)
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
