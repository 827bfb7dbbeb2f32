"""A run from faces to the comparison, and what it leaves behind."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image


def table(path):
    return list(csv.DictReader(open(path, encoding="utf-8")))


def test_every_file_of_the_contract_is_there(finished):
    subsets = [row["subset"] for row in table_rows(finished)]
    subsets = list(dict.fromkeys(subsets))
    expected = ["pairs.tsv", "comparison/fid.csv", "comparison/fid.md", "comparison/index.html"]
    expected += ["comparison/fid_curves.png", "comparison/differences.csv"]
    expected += ["comparison/tables.tex", "evaluation/reference_points.csv"]
    for subset in subsets:
        expected += [f"landmarks/{subset}.csv", f"parsing/{subset}.npz"]
        expected += [f"comparison/grid_{subset}.png"]
    for ablation in ("baseline", "local", "local_glad"):
        expected += [f"evaluation/{ablation}/seed0.csv", f"train/{ablation}/seed0/train_log.csv"]
        for epoch in (1, 3):
            expected += [
                f"train/{ablation}/seed0/generator_epoch{epoch}.safetensors",
                f"samples/{ablation}/seed0/epoch{epoch}.npz",
            ]
    missing = [name for name in expected if not (finished.results / name).is_file()]
    assert missing == []


def table_rows(project):
    with open(project.results / "pairs.tsv", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_manifest_has_its_columns(finished):
    assert list(table_rows(finished)[0]) == [
        "subset",
        "id",
        "split",
        "photo",
        "sketch",
        "width",
        "height",
        "photo_sha256",
        "sketch_sha256",
    ]


def test_landmarks_name_their_source_and_manual_ones_are_those_of_the_file(finished):
    manual = table(finished.folder / "faces/manual_landmarks.csv")
    assert manual, "the demo has no sketch that nobody can detect"
    for row in manual:
        merged = table(finished.results / "landmarks" / f"{row['subset']}.csv")
        (found,) = [
            other
            for other in merged
            if (other["id"], other["modality"]) == (row["id"], row["modality"])
        ]
        assert found["source"] == "manual"
        for column in list(row)[3:]:
            assert float(found[column]) == pytest.approx(float(row[column]), abs=1e-3)


def test_faces_are_looked_for_before_features_are_computed(finished):
    """Both need the pairs alone; a person has to hear of missing points first."""
    (log,) = (finished.folder / ".snakemake/log").glob("*.snakemake.log")
    begun = [line for line in log.read_text().splitlines() if line.startswith("Job ")]
    order = [line.partition(": ")[2] for line in begun]
    features = order.index("Computing the features of the true sketches")
    assert sum(job.startswith("Detecting the landmarks") for job in order[:features]) == 2


def test_two_narrow_trainings_run_at_once_on_two_cores_without_a_gpu(finished):
    spans = []
    for path in finished.results.glob("benchmarks/train/*/seed0.tsv"):
        ended = path.stat().st_mtime
        spans.append((ended - pd.read_csv(path, sep="\t")["s"].iloc[-1], ended))
    (_, first_end), (second_start, _), _ = sorted(spans)
    assert second_start < first_end


def test_samples_have_the_input_size_and_differ_between_epochs_and_ablations(finished):
    drawn = {}
    for ablation in ("baseline", "local"):
        for epoch in (1, 3):
            with np.load(finished.results / f"samples/{ablation}/seed0/epoch{epoch}.npz") as file:
                assert file["sketches"].dtype == np.uint8
                assert file["sketches"].shape == (4, 250, 200)
                assert file["ids"].shape == file["subset"].shape == (4,)
                drawn[ablation, epoch] = file["sketches"]
    flat = [array.tobytes() for array in drawn.values()]
    assert len(set(flat)) == 4


def test_the_table_has_a_row_an_ablation_in_the_order_of_the_config(finished):
    fid = pd.read_csv(finished.results / "comparison/fid.csv")
    assert list(fid["ablation"]) == ["baseline", "local", "local_glad"]
    subsets = list(dict.fromkeys(row["subset"] for row in table_rows(finished)))
    for subset in [*subsets, "all"]:
        for column in (subset, f"{subset}_epoch_sd", f"{subset}_last"):
            assert np.isfinite(fid[column]).all()
        assert fid[f"{subset}_seed_sd"].isna().all()
        assert fid[f"{subset}_other"].notna().all() == (subset == "all")  # two people a subset
    scores = pd.read_csv(finished.results / "evaluation/local/seed0.csv")
    pooled = scores[scores["subset"] == "all"].set_index("epoch")["fid"]
    assert fid.set_index("ablation").loc["local", "all"] == pytest.approx(pooled.mean())
    assert fid.set_index("ablation").loc["local", "all_last"] == pytest.approx(pooled[3])


def test_differences_are_to_the_reference_and_with_one_seed_decide_no_method(finished):
    found = pd.read_csv(finished.results / "comparison/differences.csv")
    assert set(found["ablation"]) == {"local", "local_glad"}
    assert set(found["reference"]) == {"baseline"}
    assert set(found["metric"]) == {"fid", "kid", "ssim", "fsim", "scoot", "seam", "structure"}
    assert found["low"].isna().all()  # one seed: nothing is said of the methods
    assert set(found["verdict"]) == {"undecided"}
    distances = found["metric"].isin(["fid", "kid"]) & (found["subset"] != "all")
    assert (found["run_low"].isna() == distances).all()  # two test images a subset
    primary = found[found["role"] == "primary"]
    assert primary["ablation"].tolist() == ["local", "local_glad"]
    assert set(zip(primary["subset"], primary["metric"], strict=True)) == {("all", "fid")}
    assert set(primary["level"]) == {0.975}
    summary = pd.read_csv(finished.results / "comparison/fid.csv").set_index("ablation")["all"]
    pooled = found[(found["metric"] == "fid") & (found["subset"] == "all")].set_index("ablation")
    assert pooled.loc["local", "difference"] == pytest.approx(
        summary["local"] - summary["baseline"], rel=1e-6
    )


@pytest.mark.parametrize(("metric", "heading"), [("seam", "seam"), ("structure", "structure %")])
def test_metrics_of_single_sketches_are_in_the_tables_and_in_the_gallery(finished, metric, heading):
    images = pd.read_csv(finished.results / "evaluation/local/seed0_images.csv")
    assert (images[metric] > 0).all()
    scores = pd.read_csv(finished.results / "evaluation/local/seed0.csv")
    pooled = scores[scores["subset"] == "all"].set_index("epoch")[metric]
    assert pooled[3] == pytest.approx(images.loc[images["epoch"] == 3, metric].mean())
    table = (finished.results / "comparison/fid.md").read_text()
    assert re.search(rf"\| +{heading} ↓ +\|", table)
    page = (finished.results / "comparison/index.html").read_text()
    assert f'{{"key":"{metric}","name":"{heading}","lower":true}}' in page


def test_true_sketches_and_photos_in_gray_show_the_scale_of_structure(finished):
    references = pd.read_csv(finished.results / "evaluation/reference_points.csv")
    pooled = references[references["subset"] == "all"].set_index("name")["structure"]
    assert 0 < pooled["photo in gray"] < pooled["true sketches"] < 0.2


def test_the_nearest_training_sketches_are_in_the_gallery_and_on_a_sheet(project):
    images = pd.read_csv(project.results / "evaluation/local/seed0_images.csv")
    faces = pd.read_csv(project.folder / "faces/pairs.tsv", sep="\t", dtype=str)
    training = faces[faces["split"] == "train"]
    assert set(images["nearest"]) <= set(training["subset"] + "/" + training["id"])
    page = (project.results / "comparison/index.html").read_text()
    last = images[images["epoch"] == 3]
    assert all(f'"{name}":"data:image/webp' in page for name in last["nearest"])
    assert "Memory is left out: it needs 19 test people in a subset." in page
    sheet = "results/small/memory/local/seed0_epoch3.png"
    done = project.snakemake(sheet)
    assert done.returncode == 0, done.stdout
    assert (project.folder / sheet).stat().st_size > 10_000


def test_the_page_says_what_made_it_and_shows_every_test_face(finished):
    page = (finished.results / "comparison/index.html").read_text()
    assert "not a git repository" in page
    assert "CPU (" in page
    assert page.count('"images":[') == 4
    assert "photo in gray" in page
    assert "[–, –]</span></td>" in page


def test_scores_that_no_published_ones_compare_with_say_so_wherever_they_are_shown(finished):
    sentence = "EfficientNet features: comparable within this table, not with published FID"
    for name in ("fid.md", "index.html", "tables.tex"):
        assert sentence in (finished.results / "comparison" / name).read_text()


def test_figures_are_images_of_a_sensible_size(finished):
    for path in (finished.results / "comparison").glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 300, path.name


def test_nothing_half_written_is_left(finished):
    hidden = finished.results.rglob(".*")
    assert [path for path in hidden if path.name not in (".state", ".writer")] == []


def test_the_report_holds_the_figures_and_is_written_offline(project):
    done = project.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stdout
    import zipfile

    names = zipfile.ZipFile(project.folder / "report.zip").namelist()
    assert any("report.html" in name for name in names)
    data = [name for name in names if name.endswith((".png", ".html"))]
    assert any("fid_curves" in name for name in data)
    assert any(name.endswith("index.html") for name in data)
