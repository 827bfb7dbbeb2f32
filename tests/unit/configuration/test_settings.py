"""The configuration: canonical hyper-parameters, and mistakes that are all named."""

import copy
import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.io import PeriodicityDetector
from snakemake.utils import update_config

from photosketch.configuration import settings
from photosketch.configuration.settings import LossWeights, RunSettings, TrainConfig
from photosketch.data.pairs import name_problem
from photosketch.evaluation.distances import InnerProducts, weighted_distances
from photosketch.evaluation.metrics import METRICS
from photosketch.geometry import similarity
from photosketch.jobs.job import InputError

ROOT = Path(__file__).parents[3]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def with_value(config, key, value):
    """A copy of `config` with the dotted `key` set."""
    changed = copy.deepcopy(config)
    section = changed
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    return changed


def schema_keys(schema, prefix=""):
    """Every dotted key that the schema describes."""
    for name, node in schema.get("properties", {}).items():
        node = {**SCHEMA["$defs"].get(node.get("$ref", "").rpartition("/")[2], {}), **node}
        yield prefix + name, node
        yield from schema_keys(node, f"{prefix}{name}.")


def test_the_full_config_is_the_reports_experiment(config):
    assert settings.problems(config, SCHEMA) == []
    assert settings.evaluated_epochs(config) == list(range(500, 801, 10))
    weights = {name: settings.ablation_config(config, name).losses for name in config["ablations"]}
    assert weights == {
        "baseline": LossWeights(l1=100),
        "glad": LossWeights(l1=100, glad=100),
        "local": LossWeights(l1=100, local=25),
        "local_glad": LossWeights(l1=100, glad=100, local=25),
    }
    assert settings.ablation_config(config, "baseline").epochs == 800


def test_every_key_is_in_config_yaml_and_described_in_the_schema_and_in_the_readme(config):
    readme = (ROOT / "config/README.md").read_text()
    for key, node in schema_keys(SCHEMA):
        assert node.get("description"), f"{key} has no description in the schema"
        if key.startswith("ablations."):
            continue
        value = config
        for part in key.split("."):
            if value is None:  # a section that is off
                break
            assert part in value, f"{key} is not in config.yaml"
            value = value[part]
        if not isinstance(value, dict):
            assert f"`{key}`" in readme, f"{key} is not in config/README.md"


def test_defaults_in_the_readme_are_those_of_config_yaml(config):
    rows = re.findall(
        r"^\| `([\w.]+)` \|[^|]*\| `([^`]*)` \|", (ROOT / "config/README.md").read_text(), re.M
    )
    assert len(rows) > 20
    for key, default in rows:
        value = config
        for part in key.split("."):
            value = value[part]
        assert yaml.safe_load(default) == value, key


def test_the_warp_overlay_adds_two_ablations_and_changes_nothing_else(config):
    overlay = yaml.safe_load((ROOT / "config/warp.yaml").read_text())
    assert set(overlay) == {"ablations"}
    merged = {**config, "ablations": {**config["ablations"], **overlay["ablations"]}}
    assert settings.problems(merged, SCHEMA) == []
    local = settings.ablation_config(merged, "local").hparams()
    assert "warp" not in local
    for name, warp in (("local_warp", "face"), ("local_warp_region", "region")):
        added = settings.ablation_config(merged, name)
        assert added.hparams() == {**local, "warp": warp}
        assert TrainConfig.from_hparams(added.hparams()) == added
    assert TrainConfig.from_hparams(local).warp == "none"


def test_hparams_do_not_depend_on_key_order_or_number_spelling(config):
    reordered = dict(reversed(config["train"].items()))
    reordered |= {"lr": 2e-4, "losses": {"local": 0, "glad": 0.0, "l1": 100.0}}
    changed = {**config, "train": reordered}
    for ablation in config["ablations"]:
        before = settings.ablation_config(config, ablation).hparams()
        after = settings.ablation_config(changed, ablation).hparams()
        assert repr(before) == repr(after)


