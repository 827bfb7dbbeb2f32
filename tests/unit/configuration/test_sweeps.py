"""Sweeps: the ablations of their points, and every mistake named."""

import copy

from photosketch.configuration import checks, settings, sweeps

WEIGHTS = {"ablation": "local", "key": "losses.local", "values": [0, 5.0, 25, 0.5]}


def expanded(config, **swept):
    """The expanded configuration and its sweeps, which must have no mistakes."""
    config = {**config, "sweeps": swept}
    assert sweeps.config_problems(config) == []
    return sweeps.expanded(config)[:2]


def test_a_point_is_the_ablation_with_one_other_value_or_the_ablation_that_has_it_already(config):
    before = copy.deepcopy(config)
    merged, [sweep] = expanded(config, weights=WEIGHTS)
    assert config == before
    assert sweep.points == (
        sweeps.Point(0, "local-local0", "baseline"),
        sweeps.Point(5, "local-local5", "local-local5"),
        sweeps.Point(25, "local-local25", "local"),
        sweeps.Point(0.5, "local-local0p5", "local-local0p5"),
    )
    assert list(merged["ablations"]) == [*config["ablations"], "local-local5", "local-local0p5"]
    local = settings.ablation_config(config, "local").hparams()
    for name, weight in (("local-local5", 5.0), ("local-local0p5", 0.5)):
        point = settings.ablation_config(merged, name).hparams()
        assert point == {**local, "losses": {"l1": 100.0, "glad": 0.0, "local": weight}}
    assert checks.config_problems(merged) == []


def test_a_point_that_is_written_as_an_ablation_is_one_of_those(config):
    config["ablations"]["local-local5"] = {"losses": {"local": 5}}
    merged, [sweep] = expanded(config, weights=WEIGHTS)
    assert sweep.points[1] == sweeps.Point(5, "local-local5", "local-local5")
    assert merged["ablations"].keys() - config["ablations"] == {"local-local0p5"}


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
    names = ["glad-warpface", "glad-lr1e-05", "glad-lr0p0001", "glad-jitter0"]
    assert list(merged["ablations"])[4:] == names
    assert [sweeps.Sweep.from_hparams(sweep.hparams()) for sweep in found] == found
    assert isinstance(found[0].hparams()["points"][0], dict)


def test_grids_leave_points_out_that_are_not_asked_for(config):
    rates = {"ablation": "local", "key": "lr", "values": [0.1], "show": True}
    merged, found = expanded(config, weights=WEIGHTS, rates=rates)
    points = ["local-local5", "local-local0p5", "local-lr0p1"]
    assert list(merged["ablations"]) == [*config["ablations"], *points]
    shown = sweeps.shown(list(merged["ablations"]), points, found)
    assert shown == [*config["ablations"], "local-lr0p1"]


def test_the_questions_overlay_sweeps_a_weight_between_two_ablations_that_are_there(with_overlays):
    merged, [sweep], _ = sweeps.expanded(with_overlays("demo", "questions"))
    assert [point.ablation for point in sweep.points] == ["baseline", "local", "local-local100"]
    assert {"local_feather", "local_blend", "local-local100"} < set(merged["ablations"])
