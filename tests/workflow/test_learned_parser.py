"""Parsing by a learned network, here one that finds no face anywhere."""

import hashlib
import shutil

import numpy as np

from support import small_parser


def test_images_without_a_face_stop_the_run_or_fall_back_and_are_named(project):
    weights = small_parser.write(project.folder / "blind.onnx", blind=True)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    project.configure(parsing={"backend": "onnx", "weights": "blind.onnx"})
    subset = small_subset(project)
    parsing, warp = (project.results / f"{name}/{subset}.npz" for name in ("parsing", "warp/face"))
    target = str(warp.relative_to(project.folder))
    shutil.rmtree(project.results / "parsing")

    unpublished = project.snakemake(target)
    assert unpublished.returncode != 0
    assert f"set parsing.weights_sha256 to {digest}" in unpublished.stdout

    project.configure(parsing={"weights_sha256": digest})
    stopped = project.snakemake(target)
    assert stopped.returncode != 0
    refused = project.results / f"logs/merge_parsings/{subset}.log"
    assert refused.read_text().count("the network finds no face in") == 6  # the photos
    assert "parsing.fallback" in stopped.stdout
    assert not parsing.exists()

    project.configure(parsing={"fallback": True})
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout
    log = project.results / f"logs/parse_faces/{subset}.log"
    for text in (done.stdout, log.read_text()):
        assert text.count("parsed by segmentation") == 12
    with np.load(parsing) as stored:
        assert len(stored["fallback"]) == 12
        assert all((stored[modality] > 0).mean() > 0.2 for modality in ("photo", "sketch"))
    assert warp.exists()


def test_the_published_network_is_fetched_only_where_it_is_used(unrun):
    target = f"results/small/parsing/{small_subset(unrun)}.npz"
    assert "rule fetch_weights" not in unrun.snakemake("-n", target).stdout
    unrun.configure(parsing={"backend": "onnx", "model": "resnet34"})
    planned = unrun.snakemake("-n", target)
    assert planned.returncode == 0, planned.stdout
    assert "resources/weights/resnet34.onnx" in planned.stdout


def small_subset(project) -> str:
    """The first subset of the project's faces."""
    return (project.folder / "faces/pairs.tsv").read_text().splitlines()[1].split("\t")[0]
