"""The time and memory of a run, from the benchmark files of its rules."""

import math
import re
from pathlib import Path

import pandas as pd

from photosketch.comparison.tables import Table
from photosketch.data.storage import intact


def read_benchmarks(folder: str | Path, logs: str | Path | None = None) -> pd.DataFrame:
    """One row per rule, in the order in which their first jobs ended: rule, jobs, seconds (in all),
    longest (job, seconds), memory_mb (peak; missing if a job was too short), gpu_mb (peak).

    `folder` has {rule}.tsv or {rule}/**/*.tsv, as Snakemake writes them; GPU memory is in the logs
    of the same names below `logs`. Of an interrupted job only the last attempt counts.
    """
    jobs = []
    for path in Path(folder).rglob("*.tsv"):
        with intact(path, "the next job of its rule"):
            table = pd.read_csv(path, sep="\t", na_values="-")
            seconds, memory = table[["s", "max_rss"]].astype(float).iloc[-1]
        name = path.relative_to(folder).with_suffix("")
        gpu = math.nan
        if logs and (log := Path(logs, f"{name}.log")).is_file():
            text = log.read_text(encoding="utf-8", errors="replace")
            if line := re.search(r"^peak GPU memory: (\d+) MB$", text, re.MULTILINE):
                gpu = float(line[1])
        jobs.append((name.parts[0], path.stat().st_mtime, seconds, memory, gpu))
    columns = ["rule", "ended", "seconds", "memory_mb", "gpu_mb"]
    groups = pd.DataFrame(jobs, columns=columns).sort_values("ended").groupby("rule", sort=False)
    return groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory_mb=("memory_mb", "max"),
        gpu_mb=("gpu_mb", "max"),
    ).reset_index()


def cost_table(costs: pd.DataFrame) -> Table:
    """Time and memory of every stage, from `read_benchmarks`."""
    columns = {
        "stage": costs["rule"],
        "jobs": costs["jobs"].map(str),
        "minutes in all": (costs["seconds"] / 60).map("{:.1f}".format),
        "longest job, minutes": (costs["longest"] / 60).map("{:.1f}".format),
        "peak memory, GB": (costs["memory_mb"] / 1000).map("{:.1f}".format),
    }
    gpu = "The logs name no GPU memory."
    if costs["gpu_mb"].notna().any():
        columns["peak GPU memory, GB"] = (costs["gpu_mb"] / 1000).map("{:.1f}".format)
        gpu = "GPU memory: the peak of tensors."
    rows = pd.DataFrame(columns).replace("nan", "–").to_numpy().tolist()
    remark = f"Wall time and main memory of the last run of each job. {gpu}"
    return Table("Cost", list(columns), rows, [remark])
