"""The profiles: what they share they say alike, and what they name is there."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = set(
    re.findall(
        r"^(?:use rule \w+ as|rule) (\w+)",
        "\n".join(path.read_text() for path in ROOT.glob("workflow/rules/*.smk")),
        re.MULTILINE,
    )
)
LOCAL = set(
    re.findall(r"^    (\w+),$", (ROOT / "Snakefile").read_text().split("localrules:")[1], re.M)
)


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_a_profile_that_replaces_the_default_keeps_what_does_not_depend_on_the_machine(name):
    default = profile("default")
    del default["resources"]  # one machine's GPUs
    assert default.items() <= profile(name).items()


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_every_rule_that_goes_to_a_cluster_has_its_memory_and_time_in_the_profile(name):
    resources = profile(name)["set-resources"]
    assert set(resources) == RULES - LOCAL
    assert all({"mem_mb", "runtime"} <= set(asked) for asked in resources.values())


def test_jobs_ask_for_the_same_memory_and_time_on_every_kind_of_cluster():
    slurm, other = (
        {rule: (asked["mem_mb"], asked["runtime"]) for rule, asked in resources.items()}
        for resources in (profile(name)["set-resources"] for name in ("slurm", "cluster-generic"))
    )
    assert slurm == other


def test_what_is_grouped_are_rules():
    assert set(profile("slurm")["groups"]) <= RULES - LOCAL
