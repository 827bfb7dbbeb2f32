"""What a run has cost, from the benchmark files that its rules leave."""

from pathlib import Path

import pandas as pd


def read_benchmarks(folder: str | Path) -> pd.DataFrame:
    """A row per rule: rule, jobs, seconds (in all), longest (job, seconds), memory_mb (peak).

    `folder` holds {rule}.tsv or {rule}/**/*.tsv, as Snakemake writes them; memory is missing where
    a job was too short to be measured. Rows come in the order in which the rules began to end.
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
            }
        )
    if not found:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "longest", "memory_mb"])
    groups = pd.DataFrame(found).sort_values("ended").groupby("rule", sort=False)
    return groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory_mb=("memory_mb", "max"),
    ).reset_index()
