"""The configuration of config/config.yaml and its overlays, each read once."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from photosketch.configuration import loading


@cache
def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


@pytest.fixture
def config(root: Path) -> dict[str, Any]:
    return copy.deepcopy(read(root / "config/config.yaml"))


@pytest.fixture
def with_overlays(root: Path, config: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A function that merges overlays of config/ as Snakemake does, without dropped ablations."""

    def merge(*names: str) -> dict[str, Any]:
        merged = copy.deepcopy(config)
        for name in names:
            update_config(merged, read(root / f"config/{name}.yaml"))
        return loading.without_dropped(merged)

    return merge
