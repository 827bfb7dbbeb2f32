"""The click page in a real browser: what a person clicks is what the merge takes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.keys import Keys

from photosketch.data import pairs
from photosketch.landmarks import click_page, merge
from photosketch.landmarks.manual import MANUAL_COLUMNS, manual_rows
from photosketch.landmarks.table import COLUMNS, points_of
from support.click_page import ClickPage

SHAPE = [(74.0, 110.0), (126.0, 111.0), (100.0, 140.0), (80.0, 170.0), (121.0, 171.0)]
CLICKED = [(70.0, 100.0), (120.0, 101.0), (95.0, 130.0), (75.0, 160.0), (115.0, 161.0)]
OLD_ROWS = ["AR,2,photo,71.5,101,121,102,96,131,76,161,116,162", 'AR,9"x,photo,,,,,,,,,,']


@pytest.fixture
def detected() -> dict[str, pd.DataFrame]:
    """Points of all images but the sketch and the photo of AR 1."""
    values = np.array(SHAPE).ravel()
    rows = [
        (name, modality, *values, 0.99, "mtcnn")
        for name in ("1", "2", "3")
        for modality in ("photo", "sketch")
        if (name, modality) not in {("1", "sketch"), ("1", "photo")}
    ]
    return {"AR": pd.DataFrame(rows, columns=list(COLUMNS))}


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """A manual file with a row that stays, one that is of no use, decimal commas and semicolons."""
    path = tmp_path / "manual.csv"
    rows = [",".join(MANUAL_COLUMNS), *OLD_ROWS]
    path.write_text("\n".join(row.replace(",", ";").replace(".", ",") for row in rows) + "\n")
    return path


@pytest.fixture
def page(browser, tmp_path, listed, detected, manual) -> ClickPage:
    """The page of the two missing images and of the sketch of AR 2."""
    text, count = click_page.annotation_page(
        listed, [detected], manual_rows(manual), ["AR/2/sketch"], "resources/manual_landmarks.csv"
    )
    assert count == 3
    path = tmp_path / "annotate.html"
    path.write_text(text, encoding="utf-8")
    return ClickPage(browser, path)


def close(found, expected) -> None:
    """To a quarter of a pixel: a pixel of the screen is less than half of one of the image."""
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=0.25)


def test_five_clicks_a_drag_and_the_download_are_what_the_merge_takes(
    page, tmp_path, downloads, listed, detected, manual
):
    asked = []
    for point in CLICKED:
        asked.append(re.search(r"Click the (.*) \(\d of 5\)", page.text("prompt"))[1])
        page.click(point)
    mouth = ["left corner of the mouth", "right corner of the mouth"]
    assert asked == ["left eye", "right eye", "tip of the nose", *mouth]
    assert "All five are placed" in page.text("prompt")
    moved = (99.0, 137.0)
    page.drag(CLICKED[2], moved)
    close(page.points(), [*CLICKED[:2], moved, *CLICKED[3:]])
    page.press("next")
    page.click(*SHAPE)
    second = page.points()
    file = page.download(downloads)
    assert file.name == "manual_landmarks.csv"
    assert "Save it as resources/manual_landmarks.csv" in page.text("message")

    lines = file.read_text().splitlines()
    assert lines[0] == ",".join(MANUAL_COLUMNS)
    assert lines[1] == OLD_ROWS[0]
    assert lines[2].startswith('AR,"9""x",photo,,')
    assert [line.rsplit(",", 10)[0] for line in lines[3:]] == ["AR,1,photo", "AR,1,sketch"]
    file.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")  # the useless row would be refused
    tables = merge.merge_landmarks(listed, detected, {}, file, tmp_path, "snakemake annotate", {})
    close(points_of(tables["AR"], "1", "photo"), [*CLICKED[:2], moved, *CLICKED[3:]])
    merged = points_of(tables["AR"], "1", "sketch")
    np.testing.assert_array_equal(merged, np.array(second, np.float32))
    sources = tables["AR"].set_index(["id", "modality"])["source"]
    assert sources["1", "photo"] == sources["2", "photo"] == "manual"
    assert sources["2", "sketch"] == "mtcnn"  # shown, but left as it was
    assert page.complaints() == []
    text = page.browser.page_source
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)[^"']+""", text)


