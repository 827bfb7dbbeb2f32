"""What a change makes stale: exactly that, and nothing else."""

import os
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from support.small_run import PARSED, edit_while_running

ALL_TRAINED = ("baseline", "local", "local_glad")
EVALUATED = Counter(f"evaluate:{name}" for name in ALL_TRAINED)
COMPARED = Counter(["estimate_differences", "compare"])
SCORED = EVALUATED + COMPARED + Counter(["extract_real_features"])
LOCAL = {"l1": 100, "local": 25}


def chain(*ablations: str) -> Counter[str]:
    """Training of the given ablations and what follows it."""
    rules = ("train", "infer", "evaluate")
    return COMPARED + Counter(f"{rule}:{name}" for rule in rules for name in ablations)


CONFIGURED = {
    "nothing": ({}, Counter()),
    "a loss weight": (
        {"ablations": {"local": {"losses": {"l1": 100, "local": 30}}}},
        chain("local"),
    ),
    "swapped weights": (
        {"ablations": {"local": {"losses": {"l1": 25, "local": 100}}}},
        chain("local"),
    ),
    "weights swapped between ablations": (
        {
            "ablations": {
                "baseline": {"losses": LOCAL},
                "local": {"losses": {"l1": 100, "local": 0}},
            }
        },
        chain("baseline", "local"),
    ),
    "fusion and flips": (
        {
            "ablations": {
                "local": {"losses": LOCAL, "fusion": "feather"},
                "baseline": {"losses": {"l1": 100}, "flip": True},
            }
        },
        chain("baseline", "local"),
    ),
    "a shared hyper-parameter": ({"train": {"lr": 0.0003}}, chain(*ALL_TRAINED)),
    "a frame": (
        {"dataset": {"frame": 512}, "train": {"jitter": 572}},
        chain(*ALL_TRAINED) + Counter(["pack_tensors", "show_landmarks"]),
    ),
    "another seed": ({"seeds": [0, 1]}, chain(*ALL_TRAINED)),
    "a new ablation": (
        {"ablations": {"glad": {"losses": {"l1": 100, "glad": 50}}}},
        chain("glad"),
    ),
    "an ablation left out": ({"ablations": {"local": None}}, COMPARED),
    "other features": (
        {"evaluation": {"features": "inception-tf", "weights": "weights.pth"}},
        SCORED,
    ),
    "scored as the report did": ({"evaluation": {"scored_as": "report2019"}}, SCORED),
    "another primary metric": ({"evaluation": {"primary": "kid"}}, COMPARED),
    "keys that change no result": (
        {
            "train": {"strip_every": 2, "state_minutes": 3},
            "parsing": {"model": "resnet34", "fallback": True},  # of a parser not in use
            "evaluation": {"chosen_by": "kid"},  # nothing is chosen without validation pairs
            "ablations": {
                "local": {"fusion": "apdrawing", "flip": False},  # defaults written out
                "local_glad": {"epochs": 4, "fusion": "apdrawing", "flip": False},
                "baseline": {"fusion": "attention"},  # nothing is local there
            },
        },
        Counter(),
    ),
}

EDITED = {
    "training/losses.py": chain(*ALL_TRAINED),
    "jobs/job.py": Counter(),
    "warp/montage.py": Counter(),  # nothing is warped
    "parsing/montage.py": Counter(show_parsings=2),
    "comparison/figures.py": Counter(compare=1),
    "figures/contact_sheet.py": Counter(show_landmarks=1, show_parsings=2, compare=1),
    "evaluation/metrics.py": Counter(compare=1),  # names, decimals, remarks
    "evaluation/files.py": SCORED,
}


@pytest.fixture(scope="module")
def planned(finished, tmp_path_factory):
    """A copy of the finished workflow that every test leaves as it was: nothing runs in it."""
    project = finished.copied_to(tmp_path_factory.mktemp("planned"))
    (project.folder / "weights.pth").write_bytes(b"some weights")
    return project


@pytest.mark.parametrize(("sections", "stale"), CONFIGURED.values(), ids=CONFIGURED)
def test_a_changed_configuration_reruns_what_depends_on_it(planned, sections, stale):
    before = planned.overlay.read_text()
    try:
        planned.configure(**sections)
        assert planned.stale() == stale
    finally:
        planned.overlay.write_text(before)


