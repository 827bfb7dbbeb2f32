"""Bad input ends in one clear error, and nothing is half-written."""

import csv
import re
import shutil

import numpy as np
import pytest

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


WRONG_GENERATOR = "draw={photos: config, ablation: lokal, seed: 7, epoch: 2}"
NO_PHOTOS = "draw={photos: none, ablation: local, seed: 0, epoch: 3}"
# mistakes by name: sections of the overlay, further overlays, arguments; what is told
MISTAKES = {
    "a key twice": (
        {},
        ["train: {lr: 0.1}\ntrain: {ngf: 3}\n"],
        (),
        ["0.yaml, line 2: train is already in line 1"],
    ),
    "null for a name that is not there": (
        {},
        ["ablations: {lcoal: null}\n"],
        (),
        ["ablations.lcoal: null leaves out"],
    ),
    "published scores of a subset that is not there": (
        {},
        ["published: {mine: {source: a book, features: inception-tf, fid: {Mars: 1}}}\n"],
        (),
        ["published.mine.fid.Mars: not a subset of dataset.pairs"],
    ),
    "a missing table of pairs": (
        {"dataset": {"pairs": "nowhere/pairs.tsv"}},
        [],
        (),
        ["nowhere/pairs.tsv", "dataset.pairs"],
    ),
    "a size that is too small to align": (
        {"dataset": {"align": "photo", "size": [100, 125]}},
        [],
        (),
        ["dataset.size: 100x125 pixels leave too little of a face"],
    ),
    "a generator that the run does not have": (
        {},
        [],
        ("draw", "--config", WRONG_GENERATOR),
        ["draw.ablation: lokal", "draw.seed: 7", "draw.epoch: 2", "allowed: 1, 3"],
    ),
    "photos that are not there": ({}, [], ("draw", "--config", NO_PHOTOS), ["is not a folder"]),
    "photos that are not named": (
        {},
        [],
        ("draw",),
        ["'draw={photos: my_photos, ablation: local_glad, seed: 0, epoch: 3}'"],
    ),
}


@pytest.fixture(scope="module")
def mistaken(fresh, tmp_path_factory):
    """A copy in which nothing has run, for plans alone."""
    return fresh.copied_to(tmp_path_factory.mktemp("mistaken"))


@pytest.mark.parametrize(
    ("sections", "overlays", "arguments", "told"), MISTAKES.values(), ids=MISTAKES
)
def test_a_mistake_is_named_before_anything_runs(
    mistaken, tmp_path, sections, overlays, arguments, told
):
    before = mistaken.overlay.read_text()
    files = [tmp_path / f"{number}.yaml" for number in range(len(overlays))]
    for file, text in zip(files, overlays, strict=True):
        file.write_text(text)
    try:
        mistaken.configure(**sections)
        done = mistaken.snakemake("-n", *arguments, overlays=files)
    finally:
        mistaken.overlay.write_text(before)
    assert done.returncode != 0
    for text in told:
        assert text in done.stdout


def test_an_ablation_of_one_overlay_is_left_out_by_the_next_and_the_reports_overlay_plans_its_run(
    unrun, tmp_path
):
    unrun.configure(ablations={"glad": {}, "local_glad": {}})
    files = [tmp_path / "mine.yaml", tmp_path / "dropped.yaml"]
    files[0].write_text("ablations: {mine: {ngf: 3}}\n")
    files[1].write_text("ablations: {mine: null}\n")
    report = unrun.folder / "config/report2019.yaml"
    done = unrun.snakemake("-n", "--quiet", "rules", overlays=[*files, report])
    assert done.returncode == 0, done.stdout
    for rule in ("train", "evaluate"):  # the four of the report and `baseline_uncropped`
        assert re.search(rf"^{rule} +5$", done.stdout, re.MULTILINE)


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


def test_a_sketch_nobody_finds_is_listed_and_stops_what_needs_it_alone(project):
    """With a warp the merge stops, in a template that mends it; without it goes on; a warp that is
    asked for later stops as well."""
    warped = {"local": {"losses": {"l1": 100, "local": 25}, "warp": "face"}}
    shutil.rmtree(project.results / "parsing")
    manual = project.folder / "faces/manual_landmarks.csv"
    head, *rows = manual.read_text().splitlines()
    truth = {tuple(row.split(",")[:3]): row for row in rows}
    project.configure(landmarks={"manual": None, "mesh": False}, ablations=warped)
    subset, name, modality = next(iter(truth))
    target = f"results/small/landmarks/{subset}.csv"
    done = project.snakemake(target)
    assert done.returncode != 0
    assert "landmarks.manual" in done.stdout
    assert "needed by the warp of ablation local" in done.stdout
    template = list(csv.reader(open(project.results / MISSING_ROWS, encoding="utf-8")))
    assert template[0] == head.split(",")
    assert {tuple(row[:3]) for row in template[1:]} == set(truth)
    assert all(cell == "" for row in template[1:] for cell in row[3:])

    project.configure(ablations={"local": None})
    done = project.snakemake(f"results/small/parsing/{subset}.npz")
    assert done.returncode == 0, done.stdout
    log = (project.results / "logs/merge_landmarks.log").read_text()
    for text in (done.stdout, log):
        assert text.count(f"no points for {len(truth)} of 12 sketches") == 1
    with np.load(project.results / f"parsing/{subset}.npz") as parsing:
        assert parsing["unparsed"].tolist() == [row[1] for row in truth if row[0] == subset]
    project.configure(ablations=warped)
    done = project.snakemake(f"results/small/warp/face/{subset}.npz")
    assert done.returncode != 0
    assert (
        f"no points for the {modality} of {subset} {name}, and the warp needs them" in done.stdout
    )

    filled = [head, *(truth[tuple(row[:3])] for row in template[1:])]
    (project.folder / "filled.csv").write_text("\n".join(filled) + "\n")
    project.configure(landmarks={"manual": "filled.csv"})
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout
    assert not (project.results / MISSING_ROWS).exists()


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
