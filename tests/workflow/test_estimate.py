"""`make estimate` on a small run: what is left to do, and disk as the run really fills it."""

import json
import subprocess
import sys

import pytest
import yaml
from snakemake.utils import update_config

from photosketch.configuration.loading import without_dropped
from photosketch.data import pairs
from photosketch.estimate import expectations


def estimate(project) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "photosketch.estimate", str(project.overlay)],
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
    assert "time" not in done.stdout

    sweep = {"ablation": "local", "key": "losses.local", "values": [25, 5]}
    project.configure(seeds=[0, 1], sweeps={"weights": sweep})
    done = estimate(project)
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["jobs:", "17"] in lines
    for rule, number in (("train", "5"), ("infer", "5"), ("evaluate", "5"), ("compare", "1")):
        assert [rule, number] in lines
    assert "as past jobs of this run took" in done.stdout
    assert "last attempt alone" in done.stdout
    assert "not in it" not in done.stdout
    assert "memory of the largest job: 8.0 GB asked for (train)" in done.stdout

    project.configure(run="another")
    rows = [
        {"ablation": kind, "precision": "fp32", "taken": True, "images_per_second": speed}
        for kind, speed in (("baseline", 8), ("local", 4), ("local_glad", 4))
    ]
    bench = {"device": "CPU", "width": 2, "frame": 256, "rows": rows}
    (project.folder / "results/bench.json").write_text(json.dumps({"training": bench}))
    done = estimate(project)
    assert done.returncode == 0, done.stdout
    # of 8 pairs and two seeds: 3 epochs of baseline and of two points, 4 of local_glad
    assert "46 s of training at the speeds in results/bench.json" in done.stdout
    assert "not in it: index_pairs, " in done.stdout

    (project.folder / "results/bench.json").unlink()
    done = estimate(project)
    assert "time: not known" in done.stdout

    project.configure(seeds=[0, 1.0])
    done = estimate(project)
    assert done.returncode != 0
    assert "seeds.1: 1.0 is not allowed (write 1)" in done.stdout
    assert "jobs:" not in done.stdout


def test_the_disk_is_what_a_finished_run_has_filled(finished):
    config = yaml.safe_load((finished.folder / "config/config.yaml").read_text())
    update_config(config, yaml.safe_load(finished.overlay.read_text()))
    config = without_dropped(config)
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
    states = list(finished.results.glob("train/*/*/.state/*.bin"))
    assert len(states) == 6
    added = sum(path.stat().st_size for path in states) - disk["states for resuming"]
    assert 0 < added < 6 * 350_000
    for kind, pattern in (("samples", "samples/*/*/*.npz"), ("parsings", "parsing/**/*.npz")):
        assert 0 < filled(pattern) < disk[kind], kind
