"""The page that a module's fixture `written` has written, in the browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from support.click_page import OpenPage


@pytest.fixture
def page(browser: Chrome, written: Path) -> Iterator[OpenPage]:
    """Opened; afterwards the browser's console must be clean."""
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}  # no scrolling under a click
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [reduced]})
    opened = OpenPage(browser, written)
    yield opened
    assert opened.complaints() == []
