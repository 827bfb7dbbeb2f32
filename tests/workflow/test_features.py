"""A feature network of one's own, through the workflow: on sketches that need no training."""

import csv
import hashlib
import os
import shutil

from photosketch.data.pairs import read_table
from support import small_onnx

RUN = "results/small/evaluation/theirs/seed0.csv"


def test_scores_are_of_the_network_in_the_file_and_of_the_next_one_in_its_place(project):
    for pair in read_table(project.folder / "faces/pairs.tsv"):
        sketch = project.folder / "faces" / pair["sketch"]
        copy = project.folder / "theirs" / pair["subset"] / (pair["id"] + sketch.suffix)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sketch, copy)
    network = small_onnx.write(project.folder / "mine.onnx", side=16)
    scale = {"size": 16, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    project.configure(
        methods={"theirs": "theirs"}, evaluation={"features": {"onnx": "mine.onnx", **scale}}
    )
    done = project.snakemake(RUN)
    assert done.returncode == 0, done.stdout
    rows = list(csv.DictReader(open(project.folder / RUN, encoding="utf-8")))
    name = f"mine (sha256 {hashlib.sha256(network.read_bytes()).hexdigest()[:8]})"
    remark = "features: comparable within this table, not with published FID"
    assert {(row["features"], row["note"]) for row in rows} == {(name, f"{name} {remark}")}
    assert all(abs(float(row["fid"])) < 1e-3 for row in rows)  # they are the true sketches
    assert "evaluate_method:theirs" not in project.stale()

    small_onnx.write(network, side=16, factor=2)
    os.utime(network, (0, 0))  # brought here by a copy that keeps times
    assert "evaluate_method:theirs" in project.stale()
