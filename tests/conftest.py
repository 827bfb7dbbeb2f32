"""Fixtures that unit and workflow tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def cufs() -> Path:
    """A folder of real pairs with its pairs.tsv; tests that need it skip without."""
    folder = os.environ.get("PHOTOSKETCH_CUFS")
    if not folder:
        pytest.skip("PHOTOSKETCH_CUFS is not set: no real pairs here")
    return Path(folder).resolve()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests run side by side: one thread each."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
