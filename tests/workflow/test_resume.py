"""A killed training job goes on from its last state; a changed weight is another training."""

import os
import re
import shutil
import signal

import pytest

from support.waiting import wait_for

LONG = {"epochs": 16, "ngf": 2, "ndf": 2, "strip_every": 0, "state_minutes": 0}
ONLY_BASELINE = {"local": None, "local_glad": None}
TARGET = "results/small/train/baseline/seed0/generator_epoch16.safetensors"
LOG = "results/small/train/baseline/seed0/train_log.csv"


@pytest.fixture
def prepared(project):
    """The small run up to the tensors, with a longer training of one ablation ahead."""
    project.configure(
        train=LONG,
        ablations=ONLY_BASELINE,
        evaluation={"epochs": {"start": 2, "stop": 16, "step": 14}},
    )
    return project


def training_processes(folder) -> list[int]:
    """Processes that run this project's train.py."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            arguments = open(f"/proc/{entry}/cmdline", "rb").read().decode().split("\0")
            working = os.readlink(f"/proc/{entry}/cwd")
        except OSError:
            continue
        script = any(re.search(r"\.snakemake/scripts/.*train\.py$", word) for word in arguments)
        if script and "python" in arguments[0] and working == str(folder):
            found.append(int(entry))
    return found


def stop_after_first_due_epoch(
    project, sent: int, *, to_all: bool = False, **environment
) -> list[str]:
    """Start the run, end the training job once epoch 2 is behind it, and wait for the run's end.

    The signal goes to the training alone, or `to_all`: to Snakemake as well. Gives the names of the
    programs that were the parents of the training's processes.
    """
    state = project.results / "train/baseline/seed0/.state"
    shutil.rmtree(state)
    run = project.start(TARGET, **environment)

    def due():
        return list(state.glob("*/generator_epoch2.safetensors"))

    wait_for("second epoch", 120, due, run, project.printed)
    jobs = training_processes(project.folder)
    assert jobs
    parents = [parent_of(job) for job in jobs]
    if to_all:
        run.send_signal(sent)
    for job in jobs:
        os.kill(job, sent)
    assert run.wait(60) != 0
    assert not (project.folder / TARGET).exists()
    assert list(state.glob("*/state-*"))
    return parents


def parent_of(process: int) -> str:
    """The name of the program that started the process."""
    status = open(f"/proc/{process}/status").read()
    (parent,) = re.findall(r"^PPid:\s+(\d+)$", status, re.MULTILINE)
    return open(f"/proc/{parent}/comm").read().strip()


def generators(project) -> list[bytes]:
    folder = project.results / "train/baseline/seed0"
    return [(folder / f"generator_epoch{epoch}.safetensors").read_bytes() for epoch in (2, 16)]


def test_a_stopped_training_goes_on_and_ends_like_an_undisturbed_one(prepared, tmp_path):
    """Told to stop, with another weight: the next starts afresh. Killed: the next goes on."""
    log = prepared.results / "logs/train/baseline/seed0.log"
    older = tmp_path / "bin" / "bash"  # stays until its last command has ended, as bash 4 does
    older.parent.mkdir()
    older.write_text(f'#!/bin/sh\nexec {shutil.which("bash")} "$1" "$2\n:"\n')
    older.chmod(0o755)
    path = f"{older.parent}{os.pathsep}{os.environ['PATH']}"
    prepared.configure(ablations={**ONLY_BASELINE, "baseline": {"losses": {"l1": 90}}})
    parents = stop_after_first_due_epoch(prepared, signal.SIGTERM, PATH=path)
    assert "bash" not in parents
    assert "told to stop after" in log.read_text()

    prepared.configure(ablations={**ONLY_BASELINE, "baseline": {"losses": {"l1": 100}}})
    done = prepared.snakemake(TARGET)
    assert done.returncode == 0, done.stdout
    assert "the training with losses.l1 90 (" in log.read_text()
    at_start, _ = done.stdout.split("Execute 1 jobs", 1)
    assert "baseline, seed 0: the training with losses.l1 90 (" in at_start
    assert "epoch 1:" in log.read_text()
    undisturbed = generators(prepared), (prepared.folder / LOG).read_text()

    (prepared.folder / TARGET).unlink()
    stop_after_first_due_epoch(prepared, signal.SIGKILL)
    done = prepared.snakemake(TARGET)
    assert done.returncode == 0, done.stdout
    assert re.search(r"resuming after epoch \d+", log.read_text())
    assert "epoch 1:" not in log.read_text()
    assert (generators(prepared), (prepared.folder / LOG).read_text()) == undisturbed


@pytest.mark.parametrize(
    ("sent", "name"),
    # a terminal sends Ctrl-C to all, and a machine that shuts down SIGTERM
    [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")],
)
def test_a_stop_saves_with_one_line(prepared, sent, name):
    stop_after_first_due_epoch(prepared, sent, to_all=True)
    printed = prepared.printed()
    assert printed.count("told to stop after") == 1
    assert "Traceback" not in printed
    last = f"stopped by {name}: run the same command again to continue"
    assert printed.splitlines()[-1] == last
    log = (prepared.results / "logs/train/baseline/seed0.log").read_text()
    assert "Traceback" not in log


def test_a_training_that_outlived_snakemake_gives_way_to_its_successor(prepared):
    state = prepared.results / "train/baseline/seed0/.state"
    shutil.rmtree(state)
    prepared.configure(train={**LONG, "epochs": 400})
    killed = prepared.start(TARGET)
    wait_for("saved state", 120, lambda: list(state.glob("*/state-*")), killed, prepared.printed)
    (orphan,) = training_processes(prepared.folder)
    killed.kill()
    killed.wait()

    prepared.configure(train={**LONG, "epochs": 60})
    assert prepared.snakemake("--unlock").returncode == 0
    done = prepared.snakemake(TARGET)
    assert done.returncode == 0, done.stdout
    assert f"in use by process {orphan} on" in done.stdout
    log = (prepared.results / "logs/train/baseline/seed0.log").read_text()
    assert re.search(r"resuming after epoch \d+", log)
    assert len((prepared.folder / LOG).read_text().splitlines()) == 61
    with pytest.raises(ProcessLookupError):
        os.kill(orphan, 0)
