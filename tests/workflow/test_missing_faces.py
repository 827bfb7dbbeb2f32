"""Sketches nobody can detect, and the three ways out: a row by hand, Face++, the click page."""

import csv
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from support.click_page import ClickPage
from support.facepp_server import KEY, SECRET, face, found, serve

Image = tuple[str, ...]  # subset, id, modality


@pytest.fixture(scope="module")
def stuck(finished, tmp_path_factory):
    """A project whose merge has failed: MTCNN misses some sketches and no points are given."""
    project = finished.copied_to(tmp_path_factory.mktemp("stuck"))
    warped = {"local": {"losses": {"l1": 100, "local": 25}, "warp": "face"}}  # needs all points
    project.configure(landmarks={"manual": None, "mesh": False}, ablations=warped)
    done = run(project)
    assert done.returncode != 0
    return project, done.stdout


def tables(project) -> list[str]:
    with open(project.folder / "faces/pairs.tsv", encoding="utf-8") as file:
        subsets = {row["subset"] for row in csv.DictReader(file, delimiter="\t")}
    return [f"results/small/landmarks/{subset}.csv" for subset in sorted(subsets)]


def truth(project) -> dict[Image, np.ndarray]:
    """The points of the sketches that cannot be detected."""
    text = (project.folder / "faces/manual_landmarks.csv").read_text()
    _, *rows = csv.reader(text.splitlines())
    return {tuple(row[:3]): np.array(row[3:], float).reshape(5, 2) for row in rows}


def merged(project) -> dict[Image, Mapping[str, str]]:
    rows = {}
    for path in map(Path, tables(project)):
        with open(project.folder / path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows[path.stem, row["id"], row["modality"]] = row
    return rows


def check(project, points: Mapping[Image, np.ndarray], source: str) -> None:
    """The merge took these points for the missing images, and MTCNN's for all others."""
    rows = merged(project)
    assert {image for image, row in rows.items() if row["source"] == source} == set(points)
    assert {row["source"] for row in rows.values()} == {source, "mtcnn"}
    for image, expected in points.items():
        values = [float(value) for value in list(rows[image].values())[2:12]]
        np.testing.assert_allclose(np.reshape(values, (5, 2)), expected, atol=1e-3)


def run(project, *options: str, **variables: str) -> subprocess.CompletedProcess:
    """Run snakemake for the merged tables."""
    return project.snakemake(*tables(project), *options, **variables)


def printed_command(output: str) -> list[str]:
    """The command for the click page, as it is typed."""
    return shlex.split(re.search(r"make the page by `([^`]+)`", output)[1])


def test_the_error_names_every_image_and_all_ways_out(stuck):
    project, output = stuck
    missing = truth(project)
    assert missing
    for subset, name, modality in missing:
        assert f"no face with usable points found in the {modality} of {subset} {name}" in output
    assert "results/small/landmarks/annotate.html" in output
    assert "results/small/landmarks/missing.csv" in output


def test_rows_by_hand_are_a_way_out(stuck):
    project, _ = stuck
    project.configure(landmarks={"manual": "faces/manual_landmarks.csv"})
    done = run(project)
    assert done.returncode == 0, done.stdout
    check(project, truth(project), "manual")


def test_facepp_is_a_way_out_and_is_asked_once(stuck):
    project, _ = stuck
    points = truth(project)
    shape = np.round(next(iter(points.values())))
    with serve(found(face(shape.tolist()))) as requests:
        project.configure(
            landmarks={"manual": None, "facepp": {"enabled": True, "endpoint": requests.url}}
        )
        done = run(project)
        assert done.returncode != 0
        assert "does not set FACEPP_API_KEY and FACEPP_API_SECRET" in done.stdout
        keys = {"FACEPP_API_KEY": KEY, "FACEPP_API_SECRET": SECRET}
        done = run(project, **keys)
        assert done.returncode == 0, done.stdout
        check(project, dict.fromkeys(points, shape), "facepp")
        assert len(requests.asked) == len(points)
        again = run(project, "--forcerun", "facepp_landmarks", **keys)
        assert again.returncode == 0, again.stdout
        assert len(requests.asked) == len(points)
    for path in (project.folder / "results").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content, path
            assert SECRET.encode() not in content, path
    for path in (project.folder / ".snakemake").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in done.stdout + again.stdout


def test_the_click_page_is_a_way_out(stuck, browser, downloads):
    project, _ = stuck
    project.configure(landmarks={"manual": None, "facepp": {"enabled": False}})
    done = subprocess.run(
        printed_command(run(project).stdout),
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=project.environment(),
    )
    assert done.returncode == 0, done.stdout
    page = ClickPage(browser, project.results / "landmarks/annotate.html")
    clicked = {}
    for image, points in truth(project).items():
        assert page.text("title") == f"{image[0]} {image[1]}, {image[2]}"
        page.click(*points.tolist())
        clicked[image] = np.array(page.points(), float)
        np.testing.assert_allclose(clicked[image], points, atol=0.25)
        page.type("n")
    file = page.download(downloads)
    project.configure(landmarks={"manual": str(file)})
    done = run(project)
    assert done.returncode == 0, done.stdout
    check(project, clicked, "manual")


def test_nothing_is_asked_and_nothing_goes_stale_while_it_is_off(stuck):
    project, _ = stuck
    project.configure(landmarks={"manual": "faces/manual_landmarks.csv"})
    assert run(project).returncode == 0
    project.configure(
        landmarks={
            "manual": "faces/manual_landmarks.csv",
            "annotate": ["*/*/photo"],
            "facepp": {"enabled": False, "endpoint": "https://example.org/", "timeout": 3},
        }
    )
    stale = project.stale()
    assert stale["train:local"] == 1  # it is to be warped
    assert not {rule for rule in stale if rule.endswith("_landmarks") and rule != "show_landmarks"}
