"""A copy of the workflow with a small finished run, for tests that rerun, kill and edit it."""

import csv
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
import yaml

from support.snakemake_server import run_snakemake

COPIED = ("Snakefile", "environment.yml", "config", "profiles", "resources", "workflow")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "cufs", "demo", "readme", "*.onnx", "*.pth")
OVERLAY = {
    "run": "small",
    "device": "cpu",
    "dataset": {"pairs": "faces/pairs.tsv"},
    "landmarks": {"manual": "faces/manual_landmarks.csv"},
    "train": {"epochs": 3, "ngf": 2, "ndf": 2, "strip_every": 0, "state_minutes": 0},
    "ablations": {"glad": None, "local_glad": {"epochs": 4}},
    "evaluation": {
        "epochs": {"start": 1, "stop": 3, "step": 2},
        "features": "efficientnet-lite0",
    },
}


@dataclass(frozen=True)
class Project:
    """A working copy of the workflow in `folder`, with an overlay configuration."""

    folder: Path
    patience: ClassVar[int] = 900  # seconds that a run may take

    @property
    def overlay(self) -> Path:
        return self.folder / "overlay.yaml"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "small"

    def copied_to(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder / "project")
        return Project(folder / "project")

    def configure(self, **sections) -> None:
        """Change the overlay: each keyword is a section, merged key by key."""
        overlay = yaml.safe_load(self.overlay.read_text())
        for name, values in sections.items():
            merged = isinstance(values, dict) and isinstance(overlay.get(name), dict)
            overlay[name] = {**overlay[name], **values} if merged else values
        self.overlay.write_text(yaml.safe_dump(overlay, sort_keys=False))

    def snakemake(
        self, *arguments: str, cores: int = 2, overlays: Sequence[Path] = (), **environment: str
    ) -> subprocess.CompletedProcess:
        """Run snakemake to its end, with further overlays; stdout and stderr together in
        `stdout`."""
        arguments = [*self.command(*arguments, cores=cores), *map(str, overlays)]
        return run_snakemake(
            arguments[3:], self.folder, {**self.environment(), **environment}, self.patience
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Start snakemake; what it prints goes to the file `printed`."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=open(self.folder / "printed", "w"),
            stderr=subprocess.STDOUT,
            env={**self.environment(), **environment},
            # who started the tests in the background has Ctrl-C ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def printed(self) -> str:
        """What the run that was started last has printed so far."""
        return (self.folder / "printed").read_text()

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        run = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        return [*run, *arguments, "--configfile", str(self.overlay)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "OMP_NUM_THREADS": "1"}

    def stale(self) -> Counter[str]:
        """Jobs that a run would do, counted by `rule` or `rule:ablation`; empty: all up to date."""
        done = self.snakemake("--summary")
        assert done.returncode == 0, done.stdout
        lines = done.stdout.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("output_file\t"))
        table = csv.DictReader(lines[start:], delimiter="\t")
        pending = set()  # one entry a job: its rule, log, and the training run it belongs to
        for row in table:
            if row["plan"] == "update pending":
                run = re.search(
                    r"/(?:train|samples|evaluation)/([\w-]+)/(seed\d+)", row["output_file"]
                )
                pending.add((row["rule"], row["log-file(s)"], run and run.groups()))
        jobs: Counter[str] = Counter()
        logged = {(rule, run) for rule, log, run in pending if log != "-"}
        for rule, log, run in pending:
            # an output that a job is to have now has no log, though the job has run before
            if log != "-" or (rule, run) not in logged:
                jobs[rule + (f":{run[0]}" if run else "")] += 1
        return jobs


def reduced_faces(demo: Path, folder: Path) -> None:
    """Demo faces of two subsets: four training and two test pairs each."""
    pairs = pd.read_csv(demo / "pairs.tsv", sep="\t", dtype=str)
    pairs = pairs[pairs["subset"].isin(pairs["subset"].unique()[:2])]
    place = pairs.groupby(["subset", "split"]).cumcount()
    pairs = pairs[place < pairs["split"].map({"train": 4, "test": 2})]
    for file in [*pairs["photo"], *pairs["sketch"]]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(demo / file, folder / file)
    pairs.to_csv(folder / "pairs.tsv", sep="\t", index=False)
    manual = pd.read_csv(demo / "manual_landmarks.csv", dtype=str)
    manual.merge(pairs[["subset", "id"]]).to_csv(folder / "manual_landmarks.csv", index=False)


@contextmanager
def once_for_all_processes(tmp_path_factory, worker_id, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that the test processes share, and whether this one is to fill it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / name, not (shared / name).exists()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory, worker_id, root) -> Project:
    """A copy of the workflow with its faces, nothing run yet; not to be changed."""
    with once_for_all_processes(tmp_path_factory, worker_id, "fresh") as (folder, empty):
        if empty:
            folder.mkdir()
            for name in COPIED:
                if (root / name).is_dir():
                    shutil.copytree(root / name, folder / name, ignore=NOT_COPIED)
                else:
                    shutil.copy2(root / name, folder / name)
            reduced_faces(root / "resources/demo", folder / "faces")
            Project(folder).overlay.write_text(yaml.safe_dump(OVERLAY, sort_keys=False))
    return Project(folder)


@pytest.fixture(scope="session")
def finished(fresh, tmp_path_factory, worker_id) -> Project:
    """The workflow run to its end; not to be changed."""
    with once_for_all_processes(tmp_path_factory, worker_id, "finished") as (folder, empty):
        project = Project(folder)
        if empty:
            shutil.copytree(fresh.folder, folder)
            done = project.snakemake()
            assert done.returncode == 0, done.stdout
    assert (project.results / "comparison/fid.csv").exists(), "the small run failed"
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished workflow, to be changed at will."""
    return finished.copied_to(tmp_path)


@pytest.fixture
def unrun(fresh, tmp_path) -> Project:
    """A copy of the workflow in which nothing has run, to be changed at will."""
    return fresh.copied_to(tmp_path)


PARSED = tuple(f"results/small/parsing/machine/{name}.npz" for name in ("pencil", "charcoal"))


def edit_while_running(project: Project) -> None:
    """Make the parsings stale, and have their first job edit a module that the next imports."""
    module = project.folder / "workflow/scripts/photosketch/parsing/segmentation.py"
    script = project.folder / "workflow/scripts/parse_faces.py"
    edit = f"open({str(module)!r}, 'a').write('# edited' + chr(10))"
    script.write_text(f"{script.read_text()}\n{edit}\n")