@pytest.mark.parametrize(("module", "stale"), EDITED.items(), ids=EDITED)
def test_edited_code_reruns_the_rules_that_reach_it(planned, module, stale):
    path = planned.folder / "workflow/scripts/photosketch" / module
    before = path.read_text()
    try:
        path.write_text(before + "\n# edited\n")
        assert planned.stale() == stale
    finally:
        path.write_text(before)


def test_touched_files_reordered_keys_and_other_spellings_of_numbers_rerun_nothing(project):
    overlay = yaml.safe_load(project.overlay.read_text())
    overlay["train"] = dict(reversed(overlay["train"].items())) | {"lr": 2.0e-4, "batch_size": 1}
    overlay["ablations"] |= {"local": {"losses": {"local": 25.0, "glad": 0, "l1": 100.0}}}
    reordered = dict(reversed(overlay.items()))
    project.overlay.write_text(yaml.safe_dump(reordered, sort_keys=False))
    later = time.time() + 10
    folders = ("workflow", "config", "faces")
    for path in [
        *project.folder.glob("*"),
        *(p for f in folders for p in (project.folder / f).rglob("*")),
    ]:
        if path.is_file():
            os.utime(path, (later, later))
    assert project.stale() == Counter()


def test_warping_one_ablation_reruns_its_tensors_training_and_what_follows(project):
    project.configure(ablations={"local": {"losses": LOCAL, "warp": "face"}})
    # jobs that never ran have no log yet: those of one rule count once
    warping = Counter(["warp_sketches", "show_warps", "summarise_warps", "pack_warped_tensors"])
    assert project.stale() == chain("local") + warping
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert project.stale() == Counter()
    with (
        np.load(project.results / "tensors/train.npz") as original,
        np.load(project.results / "tensors/train_face.npz") as warped,
    ):
        assert (original["photo"] == warped["photo"]).all()
        assert (original["sketch"] != warped["sketch"]).any()
    summary = pd.read_csv(project.results / "warp/face_summary.csv")
    assert (summary["head_after"] > summary["head_before"]).all()
    for subset in summary["subset"]:
        for suffix in ("npz", "csv", "png"):
            assert (project.results / f"warp/face/{subset}.{suffix}").is_file()

    # Another warp has its own files; going back to none needs nothing but the comparison's runs.
    project.configure(ablations={"local": {"losses": LOCAL, "warp": "region"}})
    assert project.stale() == chain("local") + warping
    project.configure(ablations={"local": {"losses": LOCAL, "warp": "none"}})
    assert project.stale() == chain("local")

    # A colour of the montage warps no face again.
    project.configure(ablations={"local": {"losses": LOCAL, "warp": "face"}})
    montage = project.folder / "workflow/scripts/photosketch/warp/montage.py"
    montage.write_text(montage.read_text() + "\n# edited\n")
    assert project.stale() == Counter(show_warps=2)


def test_editing_the_manual_points_merges_again_and_does_not_detect(project):
    manual = project.folder / "faces/manual_landmarks.csv"
    table = pd.read_csv(manual, dtype={"id": str})
    table.loc[0, "left_eye_x"] += 1
    table.to_csv(manual, index=False)
    stale = project.stale()
    assert stale["merge_landmarks"] == 1
    assert stale["parse_faces"] == 2
    assert not {"index_pairs", "detect_landmarks"} & set(stale)
    assert chain(*ALL_TRAINED) <= stale


def test_a_label_map_by_hand_wins_and_parses_no_face_again(project):
    machine = project.results / "parsing/machine/pencil.npz"
    with np.load(machine) as parsing:
        id, labels = str(parsing["ids"][0]), np.roll(parsing["sketch"][0], 5, axis=0)
    maps = project.folder / "masks/pencil"
    maps.mkdir(parents=True)
    Image.fromarray(labels).save(maps / f"{id}_sketch.png")
    project.configure(parsing={"manual": "masks"})
    stale = project.stale()
    assert stale["merge_parsings"] == 1
    assert not {"index_pairs", "detect_landmarks", "parse_faces"} & set(stale)
    merged = project.results / "parsing/pencil.npz"
    target = str(merged.relative_to(project.folder))
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout
    with np.load(machine) as before, np.load(merged) as after:
        assert (after["sketch"][0] == labels).all()
        assert (after["photo"] == before["photo"]).all()
        assert after["manual"].tolist() == [[id, "sketch"]]

    Image.fromarray(labels + 100).save(maps / f"{id}_sketch.png")
    (project.folder / "masks/notes.txt").write_text("to do")
    done = project.snakemake(target)
    assert done.returncode != 0
    assert "has values that are not a class" in done.stdout
    assert "masks/notes.txt: is not the label map of a pair" in done.stdout


