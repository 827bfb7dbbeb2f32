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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

COPIED = ("Snakefile", "environment.yml", "config", "profiles", "resources", "workflow")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "cufs", "demo", "readme", "weights")
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

    def configure(self, **sections) -> None:
        """Change the overlay: each keyword is a section, merged key by key."""
        overlay = yaml.safe_load(self.overlay.read_text())
        for name, values in sections.items():
            merged = isinstance(values, dict) and isinstance(overlay.get(name), dict)
            overlay[name] = {**overlay[name], **values} if merged else values
        self.overlay.write_text(yaml.safe_dump(overlay, sort_keys=False))

    def snakemake(
        self, *arguments: str, cores: int = 2, overlays: Sequence[Path] = ()
    ) -> subprocess.CompletedProcess:
        """Run snakemake to its end, with further overlays; stdout and stderr together in
        `stdout`."""
        return subprocess.run(
            [*self.command(*arguments, cores=cores), *map(str, overlays)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.patience,
            env=self.environment(),
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
        # narrow networks gain nothing from a second thread
        run = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--max-threads", "1"]
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


def reduced_faces(folder: Path) -> None:
    """Demo faces of two subsets: four training and two test pairs each."""
    shutil.copytree(Path(__file__).parents[2] / "resources/demo", folder)
    table = folder / "pairs.tsv"
    head, *rows = table.read_text().splitlines()
    kept: list[str] = []
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        subset, _, split, *_ = row.split("\t")
        counts[subset, split] += 1
        if counts[subset, split] <= {"train": 4, "test": 2}[split]:
            kept.append(row)
    first_two = list(dict.fromkeys(row.split("\t")[0] for row in rows))[:2]
    kept = [row for row in kept if row.split("\t")[0] in first_two]
    table.write_text("\n".join([head, *kept]) + "\n")
    names = {tuple(row.split("\t")[:2]) for row in kept}
    manual = folder / "manual_landmarks.csv"
    head, *rows = manual.read_text().splitlines()
    rows = [row for row in rows if tuple(row.split(",")[:2]) in names]
    manual.write_text("\n".join([head, *rows]) + "\n")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory, root) -> Project:
    """A copy of the workflow with its faces, nothing run yet; not to be changed."""
    folder = tmp_path_factory.mktemp("fresh")
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy2(source, folder / name)
    reduced_faces(folder / "faces")
    project = Project(folder)
    project.overlay.write_text(yaml.safe_dump(OVERLAY, sort_keys=False))
    return project


@pytest.fixture(scope="session")
def finished(fresh, tmp_path_factory, worker_id) -> Project:
    """The workflow run to its end, once for all test processes; not to be changed."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    project = Project(shared / "finished")
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not project.folder.exists():
            shutil.copytree(fresh.folder, project.folder)
            done = project.snakemake()
            assert done.returncode == 0, done.stdout
    assert (project.results / "comparison/fid.csv").exists(), "the small run failed"
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished workflow, to be changed at will."""
    copy = Project(tmp_path / "project")
    shutil.copytree(finished.folder, copy.folder)
    return copy


@pytest.fixture
def unrun(fresh, tmp_path) -> Project:
    """A copy of the workflow in which nothing has run, to be changed at will."""
    copy = Project(tmp_path / "project")
    shutil.copytree(fresh.folder, copy.folder)
    return copy


PARSED = tuple(f"results/small/parsing/machine/{name}.npz" for name in ("pencil", "charcoal"))


def edit_while_running(project: Project) -> None:
    """Make the parsings stale, and have their first job edit a module that the next imports."""
    module = project.folder / "workflow/scripts/photosketch/parsing/grabcut.py"
    script = project.folder / "workflow/scripts/parse_faces.py"
    edit = f"open({str(module)!r}, 'a').write('# edited' + chr(10))"
    script.write_text(f"{script.read_text()}\n{edit}\n")
