"""The expected disk of a run, and its time by past jobs or by measured speeds."""

from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from photosketch.estimate import expectations
from photosketch.estimate.timing import Speed

ROWS = [
    {"subset": "CUHK", "split": split}
    for split, count in (("train", 268), ("test", 338))
    for _ in range(count)
]


@pytest.fixture
def full(root):
    """The full configuration, with four ablations that have no local networks."""
    config = yaml.safe_load((root / "config/config.yaml").read_text())
    return {**config, "ablations": {name: {} for name in ("a", "b", "c", "d")}}


@pytest.fixture
def config(full):
    """The same with two narrow ablations."""
    narrow = {**full["train"], "ngf": 2, "ndf": 2}
    return {**full, "train": narrow, "ablations": {"a": {}, "b": {}}}


def expected(config, rows=ROWS, **changes):
    """The disk of a run with changed sections; of dicts only the given keys change."""
    for name, change in changes.items():
        config = {
            **config,
            name: {**config[name], **change} if isinstance(change, dict) else change,
        }
    return expectations.expected_bytes(config, rows)


def test_the_full_run_needs_the_disk_that_its_generators_and_states_fill(full):
    disk = expected(full)
    assert disk["generators"] == pytest.approx(27e9, rel=0.01)
    # Adam keeps two moments of each of the generator's and the discriminator's weights
    state = 3 * 4 * (54.4e6 + 2.77e6)
    assert disk["states for resuming"] == pytest.approx(4 * 2 * state, rel=0.01)
    assert disk["a state being written"] == pytest.approx(state, rel=0.01)
    assert disk["features"] == ((4 * 31 + 1) * 338 + 268) * 2048 * 4
    assert disk["warps"] == disk["aligned pictures"] == 0


@pytest.mark.slow
def test_settings_change_what_they_concern(config):
    disk = expected(config)
    twice = expected(config, seeds=[0, 1])
    for kind in ("generators", "states for resuming", "samples"):
        assert twice[kind] == 2 * disk[kind]
    last = expected(config, train={"keep": "last"})
    assert disk["states for resuming"] == 2 * last["states for resuming"]
    small = expected(config, evaluation={"features": "efficientnet-lite0"})
    assert small["features"] * 2048 == disk["features"] * 1280
    local = expected(config, ablations={"b": {"losses": {"local": 25}}})
    assert local["generators"] > disk["generators"]
    assert local["states for resuming"] > disk["states for resuming"]

    marked = [{**row, "split": "val"} if i < 27 else row for i, row in enumerate(ROWS)]
    for validated in (expected(config, marked), expected(config, dataset={"validation": 0.1})):
        assert validated["samples"] == disk["samples"] * (338 + 27) // 338
        assert validated["features"] == ((2 * 31 + 1) * (338 + 27) + 241) * 2048 * 4
        assert validated["tensors"] == disk["tensors"]

    warped = expected(config, ablations={"a": {"warp": "face"}, "b": {"warp": "region"}})
    assert warped["warps"] == 2 * 606 * 200 * 250 * 10
    assert warped["tensors"] - disk["tensors"] == 2 * 268 * 256**2 * 5
    assert expected(config, dataset={"frame": 512})["tensors"] == 4 * disk["tensors"]
    aligned = expected(config, dataset={"align": "each"})
    assert aligned["aligned pictures"] == 606 * 6 * 200 * 250
    theirs = expected(config, methods={"theirs": "folder"})
    assert theirs["samples"] - disk["samples"] == 338 * 200 * 250


def test_past_jobs_are_multiplied_and_rules_without_any_are_left_out():
    past = pd.DataFrame({"rule": ["train", "infer"], "jobs": [2, 1], "seconds": [7200.0, 60.0]})
    seconds = expectations.past_seconds({"train": 4, "compare": 1}, past)
    assert seconds == {"train": pytest.approx(14400)}


def test_timed_jobs_take_as_long_as_their_images(config):
    config["ablations"]["b"] = {"epochs": 10}
    config["dataset"] = {**config["dataset"], "validation": 0.1}
    jobs = [
        ("train", {"ablation": "a", "seed": "0"}, 4),
        ("train", {"ablation": "b", "seed": "0"}, 4),
        ("infer", {"ablation": "a", "seed": "0"}, 4),
        ("infer_validation", {"ablation": "a", "seed": "0"}, 4),
        ("parse_faces", {"subset": "CUHK"}, 2),
        ("compare", {}, 1),
    ]
    planned = [SimpleNamespace(rule_name=r, wildcards=w, threads=t) for r, w, t in jobs]
    speeds = {name: Speed(image, drawing=0.25) for name, image in (("a", 1.0), ("b", 2.0))}
    seconds = expectations.timed_seconds(planned, config, ROWS, speeds, parsing=0.1)
    assert seconds == {
        "train": pytest.approx(800 * 241 + 2 * 10 * 241),
        "infer": pytest.approx(31 * 338 / 4),
        "infer_validation": pytest.approx(31 * 27 / 4),
        "parse_faces": pytest.approx(2 * 606 * 0.1 / 2),
    }
    assert expectations.timed_seconds(planned, config, ROWS, {}, None) == {}