def test_hparams_leave_out_what_is_off_and_only_that(config):
    baseline = settings.ablation_config(config, "baseline").hparams()
    assert baseline["losses"] == {"l1": 100.0}
    assert "lr_decay_epochs" not in baseline
    assert "glad_form" not in baseline
    assert "precision" not in baseline
    in_16_bits = with_value(config, "train.precision", "bf16")
    assert settings.ablation_config(in_16_bits, "baseline").hparams()["precision"] == "bf16"
    assert not {"fusion", "flip"} & baseline.keys()
    flipped = with_value(config, "train.flip", True)
    assert settings.ablation_config(flipped, "baseline").hparams()["flip"] is True
    attention = with_value(config, "train.fusion", "attention")
    assert "fusion" not in settings.ablation_config(config, "local").hparams()
    assert "fusion" not in settings.ablation_config(attention, "baseline").hparams()
    local = settings.ablation_config(attention, "local")
    assert local.hparams()["fusion"] == "attention"
    assert TrainConfig.from_hparams(local.hparams()) == local
    assert baseline["beta1"] == 0.5
    assert baseline["jitter"] == 286
    assert settings.ablation_config(config, "glad").hparams()["glad_form"] == "magnitude"
    without_momentum = with_value(config, "train.beta1", 0)
    assert settings.ablation_config(without_momentum, "glad").hparams()["beta1"] == 0.0


def test_hparams_survive_the_way_to_the_job_and_back(config):
    for ablation in config["ablations"]:
        train = settings.ablation_config(config, ablation)
        assert TrainConfig.from_hparams(train.hparams()) == train


def test_keys_that_change_no_result_are_not_hyper_parameters(config):
    for key, value in (
        ("train.strip_every", 7),
        ("train.state_minutes", 0.5),
        ("train.keep", "last"),
        ("device", "cpu"),
        ("gpu_slots", 3),
    ):
        changed = with_value(config, key, value)
        assert (
            settings.ablation_config(changed, "glad").hparams()
            == settings.ablation_config(config, "glad").hparams()
        )


@pytest.mark.parametrize(
    ("key", "value"), [("strip_every", 7), ("state_minutes", 0.5), ("keep", "last")]
)
def test_settings_of_the_run_are_refused_in_an_ablation_and_taken_under_train(config, key, value):
    expected = f"ablations.local.{key}: is a setting of the whole run; set it under train"
    for override in (value, "of a wrong type"):
        changed = with_value(config, f"ablations.local.{key}", override)
        assert settings.problems(changed, SCHEMA) == [expected]
    changed = with_value(config, f"train.{key}", value)
    assert settings.problems(changed, SCHEMA) == []
    assert vars(RunSettings.from_config(changed["train"]))[key] == value


def test_an_unknown_key_of_an_ablation_is_told_the_hyper_parameters_alone(config):
    (problem,) = settings.problems(with_value(config, "ablations.local.epochz", 3), SCHEMA)
    hyper_parameters = {field.name for field in dataclasses.fields(TrainConfig)}
    assert problem.startswith("ablations.local.epochz: unknown key; known here: epochs, batch_size")
    assert {*problem.rpartition(": ")[2].split(", "), "frame"} == hyper_parameters


def test_every_key_of_train_is_a_hyper_parameter_or_a_setting_of_the_run(config):
    names = [
        field.name for kind in (TrainConfig, RunSettings) for field in dataclasses.fields(kind)
    ]
    names.remove("frame")  # of the data set, the same for all ablations
    assert sorted(names) == sorted(config["train"])


def test_an_ablation_overrides_only_what_it_names(config):
    changed = with_value(config, "ablations.glad", {"lr": 0.0001, "losses": {"glad": 50}})
    glad = settings.ablation_config(changed, "glad")
    assert (glad.lr, glad.losses, glad.ngf) == (0.0001, LossWeights(l1=100, glad=50), 64)


