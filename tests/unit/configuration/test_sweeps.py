"""Sweeps: the ablations that their points become, and every mistake named."""

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from photosketch.configuration import settings, sweeps

ROOT = Path(__file__).parents[3]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
WEIGHTS = {"ablation": "local", "key": "losses.local", "values": [0, 5.0, 25, 0.5]}


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def expanded(config, **swept):
    """The expanded configuration and its sweeps, which have to be without mistakes."""
    config = {**config, "sweeps": swept}
    assert sweeps.problems(config, SCHEMA) == []
    return sweeps.expanded(config)


def problems(config, **swept):
    return sweeps.problems({**config, "sweeps": swept}, SCHEMA)


def test_a_point_is_the_ablation_with_one_other_value(config):
    before = copy.deepcopy(config)
    merged, [sweep] = expanded(config, weights=WEIGHTS)
    assert config == before
    assert list(merged["ablations"]) == [*config["ablations"], "local-local5", "local-local0p5"]
    local = settings.ablation_config(config, "local").hparams()
    for name, weight in (("local-local5", 5.0), ("local-local0p5", 0.5)):
        point = settings.ablation_config(merged, name).hparams()
        assert point == {**local, "losses": {"l1": 100.0, "local": weight}}
    assert settings.problems(merged, SCHEMA) == []
    assert sweep.points[1] == sweeps.Point(5, "local-local5", "local-local5")


def test_a_point_with_the_hyper_parameters_of_an_ablation_is_that_one(config):
    _, [sweep] = expanded(config, weights=WEIGHTS)
    assert [(point.name, point.ablation) for point in sweep.points] == [
        ("local-local0", "baseline"),
        ("local-local5", "local-local5"),
        ("local-local25", "local"),
        ("local-local0p5", "local-local0p5"),
    ]
    # of several that are alike, the one that is swept
    alike = {**config, "ablations": {"first": {"lr": 0.1}, "second": {"lr": 0.1}}}
    _, [sweep] = expanded(
        {**alike, "reference": "first"}, rates={"ablation": "second", "key": "lr", "values": [0.1]}
    )
    assert [point.ablation for point in sweep.points] == ["second"]


def test_a_point_that_is_written_as_an_ablation_is_one_of_those(config):
    config["ablations"]["local-local5"] = {"losses": {"local": 5}}
    merged, [sweep] = expanded(config, weights=WEIGHTS)
    assert sweep.points[1] == sweeps.Point(5, "local-local5", "local-local5")
    assert sweeps.points_alone(merged["ablations"], config) == ["local-local0p5"]


def test_a_point_of_two_sweeps_has_the_name_of_the_first(config):
    other = {"ablation": "baseline", "key": "losses.local", "values": [5, 7]}
    merged, [_, second] = expanded(config, weights=WEIGHTS, others=other)
    assert [point.ablation for point in second.points] == ["local-local5", "baseline-local7"]
    assert "baseline-local5" not in merged["ablations"]


def test_names_are_made_of_any_value_that_a_hyper_parameter_has(config):
    swept = {
        "warps": {"ablation": "glad", "key": "warp", "values": ["none", "face"]},
        "rates": {"ablation": "glad", "key": "lr", "values": [0.00001, 0.0001]},
        "crops": {"ablation": "glad", "key": "jitter", "values": [0, 286]},
    }
    merged, found = expanded(config, **swept)
    assert list(merged["ablations"])[4:] == [
        "glad-warpface",
        "glad-lr1e-05",
        "glad-lr0p0001",
        "glad-jitter0",
    ]
    assert [sweeps.Sweep.from_hparams(sweep.hparams()) for sweep in found] == found
    assert isinstance(found[0].hparams()["points"][0], dict)


def test_grids_leave_points_out_that_are_not_asked_for(config):
    rates = {"ablation": "local", "key": "lr", "values": [0.1], "show": True}
    merged, found = expanded(config, weights=WEIGHTS, rates=rates)
    points = sweeps.points_alone(merged["ablations"], config)
    assert points == ["local-local5", "local-local0p5", "local-lr0p1"]
    shown = sweeps.shown(list(merged["ablations"]), points, found)
    assert shown == [*config["ablations"], "local-lr0p1"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"ablation": "lcoal"},
            "sweeps.s.ablation: 'lcoal' is no ablation; choose one of baseline",
        ),
        ({"key": "losses"}, "sweeps.s.key: 'losses' is no hyper-parameter; choose one of epochs"),
        ({"key": "losses.loca"}, "losses.glad, losses.local"),
        ({"key": "strip_every"}, "'strip_every' is a setting of the whole run"),
        ({"values": []}, "sweeps.s.values: [] is not allowed"),
        ({"values": [5, 5.0]}, "without repetition"),
        ({"values": [5, -5]}, "sweeps.s.values.1 (local-local-5): -5 is not allowed"),
        ({"key": "lr", "values": ["2e-4"]}, "(local-lr2e-4): '2e-4' is not allowed (YAML reads"),
        ({"key": "ngf", "values": [True]}, "(local-ngftrue): True is not allowed; allowed: int"),
        ({"key": "jitter", "values": [3]}, "allowed: 0 or integer, at least 257"),
        ({"key": "epochs", "values": [3]}, "beyond the 3 epochs that ablation local-epochs3"),
        ({"ablation": "baseline", "key": "glad_form", "values": ["magnitude", "squared"]}, "same"),
        ({"values": [0.1234567890123451, 0.1234567890123452]}, "already of something with other"),
        ({"colour": 3}, "sweeps.s.colour: unknown key"),
    ],
)
def test_a_mistake_is_named_with_the_sweep_and_the_value(config, changed, said):
    [problem] = problems(config, s={**WEIGHTS, **changed})
    assert said in problem
    assert "sweeps.s" in problem or "local-epochs3" in problem


def test_names_that_are_taken_are_refused(config):
    config["ablations"]["local-local5"] = {"ngf": 3}
    config["methods"] = {"local-local0p5": "theirs"}
    [problem] = problems(config, weights=WEIGHTS)
    assert "local-local5 is the name of the point 5.0, and already of something" in problem
    del config["ablations"]["local-local5"]
    [problem] = problems(config, weights=WEIGHTS)
    assert "methods.local-local0p5: an ablation has that name" in problem


def test_all_mistakes_are_listed_at_once(config):
    config["train"]["lr"] = 3
    found = problems(
        config,
        one={"ablation": "lcoal", "key": "lr", "values": [2, "x"]},
        two={"ablation": "local", "key": "lrr", "values": []},
    )
    assert len(found) == 6
    for words in ("train.lr", "one.ablation", "one.values.0", "one.values.1", "two.key", "two.val"):
        assert any(words in text for text in found)
    for malformed in ([], {"one": 3}, {"one": {"ablation": 3, "key": [], "values": 3}}):
        assert problems({**config, "train": 3}, **dict(one=malformed))
    assert sweeps.problems({**config, "sweeps": []}, SCHEMA)
    assert problems({**config, "ablations": {5: {}}}, one={**WEIGHTS, "ablation": "five"})


def test_the_questions_overlay_sweeps_a_weight_between_two_ablations_that_are_there(config):
    for name in ("demo", "questions"):
        update_config(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    config = settings.without_dropped(config)
    assert sweeps.problems(config, SCHEMA) == []
    merged, [sweep] = sweeps.expanded(config)
    assert [point.ablation for point in sweep.points] == ["baseline", "local", "local-local100"]
    assert {"local_feather", "local_blend", "local-local100"} < set(merged["ablations"])
