"""What a change makes stale: exactly that, and nothing else."""

import os
import time
from collections import Counter

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from support.small_run import PARSED, edit_while_running

ALL_TRAINED = ("baseline", "local", "local_glad")


def chain(*ablations: str) -> Counter[str]:
    """Training of the given ablations and what follows it."""
    jobs = Counter({"estimate_differences": 1, "compare": 1})
    for ablation in ablations:
        jobs.update([f"{rule}:{ablation}" for rule in ("train", "infer", "evaluate")])
    return jobs


def touch(path):
    later = time.time() + 10
    os.utime(path, (later, later))


def append_comment(path):
    path.write_text(path.read_text() + "\n# edited\n")


def test_a_finished_run_has_nothing_to_do(project):
    assert project.stale() == Counter()


def test_a_changed_loss_weight_reruns_that_ablation_and_the_comparison(project):
    project.configure(ablations={"local": {"losses": {"l1": 100, "local": 30}}})
    assert project.stale() == chain("local")


def test_a_changed_fusion_and_flips_train_their_ablations_alone(project):
    fused = {"losses": {"l1": 100, "local": 25}, "fusion": "feather"}
    project.configure(ablations={"local": fused, "baseline": {"losses": {"l1": 100}, "flip": True}})
    assert project.stale() == chain("baseline", "local")


def test_warping_one_ablation_reruns_its_tensors_training_and_what_follows(project):
    project.configure(ablations={"local": {"losses": {"l1": 100, "local": 25}, "warp": "face"}})
    # jobs that never ran have no log yet: those of one rule count once
    warping = dict.fromkeys(
        ("warp_sketches", "show_warps", "summarise_warps", "pack_warped_tensors"), 1
    )
    assert project.stale() == chain("local") + Counter(warping)
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

    # A colour of the montage warps no face again.
    append_comment(project.folder / "workflow/scripts/photosketch/warp/montage.py")
    assert project.stale() == Counter({"show_warps": 2})
    done = project.snakemake()
    assert done.returncode == 0, done.stdout

    # Another warp has its own files; going back to none needs nothing but the comparison's runs.
    project.configure(ablations={"local": {"losses": {"l1": 100, "local": 25}, "warp": "region"}})
    assert project.stale() == chain("local") + Counter(warping)
    project.configure(ablations={"local": {"losses": {"l1": 100, "local": 25}, "warp": "none"}})
    assert project.stale() == chain("local")


def test_another_frame_packs_and_trains_again_and_parses_nothing(project):
    project.configure(dataset={"frame": 512}, train={"jitter": 572})
    assert project.stale() == chain(*ALL_TRAINED) + Counter(pack_tensors=1, show_landmarks=1)


def test_swapped_loss_weights_are_noticed(project):
    project.configure(ablations={"local": {"losses": {"l1": 25, "local": 100}}})
    assert project.stale() == chain("local")


def test_weights_swapped_between_ablations_are_noticed_in_both(project):
    project.configure(
        ablations={
            "baseline": {"losses": {"l1": 100, "local": 25}},
            "local": {"losses": {"l1": 100, "local": 0}},
        }
    )
    assert project.stale() == chain("baseline", "local")


def test_touching_sources_config_tables_and_images_reruns_nothing(project):
    for pattern in (
        "workflow/**/*.py",
        "workflow/**/*.smk",
        "Snakefile",
        "environment.yml",
        "config/*",
        "overlay.yaml",
        "faces/*",
        "faces/*/*",
        "faces/*/*/*",
    ):
        for path in project.folder.glob(pattern):
            if path.is_file():
                touch(path)
    assert project.stale() == Counter()


def test_key_order_and_the_spelling_of_numbers_rerun_nothing(project):
    overlay = yaml.safe_load(project.overlay.read_text())
    overlay["train"] = dict(reversed(overlay["train"].items())) | {"lr": 2.0e-4, "batch_size": 1}
    overlay["ablations"] |= {"local": {"losses": {"local": 25.0, "glad": 0, "l1": 100.0}}}
    reordered = dict(reversed(overlay.items()))
    project.overlay.write_text(yaml.safe_dump(reordered, sort_keys=False))
    assert project.stale() == Counter()


def test_a_changed_shared_hyper_parameter_reruns_all_training_and_no_landmarks(project):
    project.configure(train={"lr": 0.0003})
    assert project.stale() == chain(*ALL_TRAINED)


def test_editing_the_losses_reruns_training_and_what_follows(project):
    append_comment(project.folder / "workflow/scripts/photosketch/training/losses.py")
    assert project.stale() == chain(*ALL_TRAINED)


def test_editing_what_only_shows_or_writes_reruns_no_training(project):
    append_comment(project.folder / "workflow/scripts/photosketch/jobs/job.py")
    assert project.stale() == Counter()
    append_comment(project.folder / "workflow/scripts/photosketch/warp/montage.py")
    assert project.stale() == Counter()  # nothing is warped
    append_comment(project.folder / "workflow/scripts/photosketch/parsing/montage.py")
    assert project.stale() == Counter({"show_parsings": 2})
    append_comment(project.folder / "workflow/scripts/photosketch/comparison/figures.py")
    assert project.stale() == Counter({"show_parsings": 2, "compare": 1})
    append_comment(project.folder / "workflow/scripts/photosketch/figures/contact_sheet.py")
    assert project.stale() == Counter({"show_landmarks": 1, "show_parsings": 2, "compare": 1})