def test_ablations_keep_the_order_of_config_yaml_with_new_ones_behind():
    merged = ["wide", "glad", "tall", "baseline"]
    assert settings.ablation_order(merged, ["baseline", "glad", "local"]) == [
        "baseline",
        "glad",
        "wide",
        "tall",
    ]


def test_null_leaves_an_ablation_out(config):
    changed = settings.without_dropped(with_value(config, "ablations.local", None))
    assert list(changed["ablations"]) == ["baseline", "glad", "local_glad"]
    assert settings.problems(changed, SCHEMA) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.lr", "2e-4", "write 2.0e-4"),
        ("train.lr", 0, "above 0"),
        ("train.beta1", 1, "below 1"),
        ("train.ngf", 0.5, "integer"),
        ("train.jitter", 200, "0 or integer, at least 257"),
        ("train.jitter", {"a": 1}, "0 or integer, at least 257"),
        ("train.glad_form", "cubed", "magnitude, squared"),
        ("train.fusion", "minimum", "apdrawing, feather, attention, blend"),
        ("train.flip", 1, "boolean"),
        ("ablations.glad.losses.glad", -1, "at least 0"),
        ("ablations.bad name", {}, "matching"),
        ("seeds", [1, 1], "without repetition"),
        ("seeds", [], "at least 1 items"),
        ("evaluation.features", "vgg", "efficientnet-lite0 or {onnx, size, mean, std}"),
        ("dataset.size", [200], "at least 2 items"),
        ("run", "a/b", "matching"),
        ("evaluation.epochs.start", 500.0, "(write 500); allowed: integer"),
        ("train.epochs", 800.0, "(write 800)"),
        ("train.jitter", 0.0, "(write 0)"),
        ("dataset.sketch_channels", 1.0, "(write 1); allowed: 1, 3"),
        ("ablations.glad.ngf", 64.0, "(write 64)"),
    ],
)
def test_a_mistake_is_named_with_key_value_and_what_is_allowed(config, key, value, said):
    changed = with_value(config, key, value)
    (problem,) = settings.problems(changed, SCHEMA)
    assert key in problem
    assert said in problem


def test_seeds_are_integers_and_weights_and_rates_any_numbers(config):
    (problem,) = settings.problems(with_value(config, "seeds", [0, 1.0, True]), SCHEMA)[:1]
    assert "seeds.1: 1.0 is not allowed (write 1)" in problem
    assert len(settings.problems(with_value(config, "seeds", [0, 1.0, True]), SCHEMA)) == 2
    changed = with_value(config, "train.losses.l1", 100.0)
    changed = with_value(changed, "train.state_minutes", 5.0)
    changed = with_value(changed, "dataset.validation", 0.0)
    assert settings.problems(with_value(changed, "train.lr", 1), SCHEMA) == []


