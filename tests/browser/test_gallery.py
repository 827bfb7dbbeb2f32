"""The comparison's page in a real browser: sorting, filtering, comparing, and no request."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from photosketch.comparison.page import Section, index_html
from photosketch.comparison.tables import metric_table
from photosketch.data import pairs
from photosketch.training.samples import Samples, ids_and_subsets
from support import comparisons
from support.click_page import OpenPage

METHODS = ["baseline", "local"]
# FID of each method, so that the text order (100 before 99) is not the order of the numbers
FID = {"baseline": 99.0, "local": 100.0}
PEOPLE = [*(f"CUHK/{number}" for number in range(1, 30)), *(f"AR/{number}" for number in range(4))]
# falls with the person's place for the baseline, and rises for `local`
RISING = np.linspace(0.2, 0.9, len(PEOPLE))
SSIM = pd.DataFrame({"baseline": RISING[::-1], "local": RISING**2}, index=PEOPLE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all test people and one training person. FSIM is missing for one person."""
    folder = tmp_path_factory.mktemp("page")
    random = np.random.default_rng(0)
    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for place, name in enumerate(["CUHK/0", *PEOPLE]):
        photo = random.integers(0, 256, (100, 80, 3), np.uint8)
        Image.fromarray(photo).save(folder / f"photo{place}.png")
        Image.fromarray(photo[:, :, 0]).save(folder / f"sketch{place}.png")
        split = "test" if place else "train"
        files = f"photo{place}.png", f"sketch{place}.png"
        lines.append("\t".join([*name.split("/"), split, *files]))
    (folder / "pairs.tsv").write_text("\n".join(lines))
    training, *people = pairs.index_pairs(folder / "pairs.tsv", (80, 100))
    fsim = np.where(np.array(PEOPLE) == "AR/2", np.nan, 0.5)
    sketches = random.integers(0, 256, (len(METHODS), len(people), 100, 80), np.uint8)
    comparison = comparisons.compared(
        comparisons.scores(
            lambda index, *_: list(FID.values())[index],
            METHODS,
            epochs=(1, 2),
            counts={"CUHK": 29, "AR": 4, "all": 33},
            note="not comparable",
            kid=0.001,
        ).assign(ssim=lambda table: table["fid"] / 200),
        references=pd.DataFrame(
            [{"name": "photo in gray", "subset": s, "n": 4, "fid": 7.0} for s in ("AR", "all")]
        ),
        hparams={name: {"losses": {}} for name in METHODS},
        people=people,
        training=[training],
        nearest={name: ["CUHK/0"] * len(people) for name in METHODS},
        drawn={
            name: Samples(*ids_and_subsets(people), own)
            for name, own in zip(METHODS, sketches, strict=True)
        },
        image_scores={
            name: {"ssim": SSIM[name].to_numpy()[None], "fsim": fsim[None]} for name in METHODS
        },
    )
    figure = folder / "figure.png"
    Image.new("L", (40, 40)).save(figure)
    sections = [
        Section("Metrics", "metrics.md", [metric_table(comparison)]),
        Section("Curves", "evaluation.md", pictures=[figure]),
    ]
    text = index_html(comparison, sections, [folder / "fid.csv"])
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html"


def choose(page: OpenPage, select: str, text: str) -> None:
    Select(page.one(f"#{select}")).select_by_visible_text(text)


def faces(page: OpenPage) -> list[str]:
    return page.run("return [...document.querySelectorAll('.person')].map(p => p.dataset.id)")


def first_cells(page: OpenPage) -> list[str]:
    return [row.text.splitlines()[0] for row in page.all(".grouped tbody:first-of-type tr th")]


def data(page: OpenPage) -> dict:
    return json.loads(page.run("return document.getElementById('data').textContent"))


def test_conclusion_faces_and_table_stand_on_the_first_screen(page):
    places = [page.one(f"#{name}").rect["y"] for name in ("conclusion", "faces", "fid", "gallery")]
    assert places == sorted(places)
    assert places[2] < 900
    assert "baseline has the lowest FID: 99.00 on 33 test people" in page.text("conclusion")
    captions = [caption.text for caption in page.all("#faces figcaption")]
    assert captions == ["photo", "true sketch", *METHODS]


