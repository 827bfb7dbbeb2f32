"""The configuration of config/config.yaml and its overlays, each read once."""

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from photosketch.configuration import loading

FOLDER = Path(__file__).parents[3] / "config"
read = functools.cache(loading.read_overlay)


@pytest.fixture
def config() -> dict[str, Any]:
    return copy.deepcopy(read(FOLDER / "config.yaml"))


@pytest.fixture
def with_overlays(config: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A function that merges overlays of config/, without dropped ablations."""

    def merge(*names: str) -> dict[str, Any]:
        overlays = [read(FOLDER / f"{name}.yaml") for name in names]
        return loading.without_dropped(
            copy.deepcopy(functools.reduce(loading.merged, overlays, config))
        )

    return merge
