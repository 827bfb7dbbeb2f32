"""Fixtures that unit and workflow tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from photosketch.data.pairs import Pair

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole workflows, browsers and made-up GPUs are slow, each test of them."""
    for item in items:
        if {"workflow", "browser", "gpu"} & set(item.path.relative_to(ROOT / "tests").parts):
            item.add_marker(pytest.mark.slow)


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
    import scipy.linalg  # noqa: F401, its BLAS is another than numpy's
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1)


@pytest.fixture(scope="session")
def listed(tmp_path_factory: pytest.TempPathFactory) -> "list[Pair]":
    """Three pairs AR 1, 2, 3 of noise, 200 x 250; the last one is a training pair."""
    import numpy as np
    from PIL import Image

    from photosketch.data.pairs import index_pairs

    folder = tmp_path_factory.mktemp("listed")
    random = np.random.default_rng(0)
    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for name, split in (("1", "test"), ("2", "test"), ("3", "train")):
        photo, sketch = random.integers(100, 255, (2, 250, 200, 3), np.uint8)
        Image.fromarray(photo).save(folder / f"photo{name}.png")
        Image.fromarray(sketch[:, :, 0]).save(folder / f"sketch{name}.png")
        lines.append(f"AR\t{name}\t{split}\tphoto{name}.png\tsketch{name}.png")
    (folder / "pairs.tsv").write_text("\n".join(lines))
    return index_pairs(folder / "pairs.tsv", (200, 250))


CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """A Chromium without a window; tests that need it skip where it or its driver is missing."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("chromium and chromium-driver are not installed: no browser here")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Where the browser saves what a page offers."""
    return tmp_path / "downloads"


@pytest.fixture
def browser(chromium: "Chrome", downloads: Path) -> "Chrome":
    """The Chromium of the session on an empty page, without what the test before it had set."""
    chromium.get("about:blank")
    for command, values in (
        ("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}),
        ("Emulation.clearDeviceMetricsOverride", {}),
        ("Emulation.setEmulatedMedia", {"features": []}),
    ):
        chromium.execute_cdp_cmd(command, values)
    chromium.set_window_size(1400, 900)
    chromium.get_log("browser")
    return chromium