def test_a_link_opens_its_section_and_the_navigation_stays_in_view(page):
    metrics = page.one("#metrics")
    assert not metrics.get_attribute("open")
    top = "return arguments[0].getBoundingClientRect().top"
    for _ in range(2):  # also if the section is closed again
        page.one("nav a[href='#metrics']").click()
        assert metrics.get_attribute("open")
        assert 0 <= page.run(top, metrics) < 300
        page.one("#metrics summary").click()
    assert page.run(top, page.one("nav")) == pytest.approx(0, abs=1)


def test_the_table_of_fid_comes_first_and_sorts_by_number_with_pointer_and_keyboard(page):
    assert page.one("main section").get_attribute("id") == "fid"
    assert first_cells(page) == ["baseline", "local"]
    button = page.one(".grouped thead th.mean button")
    button.click()
    assert first_cells(page) == ["baseline", "local"]  # 99 before 100
    button.send_keys(Keys.ENTER)
    assert first_cells(page) == ["local", "baseline"]
    assert page.all(".grouped tr")[-1].text.startswith("photo in gray")
    ablation, subset, *_ = page.all(".grouped thead tr:first-child th button")
    for button in (ablation, subset):
        for order in (["baseline", "local"], ["local", "baseline"]):
            button.click()
            assert first_cells(page) == order
    mean, unsorted = page.all(".grouped thead th.mean")[0], page.one(".grouped thead th")
    assert mean.get_attribute("aria-sort") == "descending"
    assert unsorted.get_attribute("aria-sort") is None


def test_every_name_of_every_table_sorts_and_more_of_what_is_better_comes_first(page):
    sorted_by = page.run(
        "return [...document.querySelectorAll('.sortable thead button')].map(button => {"
        "document.querySelectorAll('th[aria-sort]').forEach(th => th.removeAttribute('aria-sort'));"
        "button.click(); return document.querySelectorAll('.sortable th[aria-sort]').length})"
    )
    assert sorted_by == [1] * (1 + 3 + 6 + 5)
    page.one("nav a[href='#metrics']").click()
    ssim = page.all(".sortable thead th")[-1]
    assert ssim.text.startswith("SSIM")
    assert ssim.get_attribute("aria-sort") == "descending"
    rows = page.all(".sortable:not(.grouped) tbody th")
    assert [row.text for row in rows] == ["local", "baseline", "photo in gray"]


def test_every_face_is_there_with_all_its_images_and_nothing_is_requested_from_outside(page):
    assert page.text("count") == "33 of 33 faces"
    page.run("document.getElementById('more').scrollIntoView()")
    WebDriverWait(page.browser, 10).until(lambda _: len(faces(page)) == 33)
    assert faces(page) == PEOPLE
    loaded = page.run(
        "const images = [...document.querySelectorAll('.strip button img')];"
        "return Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert loaded == [80] * 33 * 4
    names = page.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in names if not name.startswith("data:")] == []
    sources = [image for person in data(page)["people"] for image in person["images"]]
    sources += data(page)["training"].values()
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    policy = page.run("return document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'")


def test_faces_sort_by_a_metric_and_the_worst_come_first_on_a_click(page):
    page.press("worst")  # alone: by the mean
    assert faces(page)[:5] == list(SSIM.mean(axis=1).sort_values().index[:5])
    choose(page, "order", "local")
    best = SSIM["local"].sort_values(ascending=False).index
    assert faces(page)[:10] == list(best[::-1][:10])
    page.press("worst")
    assert faces(page)[:10] == list(best[:10])
    choose(page, "order", "disagreement")
    apart = SSIM.max(axis=1) - SSIM.min(axis=1)
    assert faces(page)[0] == apart.idxmax()


