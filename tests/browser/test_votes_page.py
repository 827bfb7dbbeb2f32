"""The page of blind votes in a real browser: keys, focus, what is saved, and what is not told."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from photosketch.comparison.votes_page import votes_page
from photosketch.evaluation import votes
from photosketch.training.samples import Samples, ids_and_subsets
from support.click_page import ClickPage

METHODS = ["baseline", "local_glad", "their_method"]
LEFT, RIGHT, DOWN = Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN
# the colours of every shown text and of what lies behind it, and of the focus on what can have it
COLOURS = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const colour = rgb(getComputedStyle(node).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
  }
  return rgb(getComputedStyle(document.documentElement).backgroundColor);
};
const found = [];
for (const node of document.querySelectorAll("body *")) {
  const style = getComputedStyle(node);
  const text = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
  if (text && node.checkVisibility() && !node.disabled && node.tagName !== "SCRIPT")
    found.push([node.outerHTML.slice(0, 60), 4.5, rgb(style.color).slice(0, 3), behind(node)]);
  if (node.matches("button, input") && node.checkVisibility() && !node.disabled) {
    node.focus({ focusVisible: true });
    const outline = getComputedStyle(node);
    found.push([node.id + " " + outline.outlineStyle, outline.outlineStyle === "none" ? 99 : 3,
      rgb(outline.outlineColor).slice(0, 3), behind(node.parentElement)]);
  }
}
return found;
"""


@pytest.fixture
def written(tmp_path: Path, listed: Any) -> tuple[Path, Any]:
    """The page of two people's sketches by three methods, and the codes."""
    people = [pair for pair in listed if pair.split == "test"]
    random = np.random.default_rng(1)
    drawn = {
        name: Samples(
            *ids_and_subsets(people), random.integers(0, 256, (len(people), 250, 200), np.uint8)
        )
        for name in METHODS
    }
    codes = votes.sketch_codes(drawn)
    path = tmp_path / "votes.html"
    path.write_text(votes_page(people, drawn, codes, 12, 0), encoding="utf-8")
    return path, codes


@pytest.fixture
def page(browser: Any, written: tuple[Path, Any]) -> Any:
    opened = ClickPage(browser, written[0])
    browser.execute_script("localStorage.clear()")
    yield opened
    assert opened.complaints() == []


def start(page: ClickPage, name: str = "ann") -> None:
    """As the page is found: the name's field has the focus."""
    page.type(name, Keys.ENTER)


def focused(page: ClickPage) -> str:
    return page.browser.switch_to.active_element.get_attribute("id")


def shown(page: ClickPage) -> tuple[str, str]:
    """The pictures on the left and on the right."""
    left, right = page.browser.find_elements(By.CSS_SELECTOR, "#choices img")
    return left.get_attribute("src"), right.get_attribute("src")


def saved(folder: Path) -> Path:
    """The file, once it is there."""
    for _ in range(100):
        if files := list(folder.glob("*.csv")):
            return files[0]
        time.sleep(0.1)
    raise AssertionError("no file was saved")


def test_a_vote_needs_no_mouse_and_the_file_says_who_was_preferred(
    page: ClickPage, written: tuple[Path, Any], downloads: Path
) -> None:
    assert focused(page) == "name"
    start(page)
    assert focused(page) == "voting"  # Enter, pressed again, votes for nothing
    page.type(Keys.ENTER)
    assert page.text("progress") == "0 of 6 votes"
    before = shown(page)
    page.type(LEFT)
    assert shown(page) != before
    page.type(RIGHT, "t", DOWN, LEFT)
    assert page.text("progress") == "4 of 6 votes"
    page.type("z", "t")
    assert page.text("progress") == "3 of 6 votes"
    page.type(Keys.TAB, Keys.ENTER)  # the left sketch itself
    assert focused(page) == "left"
    page.type(Keys.TAB, Keys.TAB, Keys.SPACE, RIGHT)
    assert "last choice" in page.text("done")
    assert focused(page) == "save"
    page.type(Keys.ENTER)
    path = saved(downloads)
    assert path.name == "votes_ann.csv"
    assert page.text("message") == "Saved votes_ann.csv with 6 votes."
    table = votes.read_votes([path], written[1])
    assert table["choice"].tolist() == ["left", "right", "tie", "left", "right", "right"]
    assert table["true_sketch"].tolist() == ["no", "no", "yes", "yes", "no", "no"]
    assert set(table["voter"]) == {"ann"}
    pairs = {(row.id, *sorted([row.left, row.right])) for row in table.itertuples()}
    assert len(pairs) == 6


def test_votes_go_on_where_they_stopped_for_the_same_name_alone(page: ClickPage) -> None:
    start(page)
    page.type(LEFT, RIGHT)
    next_one = shown(page)
    page.browser.refresh()
    start(page)
    assert page.text("progress") == "2 of 6 votes"
    assert shown(page) == next_one
    page.browser.refresh()
    start(page, "ben")
    assert page.text("progress") == "0 of 6 votes"


def test_order_and_sides_are_the_voters_own_and_the_same_each_time(page: ClickPage) -> None:
    def order(name: str) -> list[tuple[str, str]]:
        page.browser.execute_script("localStorage.clear()")
        page.browser.refresh()
        start(page, name)
        seen = []
        for _ in range(6):
            seen.append(shown(page))
            page.type(LEFT)
        return seen

    orders = [order(name) for name in ("ann", "ann", "ben", "cleo")]
    assert orders[0] == orders[1]
    assert len({tuple(one) for one in orders}) == 3
    assert {frozenset(pair) for pair in orders[0]} == {frozenset(pair) for pair in orders[2]}
    assert len({pair for one in orders for pair in one}) > 6  # some are the other way round


def test_the_true_sketch_is_shown_on_request_and_a_held_key_is_one_vote(page: ClickPage) -> None:
    start(page)
    true_sketch = page.browser.find_element(By.ID, "true-sketch")
    assert not true_sketch.is_displayed()
    page.press("truth")
    assert true_sketch.is_displayed()
    held = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', repeat: true}))"
    page.browser.execute_script(held)
    assert page.text("progress") == "0 of 6 votes"
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys(LEFT).key_up(Keys.CONTROL).perform()
    assert page.text("progress") == "0 of 6 votes"


def test_no_name_of_a_method_and_no_other_file_is_in_the_page(page, written) -> None:
    text = re.sub(r"data:image/[^\"]*", "", written[0].read_text())
    assert [name for name in METHODS if name in text] == []
    assert not re.findall(r"""(?:src|href)=["'](?!data:)[^"']+""", text)
    for _, row in written[1].iterrows():
        assert row["code"] in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_focus_stand_out_in_light_and_dark(page: ClickPage, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def luminance(colour: list[float]) -> float:
        levels = np.array(colour) / 255
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    faint, seen = [], 0
    for step in ("welcome", "voting", "done"):
        if step == "voting":
            page.browser.find_element(By.ID, "name").click()
            start(page)
            page.type(LEFT, "t")
        elif step == "done":
            page.type(*[LEFT] * 5)
            page.press("save")
        for name, least, *colours in page.browser.execute_script(COLOURS):
            dark, light = sorted(map(luminance, colours))
            seen += 1
            if (light + 0.05) / (dark + 0.05) < least:
                faint.append((step, name, colours))
    assert faint == []
    assert seen > 30
