"""The page of blind votes in a real browser: keys, focus, and what is saved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.keys import Keys

from photosketch.comparison.votes_page import votes_page
from photosketch.data.pairs import Pair
from photosketch.evaluation import votes
from photosketch.training.samples import Samples, ids_and_subsets
from support.click_page import OpenPage

METHODS = ["baseline", "local_glad", "their_method"]
LEFT, RIGHT, DOWN = Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN
# votes for the left sketch until the end; what was shown, as [left, right]
ALL_LEFT = """
const shown = [], images = [...document.querySelectorAll("#choices img")];
while (document.getElementById("done").hidden) {
  shown.push(images.map((image) => image.src));
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
}
return shown;
"""
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
def codes(listed: list[Pair], tmp_path: Path) -> pd.DataFrame:
    """The codes of two people's sketches by three methods, of which the page is written."""
    people = [pair for pair in listed if pair.split == "test"]
    sketches = np.random.default_rng(1).integers(0, 256, (3, len(people), 250, 200), np.uint8)
    drawn = {
        name: Samples(*ids_and_subsets(people), own)
        for name, own in zip(METHODS, sketches, strict=True)
    }
    codes = votes.sketch_codes(drawn)
    text = votes_page(people, drawn, codes, 12, 0)
    (tmp_path / "votes.html").write_text(text, encoding="utf-8")
    return codes


@pytest.fixture
def written(codes: pd.DataFrame, tmp_path: Path) -> Path:
    return tmp_path / "votes.html"


@pytest.fixture(autouse=True)
def no_votes_of_other_tests(page: OpenPage) -> None:
    page.run("localStorage.clear()")


def start(page: OpenPage, name: str = "ann") -> None:
    """As the page is found: the name's field has the focus."""
    page.type(name, Keys.ENTER)


def focused(page: OpenPage) -> str:
    return page.browser.switch_to.active_element.get_attribute("id")


def shown(page: OpenPage) -> list[str]:
    """The pictures on the left and on the right."""
    return [image.get_attribute("src") for image in page.all("#choices img")]


def test_a_vote_needs_no_mouse_and_the_file_says_who_was_preferred(page, codes, downloads):
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
    path = page.saved(downloads)
    assert path.name == "votes_ann.csv"
    assert page.text("message") == "Saved votes_ann.csv with 6 votes."
    table = votes.read_votes([path], codes)
    assert table["choice"].tolist() == ["left", "right", "tie", "left", "right", "right"]
    assert table["true_sketch"].tolist() == ["no", "no", "yes", "yes", "no", "no"]
    assert set(table["voter"]) == {"ann"}
    pairs = {(row.id, *sorted([row.left, row.right])) for row in table.itertuples()}
    assert len(pairs) == 6


def test_votes_go_on_where_they_stopped_for_the_same_name_alone(page):
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


def test_order_and_sides_are_the_voters_own_and_the_same_each_time(page):
    orders = []
    for name in ("ann", "ann", "ben", "cleo"):
        page.run("localStorage.clear()")
        page.browser.refresh()
        start(page, name)
        orders.append([tuple(pair) for pair in page.run(ALL_LEFT)])
    assert {len(order) for order in orders} == {6}
    assert orders[0] == orders[1]
    assert len(set(map(tuple, orders))) == 3
    assert {frozenset(pair) for pair in orders[0]} == {frozenset(pair) for pair in orders[2]}
    assert len({pair for one in orders for pair in one}) > 6  # some are the other way round


def test_the_true_sketch_is_shown_on_request_and_a_held_key_is_one_vote(page):
    start(page)
    true_sketch = page.one("#true-sketch")
    assert not true_sketch.is_displayed()
    page.press("truth")
    assert true_sketch.is_displayed()
    page.run(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', repeat: true}))"
    )
    assert page.text("progress") == "0 of 6 votes"
    page.type(LEFT, holding=Keys.CONTROL)
    assert page.text("progress") == "0 of 6 votes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_focus_stand_out_in_light_and_dark(page, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def luminance(colour: list[float]) -> float:
        levels = np.array(colour) / 255
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    faint, seen = [], 0
    for step in ("welcome", "voting", "done"):
        if step == "voting":
            page.press("name")
            start(page)
            page.type(LEFT, "t")
        elif step == "done":
            page.type(*[LEFT] * 5)
            page.press("save")
        for name, least, *colours in page.run(COLOURS):
            dark, light = sorted(map(luminance, colours))
            seen += 1
            if (light + 0.05) / (dark + 0.05) < least:
                faint.append((step, name, colours))
    assert faint == []
    assert seen > 30
