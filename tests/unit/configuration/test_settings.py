"""The configuration: allowed values, parameters of stages, and mistakes, which are all named."""

import copy
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.io import PeriodicityDetector

from photosketch.configuration import checks, loading, reference, settings, sweeps
from photosketch.configuration.settings import FeatureConfig, RunSettings, TrainConfig
from photosketch.data.pairs import name_problem
from photosketch.evaluation.distances import InnerProducts, weighted_distances
from photosketch.evaluation.metrics import METRICS
from photosketch.geometry import similarity
from photosketch.jobs.messages import InputError
from support.problems import problems_of
from support.settings import loss_weights

ROOT = Path(__file__).parents[3]
BAD_VALUES = yaml.safe_load(Path(__file__).with_name("bad_values.yaml").read_text())
SWEEP = {"ablation": "local", "key": "losses.local", "values": [0, 5.0, 25, 0.5]}
OWN = {"onnx": "dino.onnx", "size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}


def with_values(config, values):
    """A copy of `config` with the dotted keys of `values` set."""
    changed = copy.deepcopy(config)
    for key, value in values.items():
        section = changed
        *path, last = key.split(".")
        for part in path:
            section = section[part]
        section[last] = value
    return changed


@pytest.mark.parametrize("case", BAD_VALUES, ids=lambda case: case["says"][:60])
def test_a_mistake_is_named_with_key_value_and_what_is_allowed(config, case):
    config = with_values(config, case.get("set", {}))
    if "sweep" in case:
        config["sweeps"] = {"s": {**SWEEP, **case["sweep"]}}
    told = sweeps.config_problems(config)
    assert case["says"] in "\n".join(told)
    assert len(told) == 1 + case.get("besides", 0)
    assert all(text.isprintable() for text in told)


@pytest.mark.parametrize("key", [7, True, None])
def test_a_key_that_is_not_text_is_a_mistake(config, key):
    for section in ("train", "dataset", "evaluation"):
        told = sweeps.config_problems({**config, section: {**config[section], key: 1}})
        assert any(text.startswith(f"{section}.") for text in told)


def test_all_mistakes_are_listed_at_once(config):
    changed = with_values(config, {"train.lr": "2e-4", "train.epochz": 3, "colour": 1, "color": 2})
    del changed["dataset"]["pairs"]
    swept = {"one": {"ablation": "lcoal", "key": "lr", "values": [2, "x"]}}
    swept["two"] = {"ablation": "local", "key": "lrr", "values": []}
    told = sweeps.config_problems({**changed, "sweeps": swept})
    keys = ["train.lr", "train.epochz", "dataset.pairs", "colour", "color", "sweeps.one.ablation"]
    keys += ["sweeps.one.values.0", "sweeps.one.values.1", "sweeps.two.key", "sweeps.two.values"]
    assert sorted(re.split(r":| \(", text)[0] for text in told) == sorted(keys)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "config").glob("*.yaml")))
def test_the_overlays_are_valid_also_as_trials(with_overlays, name):
    for config in (with_overlays(name), with_overlays(name, "tiny")):
        assert sweeps.config_problems(config) == []
        assert settings.evaluated_epochs(config)[-1] == config["train"]["epochs"]


def test_the_full_config_is_the_reports_experiment(config):
    assert settings.evaluated_epochs(config) == list(range(500, 801, 10))
    weights = {name: settings.ablation_config(config, name).losses for name in config["ablations"]}
    assert weights == {
        "baseline": loss_weights(l1=100),
        "glad": loss_weights(l1=100, glad=100),
        "local": loss_weights(l1=100, local=25),
        "local_glad": loss_weights(l1=100, glad=100, local=25),
    }


def test_schema_and_readme_are_as_the_settings_have_them(config):
    """If this fails, run make config-docs."""
    assert (ROOT / reference.SCHEMA).read_text() == reference.schema_text()
    readme = (ROOT / reference.README).read_text()
    assert readme == reference.readme_text(readme, config)


