"""What a run has cost, from the benchmark files of its rules."""

import math
import re
from pathlib import Path

import pandas as pd

from photosketch.comparison.tables import Table
from photosketch.data.storage import intact


def read_benchmarks(folder: str | Path, logs: str | Path | None = None) -> pd.DataFrame:
    """One row per rule: rule, jobs, seconds (in all), longest (job, seconds), memory_mb and gpu_mb
    (peaks).

    `folder` holds {rule}.tsv or {rule}/**/*.tsv, as Snakemake writes them; memory is missing where
    a job was too short to be measured. A job that was interrupted and went on has its last attempt
    alone there. The logs of the same names below `logs` tell the memory of jobs that used a GPU.
    Rows come in the order in which the rules began to end.
    """
    jobs = []
    for path in Path(folder).rglob("*.tsv"):
        with intact(path, "the next job of its rule"):
            table = pd.read_csv(path, sep="\t", na_values="-")
            seconds, memory = table[["s", "max_rss"]].astype(float).iloc[-1]
        name = path.relative_to(folder).with_suffix("")
        gpu = _gpu_memory(Path(logs, f"{name}.log")) if logs else math.nan
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


def _gpu_memory(log: Path) -> float:
    """Peak in MB that `job.job` wrote into a log; missing if it did not."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    line = re.search(r"^peak GPU memory: (\d+) MB$", text, re.MULTILINE)
    return float(line[1]) if line else math.nan


def cost_table(costs: pd.DataFrame) -> Table:
    """Time and memory of every stage, from `read_benchmarks`."""
    on_gpu = costs["gpu_mb"].notna().any()
    head = ["stage", "jobs", "minutes in all", "longest job, minutes", "peak memory, GB"]
    rows = [
        [
            row["rule"],
            str(row["jobs"]),
            *(f"{row[name] / 60:.1f}" for name in ("seconds", "longest")),
            *(
                "–" if math.isnan(row[name]) else f"{row[name] / 1000:.1f}"
                for name in ("memory_mb", *(["gpu_mb"] if on_gpu else []))
            ),
        ]
        for _, row in costs.iterrows()
    ]
    gpu = "GPU memory: the peak of tensors." if on_gpu else "The logs tell of no GPU memory."
    return Table(
        "Cost",
        [*head, "peak GPU memory, GB"] if on_gpu else head,
        rows,
        [f"Wall time and main memory of the last run of each job. {gpu}"],
    )
