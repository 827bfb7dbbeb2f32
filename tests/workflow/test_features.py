"""A feature network of one's own, through the workflow."""

import csv
import hashlib
import os

from support import small_onnx

RUN = "results/small/evaluation/baseline/seed0.csv"


def test_scores_are_of_the_network_in_the_file_and_of_the_next_one_in_its_place(project):
    network = small_onnx.write(project.folder / "mine.onnx", side=16)
    scale = {"size": 16, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    project.configure(evaluation={"features": {"onnx": "mine.onnx", **scale}})
    done = project.snakemake(RUN)
    assert done.returncode == 0, done.stdout
    rows = list(csv.DictReader(open(project.folder / RUN, encoding="utf-8")))
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    name = f"mine (sha256 {digest[:8]})"
    assert {row["features"] for row in rows} == {name}
    remark = "features: comparable within this table, not with published FID"
    assert {row["note"] for row in rows} == {f"{name} {remark}"}
    assert "evaluate:baseline" not in project.stale()

    small_onnx.write(network, side=16, factor=2)
    os.utime(network, (0, 0))  # brought here by a copy that keeps times
    assert "evaluate:baseline" in project.stale()