def test_another_content_of_an_input_is_noticed_also_in_an_older_file(project):
    table = project.folder / "faces/pairs.tsv"
    sketch, other = sorted((project.folder / "faces/pencil/sketches").iterdir())[:2]
    manual = project.folder / "faces/manual_landmarks.csv"
    for path, content, rule in (
        (sketch, other.read_bytes(), "index_pairs"),
        (table, table.read_bytes().replace(b"\ttest\t", b"\ttrain\t", 1), "index_pairs"),
        (manual, manual.read_bytes().rsplit(b"\n", 2)[0] + b"\n", "merge_landmarks"),
    ):
        before, times = path.read_bytes(), path.stat()
        path.write_bytes(content)
        os.utime(path, (times.st_atime, times.st_mtime - 10**6))
        assert project.stale()[rule] == 1, path
        path.write_bytes(before)
        os.utime(path, (times.st_atime, times.st_mtime))
    assert project.stale() == Counter()


def test_a_sweep_trains_the_values_that_are_no_ablation_yet(project):
    sweep = {"ablation": "local", "key": "losses.local", "values": [0, 25]}
    project.configure(sweeps={"weights": sweep})
    assert project.stale() == Counter({"compare": 1})  # baseline and local
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert (project.results / "comparison/sweep_weights.png").is_file()
    assert "baseline (local-local0)" in (project.results / "comparison/fid.md").read_text()
    assert "#sweep-weights" in (project.results / "comparison/index.html").read_text()

    again = {"ablation": "baseline", "key": "losses.local", "values": [25.0]}
    project.configure(sweeps={"weights": {**sweep, "values": [0.0, 25]}})
    assert project.stale() == Counter()
    project.configure(sweeps={"weights": {**sweep, "values": [0, 25, 5]}, "again": again})
    assert project.stale() == chain("local-local5")
    project.configure(sweeps={"weights": None})
    done = project.snakemake("-n")
    assert done.returncode != 0
    assert "sweeps.weights: null leaves out a sweep" in done.stdout


def test_code_edited_after_planning_is_not_run_as_what_was_planned(project):
    edit_while_running(project)
    done = project.snakemake(*PARSED, cores=1)
    assert done.returncode != 0
    assert "parse_faces.py, or a module that it imports, was edited" in done.stdout
    assert done.stdout.count("Finished jobid") == 1
    assert project.stale()["parse_faces"] == 2  # the first as well, by the code that it edited


def test_a_weight_set_back_trains_nothing_and_gives_the_same_bytes(project):
    folder = project.results / "train/baseline/seed0"

    def files():
        paths = [*folder.glob("generator_*"), folder / "train_log.csv"]
        return {path.name: path.read_bytes() for path in paths}

    def train(l1):
        project.configure(ablations={"baseline": {"losses": {"l1": l1}}})
        done = project.snakemake("results/small/train/baseline/seed0/train_log.csv")
        assert done.returncode == 0, done.stdout
        assert "(baseline, local, local_glad), 1 seed (0); 1 of " in done.stdout
        return done.stdout

    before = files()
    told = train(200)
    assert "baseline, seed 0: the training with losses.l1 100 (3 epochs, " in told
    assert files().keys() == before.keys() and files() != before
    told = train(100)
    assert "baseline, seed 0: the training with losses.l1 200 (3 epochs, " in told
    assert files() == before
    log = (project.results / "logs/train/baseline/seed0.log").read_text()
    assert "resuming after epoch 3" in log
    assert "epoch 1:" not in log


def test_a_trial_of_a_run_lies_beside_it(project):
    done = project.snakemake(
        "results/small-tiny/pairs.tsv", overlays=[project.folder / "config/tiny.yaml"]
    )
    assert done.returncode == 0, done.stdout
    assert (
        "results/small-tiny: 3 ablations (baseline, local, local_glad), 1 seed (0); " in done.stdout
    )
    assert project.stale() == Counter()


def test_an_ablation_with_another_number_of_epochs_goes_on_from_its_state(project):
    project.configure(train={"epochs": 4}, ablations={"local": None, "local_glad": None})
    assert project.stale() == chain("baseline")
    done = project.snakemake("results/small/train/baseline/seed0/train_log.csv")
    assert done.returncode == 0, done.stdout
    log = (project.results / "logs/train/baseline/seed0.log").read_text()
    assert "resuming after epoch 3" in log
    assert "epoch 4:" in log
    assert "epoch 2:" not in log
