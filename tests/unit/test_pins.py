"""The pins: complete, and the same for pip and conda."""

import re
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins(text: str) -> dict[str, str]:
    """Package names, normalised, and their versions."""
    found = re.findall(r"^([\w.-]+)==([\w.+-]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


REQUIRED = pins((ROOT / "requirements.txt").read_text())

WITH_PYTHON = {"pip", "setuptools"}  # in every environment of Python 3.11


def test_conda_users_get_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (listed,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert pins("\n".join(listed)) == REQUIRED
    assert "python=3.11" in environment["dependencies"]


def test_every_line_is_pinned():
    for name in ("requirements.txt", "requirements.in"):
        for line in (ROOT / name).read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                assert re.match(r"[\w.-]+==[\w.+]+(\s+#.*)?$", line), f"{name}: {line}"


def test_direct_dependencies_are_pinned_alike():
    direct = pins((ROOT / "requirements.in").read_text())
    assert direct.items() <= REQUIRED.items()


def test_what_is_installed_is_what_is_pinned_and_needs_nothing_unpinned():
    for name, version in REQUIRED.items():
        package = metadata.distribution(name)
        assert package.version == version, name
        for text in package.requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in {*REQUIRED, *WITH_PYTHON}, f"{name}: {text}"