def test_a_person_without_a_score_has_a_dash_and_comes_last_either_way(page):
    choose(page, "subset", "AR")
    assert faces(page) == [f"AR/{number}" for number in range(4)]
    assert page.text("count") == "4 of 33 faces"
    choose(page, "metric", "FSIM")
    for order in ("mean of all", "disagreement", "local"):
        choose(page, "order", order)
        assert faces(page) == ["AR/0", "AR/1", "AR/3", "AR/2"]
    page.press("worst")
    assert faces(page) == ["AR/0", "AR/1", "AR/3", "AR/2"]
    captions = page.all(".person:last-child .strip small")
    assert [text.text.split()[-1] for text in captions] == ["\u2013"] * 2
    page.one(".person:last-child .strip button:nth-child(3)").click()
    assert page.one("#scores tr:last-child td:last-child").text == "\u2013"


def test_hovering_shows_the_true_sketch_with_that_caption(page):
    _, true_sketch, drawing, _ = page.all(".person:first-child button img")
    caption = page.one(".person:first-child button:nth-child(3) span")
    own = drawing.get_attribute("src")
    ActionChains(page.browser).move_to_element(drawing).perform()
    assert drawing.get_attribute("src") == true_sketch.get_attribute("src")
    assert caption.text.startswith("true sketch")
    ActionChains(page.browser).move_to_element(page.one("#count")).perform()
    assert drawing.get_attribute("src") == own
    assert caption.text.startswith("baseline")


def test_the_nearest_training_sketch_is_shown_beside_each_drawing_on_request(page):
    training = data(page)["training"]
    assert list(training) == ["CUHK/0"]
    shown = page.all(".person:first-child .strip > *")
    assert [each.tag_name for each in shown] == ["button"] * 3 + ["figure", "button", "figure"]
    assert [each.is_displayed() for each in shown] == [True] * 3 + [False, True, False]
    nearest, image = page.one("#nearest"), shown[3].find_element("css selector", "img")
    nearest.send_keys(Keys.ENTER)
    assert nearest.get_attribute("aria-pressed") == "true"
    assert shown[3].is_displayed() and shown[5].is_displayed()
    assert shown[3].text == "training sketch CUHK 0"
    assert image.get_attribute("src") == training["CUHK/0"]
    assert image.rect["width"] == shown[2].find_element("css selector", "img").rect["width"]
    nearest.send_keys(Keys.ENTER)
    assert nearest.get_attribute("aria-pressed") == "false"
    assert not shown[3].is_displayed() and not shown[5].is_displayed()


def divide(page: OpenPage) -> float:
    clip = page.run("return document.getElementById('over').style.clipPath")
    return float(clip.split()[-1].rstrip("%)"))


def test_two_images_are_compared_by_swiping_and_by_keyboard(page):
    images = page.all(".person:first-child button img")
    sources = [image.get_attribute("src") for image in images]
    page.all(".person:first-child button")[3].send_keys(Keys.ENTER)
    dialog, stage, slider = (page.one(f"#{name}") for name in ("compare", "stage", "divide"))
    assert dialog.get_attribute("open")
    assert page.one("#under").get_attribute("src") == sources[1]
    assert page.one("#over").get_attribute("src") == sources[3]
    before = divide(page)
    pointer = ActionChains(page.browser)
    pointer.move_to_element_with_offset(stage, -stage.size["width"] // 4, 0).perform()
    assert divide(page) == pytest.approx(25, abs=2) != before
    slider.send_keys(Keys.ARROW_RIGHT * 3)
    assert divide(page) == pytest.approx(28, abs=2)
    choose(page, "left", "photo")
    assert page.one("#under").get_attribute("src") == sources[0]
    who = page.text("who")
    slider.send_keys(Keys.PAGE_DOWN)  # the next face
    assert page.text("who") != who
    slider.send_keys(Keys.PAGE_UP)
    assert page.text("who") == who
    page.browser.set_window_size(1400, 600)  # the picture is made smaller, and its slider with it
    assert stage.rect["width"] < 400
    assert slider.rect["width"] == pytest.approx(stage.rect["width"], abs=0.5)
    slider.send_keys(Keys.ESCAPE)
    assert not dialog.get_attribute("open")


def test_a_phone_needs_no_sideways_scrolling(page):
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
    )
    widths = page.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert widths == [390, 390]
    page.one(".person:first-child .strip button:nth-child(3)").click()
    box = page.run("return document.getElementById('stage').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0
    assert box["right"] <= 390
    assert box["bottom"] <= 844
