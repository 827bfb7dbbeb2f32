"""Bad input ends in one clear error, and nothing is half-written."""

import csv
import re

import numpy as np

MISSING_ROWS = "landmarks/missing.csv"


def test_all_mistakes_of_the_configuration_are_listed_before_anything_runs(unrun):
    unknown = {f"colour{number}": 1 for number in range(25)}
    unrun.configure(train={"lr": "2e-4", "epochz": 3}, **unknown)
    done = unrun.snakemake()
    assert done.returncode != 0
    everything = (unrun.folder / ".snakemake/problems.txt").read_text()
    for words in ("train.lr: '2e-4'", "write 2.0e-4", "train.epochz: unknown key", *unknown):
        assert words in everything
    told = [line for line in done.stdout.splitlines() if "unknown key" in line or "2e-4" in line]
    assert len(told) == len(set(told)) == 20
    assert "and 7 more problems: all are in .snakemake/problems.txt" in done.stdout
    assert "common.smk" not in done.stdout  # no line of ours below the person's mistakes
    assert not (unrun.folder / "results").exists()


def test_doubled_keys_and_nulls_that_leave_nothing_out_are_named(unrun):
    overlay = unrun.folder / "two.yaml"
    overlay.write_text("train: {lr: 0.1}\ntrain: {ngf: 3}\n")
    done = unrun.snakemake("-n", overlays=[overlay])
    assert done.returncode != 0
    assert f"{overlay}, line 2: train is there already, in line 1" in done.stdout
    overlay.write_text("ablations: {lcoal: null}\n")
    done = unrun.snakemake("-n", overlays=[overlay])
    assert done.returncode != 0
    assert "ablations.lcoal: null leaves out" in done.stdout
    overlay.write_text("ablations: {mine: {ngf: 3}}\n")
    dropped = unrun.folder / "dropped.yaml"
    dropped.write_text("ablations: {mine: null}\n")
    assert unrun.snakemake("-n", overlays=[overlay, dropped]).returncode == 0


def test_the_overlay_of_the_report_plans_its_run_and_names_subsets_that_are_not_there(unrun):
    unrun.configure(ablations={"glad": {}, "local_glad": {}})
    overlay = unrun.folder / "config/report2019.yaml"
    done = unrun.snakemake("-n", "--quiet", "rules", overlays=[overlay])
    assert done.returncode == 0, done.stdout
    for rule in ("train", "evaluate"):
        assert re.search(rf"^{rule} +4$", done.stdout, re.MULTILINE)
    wrong = unrun.folder / "wrong.yaml"
    wrong.write_text("published: {report_glad: {fid: {Mars: 1}}}\n")
    done = unrun.snakemake("-n", overlays=[overlay, wrong])
    assert done.returncode != 0
    assert "published.report_glad.fid.Mars: no subset of dataset.pairs" in done.stdout


def test_names_that_snakemake_would_read_otherwise_are_refused(unrun):
    table = unrun.folder / "faces/pairs.tsv"
    with open(table, encoding="utf-8") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    table.write_text(table.read_text().replace(row["photo"], row["photo"] + "{x}"))
    done = unrun.snakemake("-n")
    assert done.returncode != 0
    assert f"photo of {row['subset']} {row['id']}: '{row['photo']}{{x}}' has one of" in done.stdout


def test_a_project_under_a_path_with_a_space_or_braces_is_refused_by_that_path(unrun, tmp_path):
    for name in ("One Drive", "{x}"):
        (tmp_path / name).symlink_to(unrun.folder)
        done = unrun.snakemake("-n", "-s", str(tmp_path / name / "Snakefile"))
        assert done.returncode != 0
        assert f"{tmp_path}/{name}" in done.stdout
        assert "a path with a space or a brace" in done.stdout


def test_the_defaults_are_those_beside_the_snakefile(unrun, tmp_path):
    """Results apart from the code: snakemake -d or -s from elsewhere."""
    (tmp_path / "faces").symlink_to(unrun.folder / "faces")
    done = unrun.snakemake("-n", "-d", str(tmp_path))
    assert done.returncode == 0, done.stdout


