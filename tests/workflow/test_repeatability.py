"""The same numbers every time: processes that differ in memory and threads find the same bits."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.drawn_pairs import on_disk
from support.faces.pair import draw_pair

ROOT = Path(__file__).parents[2]
# how many arrays of junk lie in memory first, and how many threads everything may use
PROCESSES = ((0, 1), (301, 2))
STAGES = (
    "points",
    "points in the file",
    "labels of photos",
    "labels of sketches",
    "displacements before rounding",
    "maps",
    "warped sketches",
    "scores of warps",
    "features",
    "distances",
    "scores of images",
)


def run_stages(table: Path, folder: Path, step: int = 1) -> list[dict[str, np.ndarray]]:
    """What processes of each kind find on every `step`-th pair of a table."""
    found = []
    for junk, threads in PROCESSES:
        out = folder / f"junk{junk}-threads{threads}.npz"
        counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        environment = {
            **os.environ,
            **counts,
            "OMP_WAIT_POLICY": "passive",  # other tests run beside this one
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "workflow/scripts", ROOT / "tests"))),
        }
        program = [sys.executable, ROOT / "tests/support/stages.py", table, out]
        arguments = [str(number) for number in (junk, threads, step)]
        done = subprocess.run(
            [*program, *arguments], env=environment, stderr=subprocess.PIPE, text=True, timeout=900
        )
        log = out.with_suffix(".log")
        assert done.returncode == 0, log.read_text() if log.exists() else done.stderr
        with np.load(out) as stored:
            found.append(dict(stored))
    return found


def assert_same(found: list[dict[str, np.ndarray]], stage: str) -> None:
    first, *others = (arrays[stage] for arrays in found)
    assert np.isfinite(first).any()
    for process, other in zip(PROCESSES[1:], others, strict=True):
        assert other.shape == first.shape
        gap = np.nanmax(np.abs(other.astype(np.float64) - first))
        same = hashlib.sha256(other.tobytes()).digest() == hashlib.sha256(first.tobytes()).digest()
        assert same, f"{stage}: off by up to {gap:.2g} with (junk, threads) = {process}"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    pairs = [draw_pair(seed, deformation=10) for seed in range(3)]
    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for pair in on_disk(folder, "pencil", "abc", pairs):
        split = "train" if pair.id == "a" else "test"
        lines.append("\t".join((pair.subset, pair.id, split, pair.photo, pair.sketch)))
    (folder / "pairs.tsv").write_text("\n".join(lines))
    return run_stages(folder / "pairs.tsv", folder)


@pytest.mark.parametrize("stage", STAGES)
def test_neither_memory_nor_threads_change_a_bit(drawn, stage):
    assert_same(drawn, stage)


@pytest.mark.slow
def test_neither_memory_nor_threads_change_a_bit_on_real_faces(cufs, tmp_path):
    found = run_stages(cufs / "pairs.tsv", tmp_path, step=8)  # 24: enough for recognition
    for stage in STAGES:
        assert_same(found, stage)
