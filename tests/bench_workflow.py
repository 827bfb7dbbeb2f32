"""The time that Snakemake itself needs for many ablations: a dry run, and a run with nothing to do.

The results are empty files that Snakemake takes as up to date, so only the reading of configuration
and provenance is timed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

import bench_common

ROOT = Path(__file__).parents[1]
COPIED = ("Snakefile", "config", "environment.yml", "profiles", "workflow")


def overlay(ablations: int, seeds: int) -> dict[str, object]:
    """The full experiment with many weights of the gradient loss."""
    names = {
        f"glad_{weight:03d}": {"losses": {"l1": 100, "glad": weight}}
        for weight in range(1, ablations)
    }
    return {
        "run": "many",
        "dataset": {"pairs": str(ROOT / "resources/demo/pairs.tsv")},
        "landmarks": {"manual": str(ROOT / "resources/demo/manual_landmarks.csv")},
        "seeds": list(range(seeds)),
        "ablations": {"glad": None, "local": None, "local_glad": None, **names},
        "evaluation": {"features": "efficientnet-lite0"},
    }


def run(folder: Path, *arguments: str) -> tuple[float, str]:
    """The seconds of a call of snakemake, and its output."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "many.yaml"]
    seconds, done = bench_common.timed(
        lambda: subprocess.run(command, cwd=folder, capture_output=True, text=True)
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds, done.stdout + done.stderr


def pretend_all_is_done(folder: Path) -> int:
    """Make every output an empty file that Snakemake takes as up to date; the number of files."""
    _, summary = run(folder, "--summary")
    lines = summary.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("output_file\t"))
    files = [line.split("\t")[0] for line in lines[start + 1 :] if "\t" in line]
    for file in (folder / name for name in files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    run(folder, "--cores", "1", "--touch", "--quiet")
    return len(files)


def main(ablations: int = 100, seeds: int = 5) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        (folder / "many.yaml").write_text(yaml.safe_dump(overlay(ablations, seeds)))
        dry_run, _ = run(folder, "--cores", "1", "--dry-run", "--quiet")
        files = pretend_all_is_done(folder)
        nothing, said = run(folder, "--cores", "1")
        if "Nothing to be done" not in said:
            raise RuntimeError(f"the run did something:\n{said[-2000:]}")
        done_dry_run, _ = run(folder, "--cores", "1", "--dry-run", "--quiet")
    print(f"{ablations} ablations x {seeds} seeds, {files} files")
    print(f"dry run before anything is there  {dry_run:5.1f} s   (to stay below 8)")
    print(f"dry run when all is done          {done_dry_run:5.1f} s")
    print(f"run that finds nothing to do      {nothing:5.1f} s   (to stay below 15)")
    return {"dry_run_s": dry_run, "done_dry_run_s": done_dry_run, "nothing_to_do_s": nothing}


if __name__ == "__main__":
    bench_common.start(main)