def test_editing_what_only_scores_draws_no_sketch_again(project):
    append_comment(project.folder / "workflow/scripts/photosketch/evaluation/metrics.py")
    assert project.stale() == Counter({"compare": 1})  # names, decimals, remarks
    append_comment(project.folder / "workflow/scripts/photosketch/evaluation/files.py")
    scored = {f"evaluate:{name}": 1 for name in ALL_TRAINED}
    after = {"extract_real_features": 1, "estimate_differences": 1, "compare": 1}
    assert project.stale() == Counter({**scored, **after})


def test_editing_the_manual_points_merges_again_and_does_not_detect(project):
    manual = project.folder / "faces/manual_landmarks.csv"
    head, first, *rows = manual.read_text().splitlines()
    cells = first.split(",")
    cells[3] = str(float(cells[3]) + 1)
    manual.write_text("\n".join([head, ",".join(cells), *rows]) + "\n")
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
    assert "has values that are no class" in done.stdout
    assert "masks/notes.txt: is the label map of no pair" in done.stdout


def test_an_edited_image_reruns_from_the_index_on(project):
    image = project.folder / "faces/pencil/photos/01.jpg"
    image.write_bytes(image.read_bytes() + b"\0")
    assert project.stale()["index_pairs"] == 1


def test_an_older_file_put_in_place_of_an_input_is_noticed(project):
    table = project.folder / "faces/pairs.tsv"
    sketch, other = sorted((project.folder / "faces/pencil/sketches").iterdir())[:2]
    for path, content in (
        (sketch, other.read_bytes()),
        (table, table.read_bytes().replace(b"\ttest\t", b"\ttrain\t", 1)),
        (project.folder / "faces/manual_landmarks.csv", None),
    ):
        before, times = path.read_bytes(), path.stat()
        lines = before.decode("latin-1").splitlines(keepends=True)
        path.write_bytes(content or "".join(lines[:-1]).encode("latin-1"))
        os.utime(path, (times.st_atime, times.st_mtime - 10**6))
        stale = project.stale()
        assert stale["merge_landmarks" if content is None else "index_pairs"] == 1, path
        path.write_bytes(before)
        os.utime(path, (times.st_atime, times.st_mtime))
        assert project.stale() == Counter(), path


def test_another_seed_trains_only_that_seed(project):
    project.configure(seeds=[0, 1])
    stale = project.stale()
    assert stale == chain(*ALL_TRAINED)


def test_a_new_ablation_trains_only_that_one(project):
    project.configure(ablations={"glad": {"losses": {"l1": 100, "glad": 50}}})
    assert project.stale() == chain("glad")


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


def test_leaving_an_ablation_out_only_compares_again(project):
    project.configure(ablations={"local": None})
    assert project.stale() == Counter({"estimate_differences": 1, "compare": 1})


def test_other_features_score_again_without_training(project):
    weights = project.folder / "weights.pth"
    weights.write_bytes(b"some weights")
    project.configure(evaluation={"features": "inception-tf", "weights": "weights.pth"})
    stale = project.stale()
    assert set(stale) == {
        "extract_real_features",
        "estimate_differences",
        "compare",
        *(f"evaluate:{name}" for name in ALL_TRAINED),
    }


def test_scoring_as_the_report_did_scores_again_and_draws_nothing(project):
    evaluated = [f"evaluate:{name}" for name in ALL_TRAINED]
    compared = ["extract_real_features", "estimate_differences", "compare"]
    project.configure(evaluation={"scored_as": "report2019"})
    assert project.stale() == Counter([*evaluated, *compared])


def test_another_primary_metric_estimates_the_differences_anew_and_no_more(project):
    project.configure(evaluation={"primary": "kid"})
    assert project.stale() == Counter({"estimate_differences": 1, "compare": 1})


def test_code_edited_after_planning_is_not_run_as_what_was_planned(project):
    edit_while_running(project)
    done = project.snakemake(*PARSED, cores=1)
    assert done.returncode != 0
    assert "parse_faces.py, or a module that it imports, was edited" in done.stdout
    assert done.stdout.count("Finished jobid") == 1
    assert project.stale()["parse_faces"] == 2  # the first as well, by the code that it edited


def test_keys_that_change_no_result_rerun_nothing(project):
    project.configure(train={"strip_every": 2, "state_minutes": 3})
    project.configure(parsing={"model": "resnet34", "fallback": True})  # of a parser not in use
    written_out = {"fusion": "apdrawing", "flip": False}
    project.configure(ablations={"local": written_out, "local_glad": {"epochs": 4, **written_out}})
    project.configure(ablations={"baseline": {"fusion": "attention"}})  # nothing is local there
    assert project.stale() == Counter()


def test_an_ablation_with_another_number_of_epochs_goes_on_from_its_state(project):
    project.configure(train={"epochs": 4}, ablations={"local": None, "local_glad": None})
    project.configure(evaluation={"epochs": {"start": 1, "stop": 3, "step": 2}})
    assert project.stale() == chain("baseline")
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    log = (project.results / "logs/train/baseline/seed0.log").read_text()
    assert "resuming after epoch 3" in log
    assert "epoch 4:" in log
    assert "epoch 2:" not in log
