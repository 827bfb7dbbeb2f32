"""What a run is going to take: jobs, disk, memory, time."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from photosketch.estimate import expectations
from photosketch.jobs.job import InputError

ROWS = [
    {"subset": "CUHK", "split": split}
    for split, count in (("train", 268), ("test", 338))
    for _ in range(count)
]


@pytest.fixture
def config(root: Path) -> dict[str, Any]:
    """The full configuration with four ablations without local networks."""
    config = yaml.safe_load((root / "config/config.yaml").read_text())
    return {**config, "ablations": {name: {} for name in ("a", "b", "c", "d")}}


def test_the_full_run_needs_the_disk_that_its_generators_and_states_fill(
    config: dict[str, Any],
) -> None:
    disk = expectations.expected_bytes(config, ROWS)
    assert disk["generators"] == pytest.approx(27e9, rel=0.01)
    # Adam keeps two moments of each of the generator's and the discriminator's weights
    state = 3 * 4 * (54.4e6 + 2.77e6)
    assert disk["states for resuming"] == pytest.approx(4 * 2 * state, rel=0.01)
    assert disk["a state being written"] == pytest.approx(state, rel=0.01)
    assert disk["features"] == (4 * 31 + 1) * 338 * 2048 * 4
    assert disk["warps"] == 0
    twice = expectations.expected_bytes({**config, "seeds": [0, 1]}, ROWS)
    for kind in ("generators", "states for resuming", "samples"):
        assert twice[kind] == 2 * disk[kind]


def test_features_take_as_much_as_their_network_gives(config: dict[str, Any]) -> None:
    disk = expectations.expected_bytes(config, ROWS)
    evaluation = {**config["evaluation"], "features": "efficientnet-lite0"}
    small = expectations.expected_bytes({**config, "evaluation": evaluation}, ROWS)
    assert small["features"] * 2048 == disk["features"] * 1280


def test_the_last_state_alone_takes_half(config: dict[str, Any]) -> None:
    last = {**config, "train": {**config["train"], "keep": "last"}}
    both, one = (
        expectations.expected_bytes(c, ROWS)["states for resuming"] for c in (config, last)
    )
    assert both == 2 * one


def test_local_networks_validation_warps_and_methods_take_more(config: dict[str, Any]) -> None:
    disk = expectations.expected_bytes(config, ROWS)
    local = {**config, "ablations": {**config["ablations"], "d": {"losses": {"local": 25}}}}
    more = expectations.expected_bytes(local, ROWS)
    assert more["generators"] > disk["generators"]
    assert more["states for resuming"] > disk["states for resuming"]

    marked = [{**row, "split": "val"} if i < 27 else row for i, row in enumerate(ROWS)]
    shared = {**config, "dataset": {**config["dataset"], "validation": 0.1}}
    for validated in (
        expectations.expected_bytes(config, marked),
        expectations.expected_bytes(shared, ROWS),
    ):
        assert validated["samples"] == disk["samples"] * (338 + 27) // 338
        assert validated["features"] == (4 * 31 + 1) * (338 + 27) * 2048 * 4
        assert validated["tensors"] == disk["tensors"]

    ablations = {**config["ablations"], "c": {"warp": "face"}, "d": {"warp": "region"}}
    warped = expectations.expected_bytes({**config, "ablations": ablations}, ROWS)
    assert warped["warps"] == 2 * 606 * 200 * 250 * 10
    assert warped["tensors"] - disk["tensors"] == 2 * 268 * 256**2 * 5

    large = {**config, "dataset": {**config["dataset"], "frame": 512}}
    assert expectations.expected_bytes(large, ROWS)["tensors"] == 4 * disk["tensors"]

    aligned = {**config, "dataset": {**config["dataset"], "align": "each"}}
    assert expectations.expected_bytes(aligned, ROWS)["aligned pictures"] == 606 * 6 * 200 * 250
    assert disk["aligned pictures"] == 0

    theirs = expectations.expected_bytes({**config, "methods": {"theirs": "folder"}}, ROWS)
    assert theirs["samples"] - disk["samples"] == 338 * 200 * 250


def test_past_jobs_are_multiplied_and_rules_without_any_are_left_out() -> None:
    past = pd.DataFrame({"rule": ["train", "infer"], "jobs": [2, 1], "seconds": [7200.0, 60.0]})
    seconds = expectations.past_seconds({"train": 4, "compare": 1}, past)
    assert seconds == {"train": pytest.approx(14400)}


def test_rules_that_go_to_a_cluster_ask_for_memory_training_for_most(root: Path) -> None:
    rules = "\n".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    asked = expectations.asked_memory(rules)
    assert {"warp_sketches", "train", "evaluate"} <= asked.keys()
    assert max(asked, key=lambda rule: asked[rule]) == "train"
    assert asked["train"] == 8000


def test_jobs_are_those_of_the_table_that_a_dry_run_prints() -> None:
    printed = (
        "Building DAG of jobs...\nJob stats:\njob        count\n-------  -------\n"
        "all            1\ntrain          4\ntotal          5\n\n"
    )
    assert expectations.listed_jobs(printed) == {"train": 4}
    assert expectations.listed_jobs("Nothing to be done (all requested files are present).") == {}


def test_a_dry_run_that_says_neither_is_an_error_and_not_no_jobs() -> None:
    with pytest.raises(InputError, match="neither 'Job stats' nor 'Nothing to be done'"):
        expectations.listed_jobs("Building DAG of jobs...\n")
