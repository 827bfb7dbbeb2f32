"""The pins: complete, and the same for pip and conda."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(text: str) -> dict[str, str]:
    """Package names, normalised, and their versions."""
    found = re.findall(r"^([\w.-]+)==([\w.+-]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


REQUIRED = pins((ROOT / "requirements.txt").read_text())
EXTRAS = [path.name for path in ROOT.glob("requirements-*.txt")]

WITH_PYTHON = {"pip"}  # in every environment


def test_conda_users_get_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (listed,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert pins("\n".join(listed)) == REQUIRED
    assert "python=3.11" in environment["dependencies"]


def test_every_line_is_pinned():
    for name in ("requirements.txt", "requirements.in", *EXTRAS):
        for line in (ROOT / name).read_text().splitlines():
            if line.strip() and not line.startswith("#") and line != "-c requirements.txt":
                assert re.match(r"[\w.-]+==[\w.+]+(\s+#.*)?$", line), f"{name}: {line}"


def test_direct_dependencies_are_pinned_alike():
    direct = pins((ROOT / "requirements.in").read_text())
    assert direct.items() <= REQUIRED.items()


@pytest.mark.slow
def test_what_is_installed_is_what_is_pinned_and_needs_nothing_unpinned():
    assert_installed(REQUIRED, {*REQUIRED, *WITH_PYTHON})


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_needs_nothing_but_itself_and_what_everyone_has(extra):
    text = (ROOT / extra).read_text()
    assert "-c requirements.txt" in text.splitlines()  # else it could change what everyone has
    assert not pins(text).keys() & REQUIRED.keys()
    try:
        assert_installed(pins(text), {*REQUIRED, *pins(text), *WITH_PYTHON})
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"{extra} is not installed (no {error.name})")


def assert_installed(pinned: dict[str, str], known: set[str]) -> None:
    for name, version in pinned.items():
        package = metadata.distribution(name)
        assert package.version == version, name
        for text in package.requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in known, f"{name}: {text}"
