"""Which rules alignment adds, what its jobs read, and faces that local networks do not fit."""

import re

import pandas as pd

from photosketch.landmarks.table import COORDINATES


def jobs(printed: str) -> set[str]:
    return set(re.findall(r"^(\w+) +\d+$", printed, re.MULTILINE))


def test_with_alignment_later_stages_read_aligned_pictures_and_points_and_nothing_else(unrun):
    unrun.configure(
        dataset={"align": "each"},
        ablations={"local": {"warp": "face"}},
        evaluation={"identity": False},
    )
    printed = unrun.snakemake("-n", "--verbose").stdout
    assert {"align_faces", "show_aligned", "warp_sketches"} <= jobs(printed), printed
    inputs = dict(re.findall(r"^rule (\w+):\n    input: (.*)$", printed, re.MULTILINE))
    inputs |= dict(re.findall(r"^localrule (\w+):\n    input: (.*)$", printed, re.MULTILINE))
    before = {"index_pairs", "detect_landmarks", "merge_landmarks", "show_landmarks", "align_faces"}
    for rule in (
        "parse_faces",
        "show_parsings",
        "warp_sketches",
        "show_warps",
        "pack_tensors",
        "extract_real_features",
        "evaluate",
        "compare",
    ):
        assert "results/small/align/pairs.tsv" in inputs[rule], rule
        assert "results/small/align/pencil.npz" in inputs[rule], rule
    for rule, files in inputs.items():
        if rule not in before:
            assert "small/pairs.tsv" not in files, rule
            assert "small/landmarks/" not in files, rule


def test_without_alignment_nothing_of_it_runs_and_a_size_that_is_too_small_is_refused(unrun):
    assert not jobs(unrun.snakemake("-n").stdout) & {"align_faces", "show_aligned"}
    unrun.configure(dataset={"align": "photo", "size": [100, 125]})
    done = unrun.snakemake("-n")
    assert done.returncode != 0
    assert "dataset.size: 100x125 pixels leave too little of a face" in done.stdout


def test_faces_of_half_the_size_stop_local_networks_and_are_a_warning_without_them(project):
    tables = sorted((project.results / "landmarks/detected").glob("*.csv"))
    for path in tables:
        table = pd.read_csv(path, dtype={"id": str})
        points = table[list(COORDINATES)]
        table[list(COORDINATES)] = points / 2 + [50, 60] * 5
        table.to_csv(path, index=False)
    merged = [f"results/small/landmarks/{path.name}" for path in tables]

    done = project.snakemake(*merged)
    assert done.returncode != 0
    assert "the eyes are 24 px apart instead of 40 to 62" in done.stdout
    assert re.search(r"^and \d+ more$", done.stdout, re.MULTILINE)
    assert "local networks of local, local_glad do not fit; set dataset.align" in done.stdout

    project.configure(ablations={"local": None, "local_glad": None})
    done = project.snakemake(*merged)
    assert done.returncode == 0, done.stdout
    assert "images have faces that are not where CUFS has them" in done.stdout
    log = (project.results / "logs/merge_landmarks.log").read_text()
    assert "the eyes are 24 px apart" in log