def test_a_missing_table_of_pairs_is_named_with_its_key(unrun):
    unrun.configure(dataset={"pairs": "nowhere/pairs.tsv"})
    done = unrun.snakemake("-n")
    assert done.returncode != 0
    assert "nowhere/pairs.tsv" in done.stdout
    assert "dataset.pairs" in done.stdout


def test_all_problems_of_the_pairs_are_listed_at_once(unrun):
    table = unrun.folder / "faces/pairs.tsv"
    with open(table, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    (table.parent / rows[0]["photo"]).unlink()
    (table.parent / rows[1]["sketch"]).write_bytes(b"no image")
    done = unrun.snakemake()
    assert done.returncode != 0
    assert rows[0]["photo"] in done.stdout
    assert rows[1]["sketch"] in done.stdout
    assert "Traceback" not in done.stdout
    assert not (unrun.results / "pairs.tsv").exists()


def test_a_sketch_nobody_finds_is_listed_and_stops_what_needs_it_alone(unrun):
    """With a warp the merge stops, in a template that mends it; without it goes on; a warp that is
    asked for later stops as well."""
    warped = {"local": {"losses": {"l1": 100, "local": 25}, "warp": "face"}}
    manual = unrun.folder / "faces/manual_landmarks.csv"
    head, *rows = manual.read_text().splitlines()
    truth = {tuple(row.split(",")[:3]): row for row in rows}
    unrun.configure(landmarks={"manual": None}, ablations=warped)
    subset, name, modality = next(iter(truth))
    target = f"results/small/landmarks/{subset}.csv"
    done = unrun.snakemake(target)
    assert done.returncode != 0
    assert "landmarks.manual" in done.stdout
    assert "needed by the warp of ablation local" in done.stdout
    template = list(csv.reader(open(unrun.results / MISSING_ROWS, encoding="utf-8")))
    assert template[0] == head.split(",")
    assert {tuple(row[:3]) for row in template[1:]} == set(truth)
    assert all(cell == "" for row in template[1:] for cell in row[3:])

    unrun.configure(ablations={"local": None})
    done = unrun.snakemake(f"results/small/parsing/{subset}.npz")
    assert done.returncode == 0, done.stdout
    log = (unrun.results / "logs/merge_landmarks.log").read_text()
    for text in (done.stdout, log):
        assert text.count(f"no points for {len(truth)} of 12 sketches") == 1
    with np.load(unrun.results / f"parsing/{subset}.npz") as parsing:
        assert parsing["unparsed"].tolist() == [row[1] for row in truth if row[0] == subset]
    unrun.configure(ablations=warped)
    done = unrun.snakemake(f"results/small/warp/face/{subset}.npz")
    assert done.returncode != 0
    assert (
        f"no points for the {modality} of {subset} {name}, and the warp needs them" in done.stdout
    )

    filled = [head, *(truth[tuple(row[:3])] for row in template[1:])]
    (unrun.folder / "filled.csv").write_text("\n".join(filled) + "\n")
    unrun.configure(landmarks={"manual": "filled.csv"})
    done = unrun.snakemake(target)
    assert done.returncode == 0, done.stdout
    assert not (unrun.results / MISSING_ROWS).exists()


def test_files_that_the_configuration_names_must_exist_even_when_all_results_are_there(project):
    project.configure(
        evaluation={
            "features": "inception-tf",
            "weights": "nowhere/weights.pth",
            "lpips": "nowhere/lpips",
        },
        landmarks={"manual": "nowhere/manual.csv"},
        methods={"theirs": "nowhere/theirs"},
    )
    done = project.snakemake()
    assert done.returncode != 0
    for name in ("weights.pth", "manual.csv", "lpips/vgg16-397923af.pth", "lpips/lpips_weights.pt"):
        assert f"nowhere/{name}" in done.stdout
    assert done.stdout.count("nowhere/theirs") == 1


def test_damaged_weights_are_refused(project):
    (project.folder / "weights.pth").write_bytes(b"not the published file")
    project.configure(evaluation={"features": "inception-tf", "weights": "weights.pth"})
    done = project.snakemake()
    assert done.returncode != 0
    assert "weights.pth" in done.stdout
    assert "sha256" in done.stdout