def test_hyper_parameters_have_no_defaults():
    for model in (TrainConfig, settings.LossWeights, RunSettings, settings.OnnxInput):
        assert all(field.is_required() for field in model.model_fields.values())


def test_hparams_are_complete_but_for_what_has_no_effect(config):
    everything = {*settings.HyperParameters.model_fields, "frame"} - {"decoder"}
    for name, idle in {
        "baseline": {"glad_form", "fusion"},
        "glad": {"fusion"},
        "local": {"glad_form"},
        "local_glad": set(),
    }.items():
        assert settings.ablation_config(config, name).hparams().keys() == everything - idle
    baseline = settings.ablation_config(config, "baseline").hparams()
    assert baseline["losses"] == {"l1": 100.0, "glad": 0.0, "local": 0.0}
    assert TrainConfig.from_hparams(baseline).decoder == "transposed"


@pytest.mark.parametrize("ablation", ["baseline", "glad", "local", "local_glad"])
def test_hparams_change_with_every_value_that_has_an_effect(config, ablation):
    """Also for a change in config.yaml alone: no default of the code replaces the value."""
    before = settings.ablation_config(config, ablation)
    assert TrainConfig.from_hparams(before.hparams()).hparams() == before.hparams()
    for key, value in {
        **{"epochs": 801, "batch_size": 2, "lr": 0.1, "beta1": 0, "lr_decay_epochs": 1, "ngf": 2},
        **{"ndf": 2, "jitter": 0, "precision": "bf16", "warp": "face", "flip": True},
        **{"glad_form": "squared", "fusion": "blend", "decoder": "resize"},
    }.items():
        changed = settings.ablation_config(with_values(config, {f"train.{key}": value}), ablation)
        idle = {"glad_form": "glad", "fusion": "local"}.get(key, "l1") not in ablation
        idle &= key in ("glad_form", "fusion")
        assert (changed.hparams() == before.hparams()) == idle, key
        assert TrainConfig.from_hparams(changed.hparams()).hparams() == changed.hparams()
    large = with_values(config, {"dataset.frame": 512, "train.jitter": 0})
    assert settings.ablation_config(large, ablation).hparams()["frame"] == 512


def test_how_values_are_written_makes_no_difference(config):
    reordered = dict(reversed(config["train"].items()))
    losses = {"local": 0, "glad": 0.0, "l1": 100.0}
    reordered |= {"lr": 2e-4, "losses": losses, "state_minutes": 5.0}
    published = {"source": "a", "features": "b", "fid": {"all": 28, "AR": 30.0}}
    turned = {"fid": {"AR": 30, "all": 28.0}, "features": "b", "source": "a"}
    before = settings.canonical({**config, "published": {"p": published}})
    after = settings.canonical({**config, "train": reordered, "published": {"p": turned}})
    assert repr(before) == repr(after)
    for ablation in config["ablations"]:
        hparams = [settings.ablation_config(each, ablation).hparams() for each in (before, after)]
        assert repr(hparams[0]) == repr(hparams[1])


def test_hyper_parameters_that_lack_a_value_are_refused(config):
    for lacking in ("flip", "frame", "fusion", "losses", "losses.glad"):
        hparams = settings.ablation_config(config, "local").hparams()
        section, _, last = lacking.rpartition(".")
        del (hparams[section] if section else hparams)[last]
        with pytest.raises(InputError, match=f"{lacking}.*train it again"):
            TrainConfig.from_hparams(hparams)


def test_keys_that_change_no_result_are_not_hyper_parameters(config):
    values = {"strip_every": 7, "state_minutes": 0.5, "keep": "last", "keep_replaced": 3}
    of_train = {f"train.{key}": value for key, value in values.items()}
    changed = with_values(config, {**of_train, "device": "cpu", "gpu_slots": 3})
    assert sweeps.config_problems(changed) == []
    hparams = [settings.ablation_config(each, "glad").hparams() for each in (config, changed)]
    assert hparams[0] == hparams[1]
    assert RunSettings.from_config(changed["train"]).model_dump() == values


