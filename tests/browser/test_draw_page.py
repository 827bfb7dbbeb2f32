"""The page of one's own photos in a real browser: the divide moves, and no request is made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photosketch.draw import folder
from photosketch.figures import page as pages


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, one of them tall and with two faces, and a file that is none."""
    random = np.random.default_rng(0)

    def picture(height: int, width: int) -> str:
        return folder.data_uri(random.integers(0, 256, (height, width, 3), np.uint8))

    def card(name: str, height: int, width: int, **more: Any) -> dict[str, Any]:
        both = {"photo": picture(height, width), "in_place": picture(height, width)}
        return {"name": name, "remarks": [], **both, **more}

    faces = [(picture(250, 200), f"{number}: found by MTCNN, score 0.99") for number in (1, 2)]
    cards = [
        card("a.jpg", 300, 400, sketches=faces[:1]),
        card("<b>.jpg", 1600, 800, sketches=faces, remarks=["a face is left out"]),
        {"name": "notes.txt", "remarks": ["is not an intact image"]},
    ]
    about = {"title": "Drawn by demo, local", "lead": "3 photos"}
    text = pages.render(folder.__file__, **about, cards=cards, links=["", "index_2.html"])
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, written: Path) -> Any:
    browser.get(written.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def all_of(driver: Any, selector: str) -> list[Any]:
    return driver.find_elements("css selector", selector)


def test_every_photo_is_there_with_its_sketches_and_every_other_file_with_its_reason(
    opened: Any,
) -> None:
    names = [title.text for title in all_of(opened, "article h2")]
    assert names == ["a.jpg", "<b>.jpg", "notes.txt"]
    assert [len(all_of(card, "figure")) for card in all_of(opened, "article")] == [1, 2, 0]
    assert [one.text for one in all_of(opened, ".warning")] == [
        "a face is left out",
        "is not an intact image",
    ]
    (link, *_) = all_of(opened, "nav a")
    assert link.get_attribute("href").endswith("index_2.html")


def test_the_divide_of_one_photo_follows_its_slider_and_no_other_does(opened: Any) -> None:
    first, second = all_of(opened, ".divide")
    opened.execute_script(
        "arguments[0].value = 20; arguments[0].dispatchEvent(new Event('input'))", first
    )
    cut = [over.value_of_css_property("clip-path") for over in all_of(opened, ".over")]
    assert cut == ["inset(0px 0px 0px 20%)", "inset(0px 0px 0px 50%)"]
    assert second.get_attribute("value") == "50"


def test_photo_and_sketches_lie_exactly_upon_each_other(opened: Any) -> None:
    for stage in all_of(opened, ".stage"):
        under, over = all_of(stage, "img")
        assert under.rect == pytest.approx(over.rect, abs=0.5)
        assert under.rect["height"] > 100


def test_a_slider_is_as_wide_as_its_picture(opened: Any) -> None:
    for stage, slider in zip(all_of(opened, ".stage"), all_of(opened, ".divide"), strict=True):
        for side in ("x", "width"):
            assert slider.rect[side] == pytest.approx(stage.rect[side], abs=0.5)
