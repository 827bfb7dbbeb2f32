"""A validation split chooses the epoch; other people's sketches and LPIPS in the same run."""

import os
from collections import Counter
from pathlib import Path

import pandas as pd
import torch
import torchvision
from PIL import Image

from photosketch.configuration.settings import LPIPS_FILES
from photosketch.data import pairs
from photosketch.jobs.disk import file_sha256
from photosketch.parsing.labels import read_parsings


def draw_theirs(project) -> None:
    """Somebody's sketches in the folder `theirs`: half of the photo, a JPEG, one frame, one more
    than asked for."""
    table = project.folder / "faces/pairs.tsv"
    test = [row for row in pairs.read_table(table) if row["split"] == "test"]
    for index, row in enumerate(test):
        path = project.folder / "theirs" / row["subset"] / f"{row['id']}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        sketch = Image.open(table.parent / row["photo"]).convert("L")
        if index == 0:
            sketch.save(path.with_suffix(".jpg"))
            sketch.save(path.parent / "extra.png")
        elif index == 1:
            frame = Image.new("L", (256, 256), 255)
            frame.paste(sketch, (28, 3))
            frame.save(path)
        else:
            sketch.save(path)


def random_lpips(folder: Path) -> None:
    """Weights of LPIPS in the published format, random."""
    folder.mkdir()
    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None, init_weights=False).features
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    linear = [torch.rand(1, channels, 1, 1) for channels in (64, 128, 256, 512, 512)]
    for name, weights in zip(LPIPS_FILES, (state, linear), strict=True):
        torch.save(weights, folder / name)


def test_others_sketches_and_lpips_are_in_the_tables_and_validation_pairs_choose_the_epoch(
    project,
):
    project.configure(evaluation={"chosen_by": "kid"})
    assert project.stale() == Counter()  # nothing is chosen without validation pairs
    draw_theirs(project)
    random_lpips(project.folder / "lpips")
    project.configure(
        dataset={"validation": 0.5},
        ablations={"local": None, "local_glad": None},
        evaluation={
            "chosen_by": "fid",
            "lpips": "lpips",
            "lpips_sha256": file_sha256(project.folder / "lpips" / LPIPS_FILES[0]),
        },
        methods={"theirs": "theirs"},
        landmarks={
            "manual": None,
            "mesh": False,
        },  # nothing here needs the points of the faint sketches
    )
    done = project.snakemake("compare", "show_landmarks")
    assert done.returncode == 0, done.stdout
    assert "the comparison is ready: results/small/comparison/index.html" in done.stdout
    check_unparsed(project)
    check_chosen_epoch(project)
    check_theirs(project)
    check_references(project)

    project.configure(evaluation={"chosen_by": "kid"})
    assert project.stale() == Counter({"compare": 1, "show_parsings": 2})
    done = project.snakemake("compare")
    assert done.returncode == 0, done.stdout
    validation = pooled(project.results / "validation/baseline/seed0.csv")
    test = pooled(project.results / "evaluation/baseline/seed0.csv")
    fid = pd.read_csv(project.results / "comparison/fid.csv").set_index("ablation")
    assert fid.loc["baseline", "all_chosen"] == test.loc[validation["kid"].idxmin(), "fid"]
    assert "lowest KID" in (project.results / "comparison/fid.md").read_text()

    replaced = project.folder / "lpips" / LPIPS_FILES[1]
    torch.save([weight / 2 for weight in torch.load(replaced)], replaced)
    os.utime(replaced, (0, 0))  # an older file: its content decides
    stale = project.stale()
    assert {rule.split(":")[0] for rule in stale} >= {
        "extract_real_features",
        "evaluate",
        "evaluate_method",
        "estimate_differences",
        "compare",
    }
    assert not {rule for rule in stale if rule.startswith(("train", "infer", "collect"))}