def test_arrow_keys_move_the_selected_point_by_single_pixels(page):
    page.click((5.0, 100.0), CLICKED[1])
    page.type("1")
    before = page.points()
    page.type(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    after = page.points()
    np.testing.assert_allclose(np.subtract(after[0], before[0]), (2, -1), atol=1e-6)
    assert after[1] == before[1]
    page.type(*[Keys.ARROW_LEFT] * 12)  # beyond the edge
    assert page.points()[0][0] == 0


def test_undo_takes_back_clicks_drags_and_keys_one_by_one_across_images(page):
    page.click(*CLICKED)
    placed = page.points()
    page.drag(CLICKED[4], (130.0, 150.0))
    page.type(Keys.ARROW_RIGHT)
    page.press("next")
    page.click(SHAPE[0])
    page.undo()
    assert page.points() == [None] * 5
    page.undo()  # goes back to the first image, and takes the arrow key back
    assert "photo" in page.text("title")
    close(page.points()[4], (130.0, 150.0))
    page.undo()
    assert page.points() == placed
    page.undo()
    assert page.points() == [*placed[:4], None]


def test_next_and_previous_go_through_the_images(page):
    titles = [page.text("title")]
    for _ in range(2):
        page.type("n")
        titles.append(page.text("title"))
    assert titles == ["AR 1, photo", "AR 1, sketch", "AR 2, sketch"]
    page.press("previous")
    assert page.text("title") == "AR 1, sketch"


def test_hint_shows_the_mean_points_where_none_is_placed(page):
    # one script reads all circles: the page draws them again when its window changes
    circles = (
        "return [...document.querySelectorAll('#picture .hint')]"
        ".map((c) => [c.cx.baseVal.value, c.cy.baseVal.value])"
    )
    # two detected photos at SHAPE, but that of AR 2 is placed by hand: the mean of both
    by_hand = np.array(OLD_ROWS[0].split(",")[3:], float).reshape(5, 2)
    np.testing.assert_allclose(page.run(circles), (by_hand + SHAPE) / 2, atol=0.01)
    assert page.text("hinted") == "the subset has it on average"
    page.click(CLICKED[0])
    assert len(page.run(circles)) == 4


def test_swapped_eyes_are_pointed_out_and_unfinished_images_are_not_in_the_file(page, downloads):
    page.click(CLICKED[1], CLICKED[0], *CLICKED[2:4])
    assert "left eye must be left of the right one" in page.text("faults")
    lines = page.download(downloads).read_text().splitlines()
    assert len(lines) == 3
    assert "Left out: 2 without all five points" in page.text("message")


def test_loupe_shows_what_is_under_the_pointer(page, listed):
    page.hover((60.0, 80.0))
    script = (
        "const c = document.getElementById('loupe');"
        "const at = (dx, dy) => [...c.getContext('2d').getImageData("
        "c.width / 2 + dx, c.height / 2 + dy, 1, 1).data].slice(0, 3);"
        "return [at(-5 * 16 - 3, -5 * 16 - 3), at(5 * 16 - 3, 5 * 16 - 3)];"
    )
    photo = pairs.read_image(listed[0], "photo").astype(int)
    for colour, (x, y) in zip(page.run(script), [(55, 75), (65, 85)], strict=True):
        window = photo[y - 1 : y + 2, x - 1 : x + 2]
        assert np.abs(window - colour).max(axis=2).min() <= 1


def test_more_contrast_stretches_the_gray_levels_and_moves_nothing(page):
    levels = (
        "const c = document.getElementById('loupe');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return Math.min(...d.filter((_, i) => i % 4 === 1).slice(0, 5000));"
    )
    page.click(CLICKED[0])
    before = page.points()
    assert page.run(levels) >= 100  # the noise is between 100 and 255
    page.type("c")
    page.hover(CLICKED[1])
    assert page.run(levels) < 50
    assert page.points() == before
    page.press("contrast")
    page.hover(CLICKED[0])
    assert page.run(levels) >= 100
