"""The page of one's own photos in a real browser: the divide moves, and no request is made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photosketch.draw import folder
from photosketch.figures.page import render


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
    text = render(folder.__file__, **about, cards=cards, links=["", "index_2.html"])
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_photo_is_there_with_its_sketches_and_every_other_file_with_its_reason(page):
    names = [title.text for title in page.all("article h2")]
    assert names == ["a.jpg", "<b>.jpg", "notes.txt"]
    assert [len(page.all(f"article:nth-of-type({n}) figure")) for n in (1, 2, 3)] == [1, 2, 0]
    reasons = [one.text for one in page.all(".warning")]
    assert reasons == ["a face is left out", "is not an intact image"]
    assert page.one("nav a").get_attribute("href").endswith("index_2.html")


def test_the_divide_of_one_photo_follows_its_slider_and_no_other_does(page):
    page.run(
        "const one = document.querySelector('.divide');"
        "one.value = 20; one.dispatchEvent(new Event('input'))"
    )
    cut = [over.value_of_css_property("clip-path") for over in page.all(".over")]
    assert cut == ["inset(0px 0px 0px 20%)", "inset(0px 0px 0px 50%)"]
    assert page.all(".divide")[1].get_attribute("value") == "50"


def test_photo_and_sketches_lie_exactly_upon_each_other_above_a_slider_as_wide(page):
    stages, sliders = page.all(".stage"), page.all(".divide")
    unders, overs = page.all(".stage > img:not(.over)"), page.all(".stage > .over")
    for stage, slider, under, over in zip(stages, sliders, unders, overs, strict=True):
        assert under.rect == pytest.approx(over.rect, abs=0.5)
        assert under.rect["height"] > 100
        for side in ("x", "width"):
            assert slider.rect[side] == pytest.approx(stage.rect[side], abs=0.5)
