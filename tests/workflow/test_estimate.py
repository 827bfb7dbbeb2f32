"""`make estimate` on a small run: what is left to do, and disk as the run really fills it."""

import subprocess
import sys

import pytest

from photosketch.configuration.loading import load_overlays
from photosketch.data import pairs
from photosketch.estimate import expectations


def estimate(project) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "photosketch.estimate", "--configfile", str(project.overlay)],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**project.environment(), "PYTHONPATH": "workflow/scripts"},
    )


def test_jobs_left_to_do_are_counted_and_mistakes_are_no_empty_plan(project):
    done = estimate(project)
    assert done.returncode == 0, done.stdout
    assert "jobs: 0, nothing to do\n" in done.stdout
    assert "time:" not in done.stdout
    assert "trainings of earlier values: 0.0 GB (make clean-replaced RUN=small" in done.stdout

    sweep = {"ablation": "local", "key": "losses.local", "values": [25, 5]}
    project.configure(seeds=[0, 1], sweeps={"weights": sweep})
    done = estimate(project)
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["jobs:", "17"] in lines
    for rule, number in (("train", "5"), ("infer", "5"), ("evaluate", "5"), ("compare", "1")):
        assert [rule, number] in lines
    assert "by past jobs of this run" in done.stdout
    assert "only the last attempt counts" in done.stdout
    assert "not included" not in done.stdout
    assert "memory of the largest job: 8.0 GB requested (train)" in done.stdout

    project.configure(run="another")
    done = estimate(project)
    assert done.returncode == 0, done.stdout
    assert "of parse_faces, train, infer, by what was timed on this machine" in done.stdout
    assert "seconds for an image (CPU, " in done.stdout
    assert "train.precision: bf16 would " in done.stdout
    assert "not included: index_pairs, " in done.stdout

    project.configure(seeds=[0, 1.0])
    done = estimate(project)
    assert done.returncode != 0
    assert "seeds.1: 1.0 is not allowed (write 1)" in done.stdout
    assert "jobs:" not in done.stdout


def test_the_disk_is_what_a_finished_run_has_filled(finished):
    config = load_overlays([finished.overlay])
    disk = expectations.expected_bytes(
        config, pairs.read_table(finished.folder / config["dataset"]["pairs"])
    )

    def filled(*patterns: str) -> int:
        return sum(p.stat().st_size for pattern in patterns for p in finished.results.glob(pattern))

    expected = {
        "generators": filled("train/*/*/*.safetensors"),
        "features": filled("evaluation/*/*_features.npz", "evaluation/*_features.npz"),
        "tensors": filled("tensors/*.npz"),
        "warps": 0,
    }
    for kind, size in expected.items():
        assert disk[kind] == pytest.approx(size, rel=0.1), kind
    # torch adds some 300 bytes to each of up to 1,147 tensors: much in networks as narrow as these
    states = list(finished.results.glob("train/*/*/.state/*/*.bin"))
    assert len(states) == 6
    added = sum(path.stat().st_size for path in states) - disk["states for resuming"]
    assert 0 < added < 6 * 350_000
    for kind, pattern in (("samples", "samples/*/*/*.npz"), ("parsings", "parsing/**/*.npz")):
        assert 0 < filled(pattern) < disk[kind], kind