def test_an_ablation_overrides_only_what_it_names(config):
    changed = with_values(config, {"ablations.glad": {"lr": 0.0001, "losses": {"glad": 50}}})
    changed["train"]["losses"]["local"] = 7
    glad = settings.ablation_config(settings.canonical(changed), "glad")
    assert (glad.lr, glad.losses) == (0.0001, loss_weights(l1=100, glad=50, local=7))
    assert glad.ngf == 64


def test_ablations_keep_the_order_of_config_yaml_with_new_ones_behind():
    merged = ["wide", "glad", "tall", "baseline"]
    order = settings.ablation_order(merged, ["baseline", "glad", "local"])
    assert order == ["baseline", "glad", "wide", "tall"]


def test_the_overlay_of_the_report_is_its_protocol_with_its_values(with_overlays):
    config = with_overlays("report2019")
    assert settings.evaluated_epochs(config) == list(range(500, 801, 10))
    baseline = settings.ablation_config(config, "baseline").hparams()
    protocol = {"batch_size": 1, "epochs": 800, "lr": 1e-4, "lr_decay_epochs": 0, "jitter": 286}
    assert baseline.items() >= protocol.items()
    assert config["dataset"]["sketch_channels"] == 3
    assert config["evaluation"]["scored_as"] == "report2019"
    published = config["published"].values()
    assert [entry["fid"]["all"] for entry in published] == [28.43, 28.0, 30.88, 32.08, 26.96]
    assert {entry["features"] for entry in published} == {"inception-imagenet"}


def test_the_warp_overlay_adds_two_ablations_and_changes_nothing_else(config, with_overlays):
    merged = with_overlays("warp")
    local = settings.ablation_config(config, "local").hparams()
    for name, warp in (("local_warp", "face"), ("local_warp_region", "region")):
        assert settings.ablation_config(merged, name).hparams() == {**local, "warp": warp}
        del merged["ablations"][name]
    assert merged == config


def test_people_and_subsets_that_the_pairs_do_not_have_are_named(config):
    pairs = [{"subset": "AR", "id": str(n), "split": s} for n, s in ((1, "test"), (2, "train"))]
    config["published"] = {"paper": {"source": "a", "features": "b", "fid": {"all": 28, "AR": 30}}}
    config["comparison"]["people"] = ["AR/1"]
    assert checks.unknown_in_pairs(config, pairs) == []
    config["published"]["paper"]["fid"]["CUHK"] = 30
    config["comparison"]["people"] = ["AR/2", "1"]
    subset, *people = checks.unknown_in_pairs(config, pairs)
    assert subset.startswith("published.paper.fid.CUHK: ")
    assert subset.endswith("known: AR, all")
    assert [text.partition(":")[2].split()[0] for text in people] == ["AR/2", "1"]


