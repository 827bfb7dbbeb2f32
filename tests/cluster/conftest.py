"""A SLURM of two nodes for the session, and the small run brought to its table without it."""

import dataclasses
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from support.slurm import Cluster
from support.small_run import Project, fresh

__all__ = ["fresh"]

# without an accounting service, and in the hurry of a test
QUERIES = (
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "3"),
)
# notes what Snakemake asks sbatch for: a file for each call, as calls come at the same time
RECORDING_SBATCH = """\
#!/bin/sh
printf '%s\\0' "$@" > "$SBATCH_CALLS/$(date +%s%N)-$$"
exec {sbatch} "$@"
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes with four processors and one GPU each, as far as SLURM knows."""
    assert shutil.which("slurmctld"), "no SLURM here: make test-cluster installs it"
    # not in pytest's own folder, which munged refuses: others may not look into it
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        started = Cluster(Path(folder))
        try:
            started.start()
            yield started
        finally:
            started.stop()


@dataclasses.dataclass(frozen=True)
class ClusterProject(Project):
    """A working copy of the workflow whose runs go to the cluster."""

    cluster: Cluster
    patience: ClassVar[int] = 600  # of all cases together the Makefile has some more

    @property
    def calls_folder(self) -> Path:
        return self.folder / "sbatch-calls"

    def environment(self) -> dict[str, str]:
        commands = self.folder / "commands"
        commands.mkdir(exist_ok=True)
        self.calls_folder.mkdir(exist_ok=True)
        shim = commands / "sbatch"
        shim.write_text(RECORDING_SBATCH.format(sbatch=shlex.quote(shutil.which("sbatch") or "")))
        shim.chmod(0o755)
        return {
            **super().environment(),
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "SBATCH_CALLS": str(self.calls_folder),
        }

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        """As a user gives it, but for how the status is asked for."""
        base = super().command(*arguments, cores=cores)
        at = base.index("--cores")
        # one thread a job, as in the local run, whose numbers the cluster has to give
        base[at : at + 2] = ["--workflow-profile", "profiles/slurm", "--max-threads", "1", *QUERIES]
        return base

    def sbatch_calls(self) -> list[list[str]]:
        """The arguments of every sbatch so far, oldest first."""
        calls = sorted(self.calls_folder.iterdir())
        return [call.read_text().removesuffix("\0").split("\0") for call in calls]


@pytest.fixture(scope="session")
def local_run(fresh, tmp_path_factory) -> Project:
    """One ablation with three seeds, run to the table on this machine alone."""
    project = fresh.copied_to(tmp_path_factory.mktemp("local"))
    project.configure(
        train={"epochs": 1},
        seeds=[0, 1, 2],
        ablations=dict.fromkeys(("glad", "local", "local_glad")),
        evaluation={"epochs": {"start": 1, "stop": 1, "step": 1}},
    )
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def on_cluster(cluster, fresh, local_run, tmp_path) -> ClusterProject:
    """A copy in which nothing has run."""
    project = ClusterProject(fresh.copied_to(tmp_path).folder, cluster)
    shutil.copy2(local_run.overlay, project.overlay)
    return project


@pytest.fixture
def prepared(cluster, local_run, tmp_path) -> ClusterProject:
    """A copy whose tensors are there, with a longer training of one ablation ahead."""
    project = ClusterProject(local_run.copied_to(tmp_path).folder, cluster)
    shutil.rmtree(project.results / "train")
    project.configure(train={"epochs": 100})
    return project