def pooled(path: Path) -> pd.DataFrame:
    """The scores of all subsets together, one row per epoch."""
    table = pd.read_csv(path)
    return table[table["subset"] == "all"].set_index("epoch")


def check_unparsed(project) -> None:
    """The sketches that have no points are named, and all else is there."""
    faint = (project.folder / "faces/manual_landmarks.csv").read_text().splitlines()[1:]
    assert faint
    log = (project.results / "logs/merge_landmarks.log").read_text()
    for subset, id, _ in (row.split(",")[:3] for row in faint):
        assert f"{subset} {id}" in log
        parsings = read_parsings(project.results / f"parsing/{subset}.npz")
        assert parsings.unparsed == (id,)
        assert all(labels.any() for labels in parsings.photo)
    sources = pd.read_csv(project.results / "landmarks/review/sources.csv")
    assert sources["without_points"].sum() == len(faint)


def check_chosen_epoch(project) -> None:
    comparison = project.results / "comparison"
    validation = pooled(project.results / "validation/baseline/seed0.csv")
    test = pooled(project.results / "evaluation/baseline/seed0.csv")
    fid = pd.read_csv(comparison / "fid.csv").set_index("ablation")
    assert fid.loc["baseline", "all_chosen"] == test.loc[validation["fid"].idxmin(), "fid"]
    assert (comparison / "validation_curves.png").is_file()
    page = (comparison / "index.html").read_text()
    assert 'alt="validation curves"' in page
    chosen = page[page.index("Test scores at the epoch chosen") :]
    assert "photo in gray" in chosen[: chosen.index("</table>")]


def check_theirs(project) -> None:
    comparison = project.results / "comparison"
    fid = pd.read_csv(comparison / "fid.csv").set_index("ablation")
    assert list(fid.index) == ["baseline", "theirs"]
    scores = pooled(project.results / "evaluation/theirs/seed0.csv")
    assert fid.loc["theirs", "all"] == fid.loc["theirs", "all_last"] == scores.loc[0, "fid"]
    # but for one JPEG they are the photos in gray, which lie among the reference points
    references = pd.read_csv(project.results / "evaluation/reference_points.csv")
    gray = references[references["name"] == "photo in gray"].set_index("subset")
    assert abs(scores.loc[0, "ssim"] - gray.loc["all", "ssim"]) < 0.02
    differences = pd.read_csv(comparison / "differences.csv")
    assert set(differences["ablation"]) == {"theirs"}
    assert set(differences["seeds"]) == {0}
    assert set(differences["role"]) == {"descriptive"}
    assert set(differences["metric"]) == {
        *("fid", "kid", "ssim", "fsim", "scoot", "lpips", "seam", "structure")
    }
    page = (comparison / "index.html").read_text()
    assert '"methods":["baseline","theirs"]' in page
    for note in ("images are JPEG", "cut to their centre", "extra.png: left out"):
        assert note in page
        assert note in (comparison / "fid.md").read_text()


def check_references(project) -> None:
    references = pd.read_csv(project.results / "evaluation/reference_points.csv")
    others, gray = (
        references[references["name"] == name].set_index("subset")
        for name in ("other people's real sketches", "photo in gray")
    )
    assert (gray["lpips"] > 0).all()
    assert gray.loc["all", "kid_low"] < gray.loc["all", "kid"] < gray.loc["all", "kid_high"]
    # two test people a subset: halves of two in all subsets together alone
    assert list(others.index) == ["all"]
    assert others.loc["all", "fid_other"] > 0
    assert others[["fid", "kid", "kid_low", "ssim"]].isna().all(axis=None)
    fid = pd.read_csv(project.results / "comparison/fid.csv").set_index("ablation")
    assert (fid["all_other"] > 0).all()
    assert (
        fid[[f"{subset}_other" for subset in gray.index if subset != "all"]].isna().all(axis=None)
    )
    written = (project.results / "comparison/fid.md").read_text()
    assert written.count("| other people's real sketches") == 2  # FID, other people; all metrics