@pytest.mark.parametrize(
    ("key", "value", "made", "says"),
    [
        ("landmarks.manual", "a.csv", "a.csv", "'a.csv' does not exist; write it"),
        ("parsing.weights", "a", "a", "'a' does not exist; put the weights of resnet18"),
        ("parsing.manual", "masks", "masks/", "'masks' is not a folder"),
        ("evaluation.weights", "a", "a", "'a' does not exist; put the weights of inception-tf"),
        ("evaluation.features", OWN, "dino.onnx", ".onnx: 'dino.onnx' does not exist; export"),
        ("methods", {"theirs": "them"}, "them/", ".theirs: 'them' is not a folder"),
        ("evaluation.lpips", ".", "vgg16-397923af.pth", "'vgg16-397923af.pth' does not exist; put"),
        ("landmarks.manual", "x" * 300, None, "does not exist"),
        ("methods", {"theirs": "loop/x"}, None, "'loop/x' is not a folder"),
        ("evaluation.identity", True, None, "needs the packages numpy and no-such-package; run"),
        ("dataset.pairs", "faces {1}/a.tsv", None, "'faces {1}/a.tsv' has one of the characters"),
        ("draw", {"photos": "<a>"}, None, ".photos: '<a>' has one of the characters { } < >"),
    ],
)
def test_what_is_named_and_missing_is_told_with_a_remedy(
    config, tmp_path, monkeypatch, key, value, made, says
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checks, "IDENTITY_PACKAGES", ("numpy", "no-such-package"))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lpips_weights.pt").touch()
    changed = with_values(config, {"landmarks.manual": None, key: value})
    [problem] = checks.missing_files(changed)
    assert problem.startswith(key)
    assert says in problem
    if made:
        (tmp_path / made).mkdir() if made.endswith("/") else (tmp_path / made).touch()
        assert checks.missing_files(changed) == []


def test_names_are_refused_that_snakemake_takes_for_a_loop():
    for name in ("a" * 64, "x" + "b1" * 20):
        assert PeriodicityDetector().is_periodic(name)
        assert PeriodicityDetector().is_periodic(name[:18]) is None
        assert name_problem("subset", name)
        assert not name_problem("subset", name[:18])


def test_a_name_longer_than_file_names_can_be_is_refused():
    digits = "".join(map(str, range(100)))
    for column in ("subset", "id"):
        assert "has 129 characters; use at most 128" in name_problem(column, digits[:129])
        assert not name_problem(column, digits[:128])