def test_all_mistakes_are_listed_at_once(config):
    changed = with_value(config, "train.lr", "2e-4")
    changed = with_value(changed, "train.epochz", 3)
    changed["dataset"].pop("pairs")
    changed["colour"] = 1
    changed["color"] = 2
    listed = "\n".join(settings.problems(changed, SCHEMA))
    for words in (
        "train.lr",
        "train.epochz: unknown key",
        "dataset.pairs: missing",
        "colour",
        "color",
    ):
        assert words in listed


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("evaluation.epochs.stop", 810, "beyond the 800 epochs"),
        ("evaluation.epochs.step", 7, "the nearest is 794"),
        ("evaluation.epochs.start", 801, "is after"),
        ("ablations.glad", {"epochs": 600}, "ablation glad"),
        ("train.lr_decay_epochs", 800, "must be below"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(config, key, value, said):
    assert said in "\n".join(settings.problems(with_value(config, key, value), SCHEMA))


@pytest.mark.parametrize(
    ("frame", "key", "value", "said"),
    [
        (
            512,
            "train.lr",
            0.001,
            r"train\.jitter: 286 .* 513 to 1024 \(572 is what 286 is to 256\)",
        ),
        (256, "train.jitter", 572, r"train\.jitter: 572 .* 257 to 512 "),
        (256, "ablations.glad", {"jitter": 600}, r"ablations\.glad\.jitter: 600 "),
        (256, "dataset.size", [400, 250], r"dataset\.size: 400x250 .* set dataset\.frame to 512"),
    ],
)
def test_images_fit_the_frame_and_the_jitter_exceeds_it(config, frame, key, value, said):
    changed = with_value(with_value(config, "dataset.frame", frame), key, value)
    (problem,) = settings.problems(changed, SCHEMA)
    assert re.search(said, problem)


def test_a_frame_of_512_is_a_hyper_parameter_of_every_ablation_and_256_of_none(config):
    assert "frame" not in settings.ablation_config(config, "local").hparams()
    large = with_value(with_value(config, "dataset.frame", 512), "dataset.size", [512, 400])
    large = with_value(large, "train.jitter", 0)
    assert settings.problems(large, SCHEMA) == []
    local = settings.ablation_config(large, "local")
    assert local.hparams()["frame"] == 512
    assert TrainConfig.from_hparams(local.hparams()) == local


def test_the_demo_overlay_is_valid_and_keeps_the_four_ablations(config):
    overlay = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    for section, values in overlay.items():
        config[section] = {**config[section], **values} if isinstance(values, dict) else values
    assert settings.problems(config, SCHEMA) == []
    assert len(config["ablations"]) == 4


@pytest.mark.parametrize("before", [[], ["report2019.yaml"], ["cuhk-cpu.yaml"], ["warp.yaml"]])
def test_the_tiny_overlay_shortens_the_defaults_and_other_overlays(config, before):
    for name in [*before, "tiny.yaml"]:
        update_config(config, yaml.safe_load((ROOT / "config" / name).read_text()))
    assert settings.problems(config, SCHEMA) == []
    assert settings.evaluated_epochs(config) == [1, 2]
    assert config["run"] == "tiny"


def test_the_overlay_of_the_report_is_its_protocol_with_its_values(config):
    overlay = yaml.safe_load((ROOT / "config/report2019.yaml").read_text())
    update_config(config, overlay)
    assert settings.problems(config, SCHEMA) == []
    assert settings.evaluated_epochs(config) == list(range(500, 801, 10))
    baseline = settings.ablation_config(config, "baseline")
    assert (baseline.batch_size, baseline.epochs, baseline.lr) == (1, 800, 1e-4)
    assert (baseline.lr_decay_epochs, baseline.jitter) == (0, 286)
    assert config["dataset"]["sketch_channels"] == 3
    assert settings.scoring_hparams(config) == {"scored_as": "report2019"}
    published = settings.published_hparams(config)
    values = {name: entry["fid"]["all"] for name, entry in published.items()}
    assert list(values.values()) == [28.43, 28.0, 30.88, 32.08, 26.96]
    assert {entry["features"] for entry in published.values()} == {"inception-imagenet"}


def test_scoring_as_drawn_is_no_hyper_parameter(config):
    assert settings.scoring_hparams(config) == {}


def test_published_values_are_told_from_ablations_methods_and_unknown_subsets(config):
    entry = {"source": "a paper", "features": "inception-tf", "fid": {"all": 28, "AR": 30}}
    config["published"] = {"glad": entry, "theirs": entry, "paper": entry}
    config["methods"] = {"theirs": "somewhere"}
    clashes = settings.problems(config, SCHEMA)
    assert len(clashes) == 2
    assert "published.glad: an ablation has that name" in clashes[0]
    assert "published.theirs: a method has that name" in clashes[1]
    config["published"] = {"paper": entry}
    assert settings.problems(config, SCHEMA) == []
    assert settings.unknown_published_subsets(config, ["AR", "all"]) == []
    [unknown] = settings.unknown_published_subsets(config, ["CUHK", "all"])
    assert unknown.startswith("published.paper.fid.AR: ")
    assert unknown.endswith("known: CUHK, all")
    config["published"] = {"paper": {"source": "a paper", "fid": {"all": "low"}}}
    assert len(settings.problems(config, SCHEMA)) == 2  # no features, and no number


def test_files_that_are_named_and_missing_are_told_with_a_remedy(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed = with_value(config, "landmarks.manual", "manual.csv")
    changed = with_value(changed, "evaluation.weights", "weights.pth")
    changed = with_value(changed, "parsing.weights", "parser.onnx")
    manual, parser, weights = settings.missing_files(changed)
    assert "landmarks.manual: 'manual.csv' does not exist" in manual
    assert "parsing.weights: 'parser.onnx' does not exist; put the weights of resnet18" in parser
    assert "evaluation.weights: 'weights.pth' does not exist" in weights
    (tmp_path / "manual.csv").touch()
    (tmp_path / "parser.onnx").touch()
    (tmp_path / "weights.pth").touch()
    assert settings.missing_files(changed) == []
    assert settings.missing_files(with_value(changed, "landmarks.manual", None)) == []


def test_paths_that_no_file_can_have_are_missing_files(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for path in ("x" * 300, "loop", "loop/x"):
        changed = with_value(config, "landmarks.manual", path)
        changed = with_value(changed, "methods", {"theirs": path})
        manual, method = settings.missing_files(changed)
        assert f"landmarks.manual: {path!r} does not exist" in manual
        assert f"methods.theirs: {path!r} is no folder" in method


@pytest.mark.parametrize("name", ["a" * 64, "x" + "b1" * 20])
def test_names_that_snakemake_takes_for_a_loop_are_refused(config, name):
    (problem,) = settings.problems(
        with_value(config, "ablations", {"baseline": {}, name: {}}), SCHEMA
    )
    assert f"ablations.{name}: ends in 20 repetitions" in problem
    assert PeriodicityDetector().is_periodic(name)
    assert PeriodicityDetector().is_periodic(name[:18]) is None
    assert name_problem("subset", name)
    assert not name_problem("subset", name[:18])


def test_a_name_longer_than_file_names_can_be_is_refused():
    name = "".join(map(str, range(100)))
    for column in ("subset", "id"):
        assert f"has {len(name)} characters; use at most 128" in name_problem(column, name)
        assert not name_problem(column, name[:128])


def test_values_of_the_command_line_are_read_as_those_of_a_file():
    before = {"train": {"lr": 0.1, "flip": False, "ngf": 64}, "seeds": [0], "device": "cpu"}
    before |= {"landmarks": {"manual": "a.csv", "annotate": []}, "run": "cufs"}
    # as Snakemake has read them
    given = {
        "train": {"lr": "0.2", "flip": "true"},
        "seeds": ["0", "1"],
        "device": "cuda",
        "landmarks": {"manual": "null", "annotate": ["AR/1/photo"]},
    }
    assert settings.with_typed_values(before, given) == {
        "train": {"lr": 0.2, "flip": True, "ngf": 64},
        "seeds": [0, 1],
        "device": "cuda",
        "landmarks": {"manual": None, "annotate": ["AR/1/photo"]},
        "run": "cufs",
    }


OWN = {"onnx": "dino.onnx", "size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}


def test_a_network_of_ones_own_is_described_completely(config):
    assert settings.problems(with_value(config, "evaluation.features", OWN), SCHEMA) == []
    wrong = {"onnx": "dino.onnx", "size": 224.0, "mean": [123.7, 0.5], "sdt": [0.2, 0.2, 0.2]}
    assert set(settings.problems(with_value(config, "evaluation.features", wrong), SCHEMA)) == {
        "evaluation.features.std: missing",
        "evaluation.features.sdt: unknown key; known here: onnx, size, mean, std",
        "evaluation.features.mean: [123.7, 0.5] is not allowed; allowed: a list, of at least 3 "
        "items, of at most 3 items",
        "evaluation.features.mean.0: 123.7 is not allowed; allowed: number, at least 0, at most 1",
        "evaluation.features.size: 224.0 is not allowed (write 224); allowed: integer, at least "
        "16, at most 2048",
    }


def test_an_onnx_file_needs_no_weights_besides(config):
    changed = with_value(config, "evaluation.features", OWN)
    changed = with_value(changed, "evaluation.weights", "weights.pth")
    changed = with_value(changed, "evaluation.weights_sha256", 64 * "0")
    file, digest = settings.problems(changed, SCHEMA)
    assert "evaluation.weights: 'weights.pth' is given, but" in file
    assert "evaluation.weights_sha256: '000" in digest


def test_a_missing_onnx_file_is_told(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed = with_value(config, "landmarks.manual", None)
    changed = with_value(changed, "evaluation.features", OWN)
    (problem,) = settings.missing_files(changed)
    assert "evaluation.features.onnx: 'dino.onnx' does not exist" in problem
    (tmp_path / "dino.onnx").touch()
    assert settings.missing_files(changed) == []


def test_features_are_keyed_by_what_the_file_holds_not_by_where_it_lies(config, tmp_path):
    def hparams(file, **changes):
        features = {**OWN, "onnx": str(file), **changes}
        evaluation = {**config["evaluation"], "features": features}
        return settings.FeatureConfig.from_config(evaluation).hparams()

    file, copy = tmp_path / "dino.onnx", tmp_path / "copy" / "dino.onnx"
    copy.parent.mkdir()
    for path in (file, copy):
        path.write_bytes(b"a network")
    found = hparams(file)
    assert found == {
        "features": "dino",
        "weights_sha256": hashlib.sha256(b"a network").hexdigest(),
        "onnx": {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    }
    assert hparams(copy, std=[0.2, 0.20, 2e-1]) == found
    assert repr(hparams(file, mean=[0, 0, 0])) == repr(hparams(file, mean=[0.0, 0.0, 0.0]))
    assert settings.FeatureConfig.from_hparams({"epochs": [1], **found}).hparams() == found
    copy.write_bytes(b"another")
    assert hparams(copy) != found


def test_known_features_are_keyed_by_their_name_and_a_hash_where_one_is_given(config):
    evaluation = {**config["evaluation"], "features": "efficientnet-lite0"}
    assert settings.FeatureConfig.from_config(evaluation).hparams() == {
        "features": "efficientnet-lite0"
    }
    given = {**evaluation, "weights_sha256": 64 * "0"}
    hparams = settings.FeatureConfig.from_config(given).hparams()
    assert hparams == {"features": "efficientnet-lite0", "weights_sha256": 64 * "0"}
    assert settings.FeatureConfig.from_hparams(hparams).hparams() == hparams


def test_sketches_need_points_where_they_are_warped_or_looked_at_for_identity_alone(config):
    assert settings.sketch_points_needed_by(config) == []
    warped = {"losses": {"l1": 100}, "warp": "face"}
    asking = with_value(config, "ablations.baseline", warped)
    asking["evaluation"]["identity"] = True
    assert settings.sketch_points_needed_by(asking) == [
        "the warp of ablation baseline",
        "evaluation.identity",
    ]
    for split in ("train", "val"):  # identity looks test people up
        assert settings.sketch_points_needed_by(asking, split) == ["the warp of ablation baseline"]
    for_all = with_value(config, "train.warp", "region")
    assert len(settings.sketch_points_needed_by(for_all, "train")) == len(config["ablations"])


def test_the_warp_looks_for_faces_of_the_size_that_its_sketches_have(config):
    asking = with_value(config, "landmarks.min_face_size", 200)
    assert settings.warp_min_face_size(asking) == 200
    for align in ("each", "photo"):
        aligned = with_value(asking, "dataset.align", align)
        assert settings.warp_min_face_size(aligned) == 40
        for size, expected in (([400, 500], 80), ([100, 200], 20), ([64, 64], 10)):
            assert (
                settings.warp_min_face_size(with_value(aligned, "dataset.size", size)) == expected
            )
    assert settings.USUAL_SIZE == similarity.TEMPLATE_SIZE


def test_a_folder_of_label_maps_must_be_there(config, tmp_path):
    asking = with_value(config, "parsing.manual", str(tmp_path))
    (missing,) = set(settings.missing_files(with_value(config, "parsing.manual", "masks"))) - set(
        settings.missing_files(asking)
    )
    assert missing.startswith("parsing.manual: 'masks' is no folder")


def test_missing_weights_of_lpips_are_told_file_by_file(config, tmp_path):
    assert settings.lpips_files(config) is None
    changed = with_value(config, "evaluation.lpips", str(tmp_path))
    changed = with_value(changed, "landmarks.manual", None)
    assert settings.lpips_files(changed) == [str(tmp_path / name) for name in settings.LPIPS_FILES]
    vgg, linear = settings.missing_files(changed)
    assert f"evaluation.lpips: '{tmp_path}/vgg16-397923af.pth' does not exist; put" in vgg
    assert f"'{tmp_path}/lpips_weights.pt' does not exist" in linear
    (tmp_path / "lpips_weights.pt").touch()
    assert settings.missing_files(changed) == [vgg]
    (tmp_path / "vgg16-397923af.pth").touch()
    assert settings.missing_files(changed) == []


def test_identity_without_its_packages_is_told_in_one_line(config, monkeypatch):
    changed = with_value(config, "landmarks.manual", None)
    monkeypatch.setattr(settings, "IDENTITY_PACKAGES", ("numpy", "no-such-package"))
    assert settings.missing_files(changed) == []
    changed = with_value(changed, "evaluation.identity", True)
    assert settings.missing_files(changed) == [
        "evaluation.identity: true needs the packages numpy and no-such-package; run make setup "
        "IDENTITY=1, or set false"
    ]
    monkeypatch.setattr(settings, "IDENTITY_PACKAGES", ("numpy",))
    assert settings.missing_files(changed) == []


def test_a_missing_folder_of_sketches_is_told_once(config, tmp_path):
    changed = with_value(config, "methods", {"theirs": str(tmp_path / "a"), "ours": str(tmp_path)})
    changed = with_value(changed, "landmarks.manual", None)
    (problem,) = settings.missing_files(changed)
    assert f"methods.theirs: '{tmp_path}/a' is no folder" in problem


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.lr", float("nan"), "train.lr: nan is no number"),
        ("train.losses.l1", float("inf"), "train.losses.l1: inf is no number"),
        ("seeds", [10**30], "seeds.0: 100000... (31 digits) is too large"),
        ("train.epochs", 10**400, "train.epochs: 100000... (401 digits)"),
        ("run", "demo\n", "run: 'demo\\n' has a line break"),
        ("dataset.pairs", "a\0b", "dataset.pairs: 'a\\x00b' has a line break or control"),
        ("ablations.mine\n", {}, "ablations.'mine\\n': a name with a line break"),
        (
            "run",
            2024,
            'is not allowed (in quotes, and in a file, for --config takes them off: "2024")',
        ),
    ],
)
def test_values_that_bounds_and_patterns_let_through_are_refused(config, key, value, said):
    assert said in "\n".join(settings.problems(with_value(config, key, value), SCHEMA))


def test_epochs_by_the_million_are_refused_before_they_are_listed(config):
    changed = with_value(config, "train.epochs", 10**9)
    changed = with_value(changed, "evaluation.epochs", {"start": 1, "stop": 10**9, "step": 1})
    (problem,) = settings.problems(changed, SCHEMA)
    assert "evaluation.epochs: 1000000000 epochs" in problem


def test_a_key_that_stands_twice_is_named_with_both_lines(tmp_path):
    file = tmp_path / "overlay.yaml"
    file.write_text(
        "train: {lr: 0.1}\nablations:\n  a: {}\n  b: {}\n  a: {ngf: 3}\ntrain: {ngf: 2}\n"
    )
    inner, outer = sorted(settings.repeated_keys(file))
    assert f"{file}, line 5: ablations.a is there already, in line 3" in inner
    assert f"{file}, line 6: train is there already, in line 1" in outer
    file.write_text("seeds: [{a: 1, a: 2}]\n")
    assert "seeds.0.a is there already" in settings.repeated_keys(file)[0]
    for text in ("", "a: 1\nb: {a: 1}\n"):
        file.write_text(text)
        assert settings.repeated_keys(file) == []


def test_paths_that_snakemake_would_read_otherwise_are_named_by_their_keys(config):
    changed = with_value(config, "dataset.pairs", "faces {1}/pairs.tsv")
    changed = with_value(changed, "methods", {"theirs": "<results>", "ours": "a b/$#*"})
    paths = settings.named_paths(changed)
    first, second = settings.paths_with_placeholders(paths.items())
    assert "dataset.pairs: 'faces {1}/pairs.tsv' has one of the characters { } < >" in first
    assert "methods.theirs: '<results>'" in second
    assert set(paths) == {"dataset.pairs", "landmarks.manual", "methods.theirs", "methods.ours"}


def test_null_is_for_ablations_that_are_defined_elsewhere(config):
    changed = with_value(with_value(config, "ablations.lcoal", None), "ablations.local", None)
    defined = {"ablations": set(config["ablations"]), "sweeps": {"weights"}}
    (problem,) = settings.unknown_nulls(changed, defined)
    assert "ablations.lcoal: null" in problem
    assert "write {}" in problem
    assert settings.unknown_nulls(changed, defined | {"ablations": {"lcoal", "local"}}) == []
    changed = {"sweeps": {"weights": None, "wieghts": None}}
    (problem,) = settings.unknown_nulls(changed, defined)
    assert "sweeps.wieghts: null leaves out a sweep" in problem
    assert settings.without_dropped(changed) == {"sweeps": {}}


def test_the_primary_metric_is_one_whose_differences_are_resampled(config):
    features = np.random.default_rng(0).normal(size=(4, 8))
    distances = weighted_distances(InnerProducts.of(features, features + 1), np.ones(4, int))
    resampled = [m.key for m in METRICS if m.per_image or m.key in distances]
    allowed = SCHEMA["properties"]["evaluation"]["properties"]["primary"]["enum"]
    assert sorted(allowed) == sorted(resampled)
    for key in set(allowed) - {"lpips"}:
        assert settings.problems(with_value(config, "evaluation.primary", key), SCHEMA) == []


def test_lpips_without_its_weights_is_refused_as_primary_metric(config):
    lpips = with_value(config, "evaluation.primary", "lpips")
    (problem,) = settings.problems(lpips, SCHEMA)
    assert problem.startswith("evaluation.primary: 'lpips', but LPIPS is left out")
    assert settings.problems(with_value(lpips, "evaluation.lpips", "weights"), SCHEMA) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "No such file or directory; correct the path"),
        ("", "holds no keys; "),
        ("7", "holds no keys; "),
        ("- run", "holds no keys; "),
        ("run: {a: 1", "is no YAML ("),
        ("\trun: a", "is no YAML ("),
        (b"\xff\xfe\x00", "is no YAML ("),
    ],
)
def test_overlays_that_are_none_are_named(tmp_path, text, fault):
    file = tmp_path / "my.yaml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        settings.read_overlay(file)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file}: {fault}")


def test_what_stands_in_the_place_of_results_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert settings.blocked_folders("mine") == []
    results = tmp_path / "results"
    for target in ("nowhere", "results"):  # another disk that is not there, and a loop
        results.symlink_to(target)
        [problem] = settings.blocked_folders("mine")
        assert problem.startswith("results: is no folder")
        results.unlink()
    results.mkdir()
    (results / "mine").write_text("a file")
    [problem] = settings.blocked_folders("mine")
    assert problem.startswith("results/mine: is no folder")
