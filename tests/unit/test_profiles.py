"""The profiles: what they share they say alike, and what they name is there."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = "\n".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
# rules that take over another's parts, and which one's
BASES = {new: base for base, new in re.findall(r"^use rule (\w+) as (\w+)", TEXT, re.MULTILINE)}
# what each rule says of its resources
RESOURCES = dict(
    re.findall(
        r"^rule (\w+):\n(?:(?!rule |use rule ).*\n)*?    resources:\n((?: {8}.*\n)+)",
        TEXT,
        re.MULTILINE,
    )
)
RULES = {*RESOURCES, *BASES}
LOCAL = set(
    re.findall(
        r"^rule (\w+):\n(?:(?!rule |use rule ).*\n)*?    localrule: True$", TEXT, re.MULTILINE
    )
)


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_a_profile_that_replaces_the_default_keeps_what_does_not_depend_on_the_machine(name):
    default = profile("default")
    del default["resources"]  # one machine's GPUs
    del default["show-failed-logs"]  # jobs elsewhere have no console of their own
    assert default.items() <= profile(name).items()


@pytest.mark.parametrize("rule", sorted(RULES - LOCAL))
def test_a_rule_that_goes_to_a_cluster_says_all_it_needs_without_defaults_of_a_profile(rule):
    """More memory and time with each attempt."""
    asked = RESOURCES.get(rule) or RESOURCES[BASES[rule]]
    assert re.search(r"^        mem_mb=by_attempt\(\d+\),", asked, re.MULTILINE)
    assert re.search(r"^        runtime=by_attempt\(\d+\),", asked, re.MULTILINE)
    assert re.search(r"^        gpu=(0|1|gpu),", asked, re.MULTILINE)


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_a_profile_says_of_a_rule_only_what_differs_by_machine(name):
    by_rule = profile(name)["set-resources"]
    assert set(by_rule) <= RULES - LOCAL
    for asked in by_rule.values():
        assert set(asked) <= {"gpu", "slurm_extra", "slurm_partition"}


def test_what_is_grouped_are_rules():
    assert set(profile("slurm")["groups"]) <= RULES - LOCAL