def test_features_are_keyed_by_what_the_file_holds_not_by_where_it_lies(config, tmp_path):
    def hparams(content=b"a network", folder=".", **changes):
        file = tmp_path / folder / "dino.onnx"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        features = {**OWN, "onnx": str(file), **changes}
        return FeatureConfig.from_config({**config["evaluation"], "features": features}).hparams()

    found = hparams()
    assert found == {
        "features": "dino",
        "weights_sha256": hashlib.sha256(b"a network").hexdigest(),
        "onnx": {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    }
    assert hparams(folder="copy", std=[0.2, 0.20, 2e-1]) == found
    assert repr(hparams(mean=[0, 0, 0])) == repr(hparams(mean=[0.0, 0.0, 0.0]))
    assert FeatureConfig.from_hparams({"epochs": [1], **found}).hparams() == found
    assert hparams(b"another") != found


def test_known_features_are_keyed_by_name_and_hash(config):
    for digest in (None, 64 * "0"):
        evaluation = {**config["evaluation"], "features": "inception-tf", "weights_sha256": digest}
        hparams = FeatureConfig.from_config(evaluation).hparams()
        assert hparams == {"features": "inception-tf", "weights_sha256": digest, "onnx": None}
        assert FeatureConfig.from_hparams(hparams).hparams() == hparams


def test_sketches_need_points_if_they_are_warped_or_looked_at_for_identity(config):
    assert settings.sketch_points_needed_by(config) == []
    asking = with_values(config, {"ablations.baseline.warp": "face", "evaluation.identity": True})
    warp = "the warp of ablation baseline"
    assert settings.sketch_points_needed_by(asking) == [warp, "evaluation.identity"]
    for split in ("train", "val"):  # identity only concerns test people
        assert settings.sketch_points_needed_by(asking, split) == [warp]
    for_all = with_values(config, {"train.warp": "region"})
    assert len(settings.sketch_points_needed_by(for_all, "train")) == len(config["ablations"])


def test_the_warp_looks_for_faces_of_the_size_that_its_sketches_have(config):
    for align, size, expected in (
        *(("none", [200, 250], 200), ("each", [200, 250], 40), ("each", [400, 500], 80)),
        *(("photo", [100, 200], 20), ("photo", [64, 64], 10)),
    ):
        values = {"dataset.align": align, "dataset.size": size, "landmarks.min_face_size": 200}
        assert settings.warp_min_face_size(with_values(config, values)) == expected
    assert settings.USUAL_SIZE == similarity.TEMPLATE_SIZE


def test_the_primary_metric_is_one_whose_differences_are_resampled():
    features = np.random.default_rng(0).normal(size=(4, 8))
    distances = weighted_distances(InnerProducts.of(features, features + 1), np.ones(4, int))
    resampled = [m.key for m in METRICS if m.per_image or m.key in distances]
    primary = checks.schema(settings.Config)["properties"]["evaluation"]["properties"]["primary"]
    assert sorted(primary["enum"]) == sorted(resampled)


BOMB = "a0: &a0 [1, 2]\n" + "".join(f"a{i}: &a{i} {[f'*a{i - 1}'] * 20}\n" for i in range(1, 8))
FAULTS_OF_FILES = [
    (None, ["No such file or directory; correct the path"]),
    *((text, ["has no keys; "]) for text in (b"", b"7", b"- run")),
    *(
        (text, ["is not YAML ("])
        for text in (b"run: {a: 1", b"\trun: a", b"[" * 500, b"a: 2024-13-45")
    ),
    (b"\xff\xfe\x00", ["cannot be read ('utf-8' codec can't decode byte 0xff"]),
    (b"run: {a: {}, b: {},\n a: {c: 3}}", ["line 2: run.a is already in line 1"]),
    (b"seeds: [{a: 1, a: 2}]", ["line 1: seeds.0.a is already in line 1"]),
    (b"run: a\nrun: b\nrun: c", ["line 2: run is already in line 1", "line 3: run is already"]),
    (b"seeds: [010]", ["line 1: seeds.0: YAML reads 010 as 8; write the number in decimal digits"]),
    (b"seeds:\n- 1:30", ["line 2: seeds.0: YAML reads 1:30 as 90"]),
    (b"a: 1_0\nb: -0b1", ["line 1: a: YAML reads 1_0", "line 2: b: YAML reads -0b1 as -1"]),
    (b"a: {b: 1:30.5}\nc: 0x1F", ["line 1: a.b: YAML reads 1:30.5", "line 2: c: YAML reads 0x1F"]),
    (b"draw: &a {photos: *a}", ["line 1: draw.photos contains itself, by an alias"]),
    (b"seeds: &a [0, *a]", ["line 1: seeds.1 contains itself"]),
    (BOMB.replace("'", "").encode(), ["line 1: aliases make more than 100,000 entries"]),
]


@pytest.mark.parametrize(("content", "faults"), FAULTS_OF_FILES)
def test_files_that_are_no_overlays_or_mean_a_surprise_are_named(tmp_path, content, faults):
    file = tmp_path / "overlay.yaml"
    if content is not None:
        file.write_bytes(content)
    told = problems_of(loading.read_overlays, [file])
    for fault, problem in zip(faults, told, strict=True):
        assert problem.startswith(f"{file}")
        assert problem[len(f"{file}: ") :].startswith(fault)


def test_a_file_without_surprises_is_read(tmp_path):
    text = "a: &a {x: 1}\nb: {<<: *a, y: [0, -1, 0.5, .5, 1.0e-5, '010', 2026-01-01]}"
    (tmp_path / "overlay.yaml").write_text(text)
    assert loading.read_overlay(tmp_path / "overlay.yaml") == yaml.safe_load(text)


def test_null_leaves_out_what_is_defined_elsewhere(config):
    files = [config, {"sweeps": {"weights": SWEEP}}, {"ablations": {"lcoal": None, "local": None}}]
    merged = with_values(config, {"ablations.lcoal": None, "ablations.local": None})
    merged["sweeps"] = {"weights": None, "wieghts": None}
    ablation, sweep = loading.unknown_nulls(merged, files)
    assert "ablations.lcoal: null leaves out an ablation" in ablation
    assert "write {}" in ablation
    assert "sweeps.wieghts: null leaves out a sweep" in sweep
    remaining = loading.without_dropped(merged)
    assert list(remaining["ablations"]) == ["baseline", "glad", "local_glad"]
    assert remaining["sweeps"] == {}


def test_values_of_the_command_line_are_read_as_those_of_a_file():
    before = {"train": {"lr": 0.1, "flip": False, "ngf": 64}, "seeds": [0], "device": "cpu"}
    before |= {"landmarks": {"manual": "a.csv", "annotate": []}, "run": "cufs"}
    # as read by Snakemake
    given = {
        "train": {"lr": "0.2", "flip": "true"},
        "seeds": ["0", "1"],
        "device": "cuda",
        "landmarks": {"manual": "null", "annotate": ["AR/1/photo"]},
        "evaluation": {"epochs": {"start": "010", "step": "1:30"}},
    }
    before["evaluation"] = {"epochs": {"start": 1, "step": 1}}
    assert loading.with_typed_values(before, given) == {
        "train": {"lr": 0.2, "flip": True, "ngf": 64},
        "seeds": [0, 1],
        "device": "cuda",
        "landmarks": {"manual": None, "annotate": ["AR/1/photo"]},
        "evaluation": {"epochs": {"start": "010", "step": "1:30"}},  # refused with this text
        "run": "cufs",
    }


@pytest.mark.parametrize(
    ("train", "ablations", "idle"),
    [
        ({"losses": {"l1": 50}}, {}, ["losses.l1"]),
        ({"losses": {"l1": 50}}, {"plain": {}}, []),
        ({"losses": {"l1": 100}, "fusion": "apdrawing"}, {"local": None, "local_glad": None}, []),
        ({"fusion": "feather", "ngf": 8}, {"local": None, "local_glad": None}, ["fusion"]),
        ({"fusion": "feather"}, {"local": {"fusion": "blend"}, "local_glad": None}, ["fusion"]),
        ({"fusion": "feather", "glad_form": "squared"}, {}, []),
    ],
)
def test_keys_of_an_overlay_that_reach_no_ablation_are_named(config, train, ablations, idle):
    overlay = {"train": train, "ablations": ablations}
    merged = settings.canonical(loading.without_dropped(loading.merged(config, overlay)))
    told = [*checks.idle_train_keys(merged, config["train"])]
    assert [text.partition(":")[0] for text in told] == [f"train.{key}" for key in idle]


@pytest.mark.parametrize("order", [("tiny", "cuhk-cpu"), ("cuhk-cpu", "tiny")])
def test_a_trial_keeps_run_and_seeds_and_has_results_of_its_own(with_overlays, order):
    config = {**with_overlays(*order), "seeds": [3, 4]}
    config["dataset"]["pairs"] = str(ROOT / "resources/demo/pairs.tsv")
    for loaded in loading.load(config, [config], {})[:2]:
        assert (loaded["run"], loaded["seeds"]) == ("cuhk-cpu-tiny", [3, 4])
    assert loading.load({**config, "trial": None}, [config], {})[0]["run"] == "cuhk-cpu"


def test_what_stands_in_the_place_of_results_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checks.blocked_folders("mine") == []
    results = tmp_path / "results"
    for target in ("nowhere", "results"):  # a missing disk, and a loop
        results.symlink_to(target)
        [problem] = checks.blocked_folders("mine")
        assert problem.startswith("results: is not a folder")
        results.unlink()
    results.mkdir()
    (results / "mine").write_text("a file")
    [problem] = checks.blocked_folders("mine")
    assert problem.startswith("results/mine: is not a folder")


def test_the_former_name_of_the_parser_is_read_and_hashed_as_the_present_one(config):
    for name in ("segmentation", "grabcut"):
        changed = with_values(config, {"parsing.backend": name})
        assert settings.parser_hparams(changed) == {"backend": "segmentation"}
        assert not checks.config_problems(changed)
