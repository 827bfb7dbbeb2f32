"""The comparison's page in a real browser: sorting, filtering, comparing, and no request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.support.ui import Select, WebDriverWait

from photosketch.comparison import page, tables
from photosketch.data import pairs
from photosketch.training.samples import Samples, ids_and_subsets
from support import comparisons

METHODS = ["baseline", "local"]
SUBSETS = {"CUHK": 30, "AR": 4}
# FID of each method, so that the text order (100 before 99) is not the order of the numbers
FID = {"baseline": 99.0, "local": 100.0}


def listed(folder: Path) -> list[pairs.Pair]:
    random = np.random.default_rng(0)
    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for subset, count in SUBSETS.items():
        for number in range(count):
            names = [f"{subset}_{number}_{kind}.png" for kind in ("photo", "sketch")]
            photo = random.integers(0, 256, (100, 80, 3), np.uint8)
            Image.fromarray(photo).save(folder / names[0])
            Image.fromarray(photo[:, :, 0]).save(folder / names[1])
            split = "test" if number or subset == "AR" else "train"
            lines.append("\t".join([subset, str(number), split, *names]))
    (folder / "pairs.tsv").write_text("\n".join(lines))
    return pairs.index_pairs(folder / "pairs.tsv", (80, 100))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The page, and the SSIM of each person and method: it falls with the person's place for the
    baseline and rises for `local`. FSIM is missing for one person."""
    folder = tmp_path_factory.mktemp("page")
    manifest = listed(folder)
    people, training = (pairs.select(manifest, split=split) for split in ("test", "train"))
    names = [f"{pair.subset}/{pair.id}" for pair in people]
    rising = np.linspace(0.2, 0.9, len(people))
    ssim = pd.DataFrame({"baseline": rising[::-1], "local": rising**2}, index=names)
    fsim = np.where(np.array(names) == "AR/2", np.nan, 0.5)
    random = np.random.default_rng(1)
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
        training=training,
        nearest={name: ["CUHK/0"] * len(people) for name in METHODS},
        drawn={
            name: Samples(*ids_and_subsets(people), own)
            for name, own in zip(METHODS, sketches, strict=True)
        },
        image_scores={
            name: {"ssim": ssim[name].to_numpy()[None], "fsim": fsim[None]} for name in METHODS
        },
    )
    figure = folder / "figure.png"
    Image.new("L", (40, 40)).save(figure)
    shown = {"Metrics": [tables.metric_table(comparison)], "Curves": []}
    text = page.index_html(comparison, shown, {"Curves": [figure]}, [folder / "fid.csv"])
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html", ssim


@pytest.fixture
def opened(browser: Any, written: tuple[Path, pd.DataFrame]) -> Iterator[Any]:
    """The browser on the page; afterwards the console must be clean."""
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}  # no scrolling under a click
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [reduced]})
    browser.get(written[0].as_uri())
    yield browser
    assert browser.get_log("browser") == []


def find(driver: Any, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def choose(driver: Any, select: str, text: str) -> None:
    Select(find(driver, f"#{select}")).select_by_visible_text(text)


def faces(driver: Any) -> list[str]:
    cards = driver.find_elements("css selector", ".person")
    return [card.get_attribute("data-id") for card in cards]


def first_cells(driver: Any) -> list[str]:
    rows = driver.find_elements("css selector", ".grouped tbody:first-of-type tr th")
    return [row.text.splitlines()[0] for row in rows]


def test_conclusion_faces_and_table_stand_on_the_first_screen(opened: Any) -> None:
    order = [
        find(opened, selector).rect["y"]
        for selector in ("#conclusion", "#faces", "#fid", "#gallery")
    ]
    assert order == sorted(order)
    assert order[2] < 900
    assert (
        "baseline has the lowest FID: 99.00 on 33 test people" in find(opened, "#conclusion").text
    )
    captions = opened.find_elements("css selector", "#faces figcaption")
    assert [caption.text for caption in captions] == ["photo", "true sketch", *METHODS]


def test_a_link_opens_its_section_and_the_navigation_stays_in_view(opened: Any) -> None:
    metrics = find(opened, "#metrics")
    assert not metrics.get_attribute("open")
    for _ in range(2):  # also if the section is closed again
        find(opened, "nav a[href='#metrics']").click()
        assert metrics.get_attribute("open")
        assert (
            0
            <= opened.execute_script("return arguments[0].getBoundingClientRect().top", metrics)
            < 300
        )
        find(opened, "#metrics summary").click()
    top = opened.execute_script("return document.querySelector('nav').getBoundingClientRect().top")
    assert top == pytest.approx(0, abs=1)


def test_the_table_of_fid_comes_first_and_sorts_by_number_with_pointer_and_keyboard(opened) -> None:
    assert find(opened, "main section").get_attribute("id") == "fid"
    assert first_cells(opened) == ["baseline", "local"]
    button = find(opened, ".grouped thead th.mean button")
    button.click()
    assert first_cells(opened) == ["baseline", "local"]  # 99 before 100
    button.send_keys("\ue007")  # Enter
    assert first_cells(opened) == ["local", "baseline"]
    last = opened.find_elements("css selector", ".grouped tr")[-1]
    assert last.text.startswith("photo in gray")
    ablation, subset, *_ = opened.find_elements("css selector", ".grouped thead tr:first-child th")
    for head in (ablation, subset):
        button = find(head, "button")
        for order in (["baseline", "local"], ["local", "baseline"]):
            button.click()
            assert first_cells(opened) == order
    mean = find(opened, ".grouped thead th.mean")
    assert mean.get_attribute("aria-sort") == "descending"
    assert ablation.get_attribute("aria-sort") is None


def test_every_name_of_every_table_sorts_and_more_of_what_is_better_comes_first(opened) -> None:
    find(opened, "nav a[href='#metrics']").click()
    heads = opened.find_elements("css selector", ".sortable thead th")
    assert len(heads) == 1 + 3 + 6 + 5
    for head in heads:
        opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
        find(head, "button").click()
        assert opened.find_elements("css selector", ".sortable th[aria-sort]")
    ssim = heads[-1]
    assert ssim.text.startswith("SSIM")
    assert ssim.get_attribute("aria-sort") == "descending"
    rows = opened.find_elements("css selector", ".sortable:not(.grouped) tbody th")
    assert [row.text for row in rows] == ["local", "baseline", "photo in gray"]


def test_every_face_is_there_with_all_its_images_when_scrolled(
    opened: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    assert find(opened, "#count").text == "33 of 33 faces"
    opened.execute_script("document.getElementById('more').scrollIntoView()")
    WebDriverWait(opened, 10).until(lambda driver: len(faces(driver)) == 33)
    assert faces(opened) == list(written[1].index)
    loaded = opened.execute_script(
        "return [...document.querySelectorAll('.strip button img')].map(i => i.decode().then(() => "
        "i.naturalWidth)).reduce((all, one) => all.then(a => one.then(o => [...a, o])), "
        "Promise.resolve([]))"
    )
    assert loaded == [80] * 33 * 4


def test_faces_sort_by_a_metric_and_the_worst_come_first_on_a_click(
    opened: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    ssim = written[1]
    find(opened, "#worst").click()  # alone: by the mean
    assert faces(opened)[:5] == list(ssim.mean(axis=1).sort_values().index[:5])
    choose(opened, "order", "local")
    best = ssim["local"].sort_values(ascending=False).index
    assert faces(opened)[:10] == list(best[::-1][:10])
    find(opened, "#worst").click()
    assert faces(opened)[:10] == list(best[:10])
    choose(opened, "order", "disagreement")
    apart = ssim.max(axis=1) - ssim.min(axis=1)
    assert faces(opened)[0] == apart.idxmax()


def test_a_person_without_a_score_has_a_dash_and_comes_last_either_way(opened: Any) -> None:
    choose(opened, "subset", "AR")
    assert faces(opened) == [f"AR/{number}" for number in range(4)]
    assert find(opened, "#count").text == "4 of 33 faces"
    choose(opened, "metric", "FSIM")
    for order in ("local", "mean of all", "disagreement"):
        choose(opened, "order", order)
        assert faces(opened) == ["AR/0", "AR/1", "AR/3", "AR/2"]
    choose(opened, "order", "local")
    find(opened, "#worst").click()
    assert faces(opened) == ["AR/0", "AR/1", "AR/3", "AR/2"]
    captions = opened.find_elements("css selector", ".person:last-child .strip small")
    assert [text.text.split()[-1] for text in captions] == ["\u2013"] * 2
    find(opened, ".person:last-child .strip button:nth-child(3)").click()
    assert find(opened, "#scores tr:last-child td:last-child").text == "\u2013"


def test_hovering_shows_the_true_sketch_with_that_caption(opened: Any) -> None:
    images = opened.find_elements("css selector", ".person:first-child button img")
    caption = find(opened, ".person:first-child button:nth-child(3) span")
    own = images[2].get_attribute("src")
    ActionChains(opened).move_to_element(images[2]).perform()
    assert images[2].get_attribute("src") == images[1].get_attribute("src")
    assert caption.text.startswith("true sketch")
    ActionChains(opened).move_to_element(find(opened, "#count")).perform()
    assert images[2].get_attribute("src") == own
    assert caption.text.startswith("baseline")


def test_the_nearest_training_sketch_is_shown_beside_each_drawing_on_request(opened: Any) -> None:
    data = json.loads(opened.execute_script("return document.getElementById('data').textContent"))
    assert list(data["training"]) == ["CUHK/0"]
    shown = opened.find_elements("css selector", ".person:first-child .strip > *")
    assert [each.tag_name for each in shown] == ["button"] * 3 + ["figure", "button", "figure"]
    assert [each.is_displayed() for each in shown] == [True] * 3 + [False, True, False]
    for pressed in ("true", "false"):
        find(opened, "#nearest").send_keys("\ue007")  # Enter
        assert find(opened, "#nearest").get_attribute("aria-pressed") == pressed
        assert shown[3].is_displayed() == shown[5].is_displayed() == (pressed == "true")
        if shown[3].is_displayed():
            assert shown[3].text == "training sketch CUHK 0"
            assert find(shown[3], "img").get_attribute("src") == data["training"]["CUHK/0"]
            assert find(shown[3], "img").rect["width"] == find(shown[2], "img").rect["width"]


def divide(driver: Any) -> float:
    clip = driver.execute_script("return document.getElementById('over').style.clipPath")
    return float(clip.split()[-1].rstrip("%)"))


def test_two_images_are_compared_by_swiping_and_by_keyboard(opened: Any) -> None:
    images = opened.find_elements("css selector", ".person:first-child button img")
    sources = [image.get_attribute("src") for image in images]
    images[3].find_element("xpath", "..").send_keys("\ue007")
    assert find(opened, "#compare").get_attribute("open")
    assert find(opened, "#under").get_attribute("src") == sources[1]
    assert find(opened, "#over").get_attribute("src") == sources[3]
    stage = find(opened, "#stage")
    before = divide(opened)
    ActionChains(opened).move_to_element_with_offset(stage, -stage.size["width"] // 4, 0).perform()
    assert divide(opened) == pytest.approx(25, abs=2) != before
    find(opened, "#divide").send_keys("\ue014" * 3)  # right arrow
    assert divide(opened) == pytest.approx(28, abs=2)
    choose(opened, "left", "photo")
    assert find(opened, "#under").get_attribute("src") == sources[0]
    who = find(opened, "#who").text
    find(opened, "#divide").send_keys("\ue00f")  # page down: the next face
    assert find(opened, "#who").text != who
    find(opened, "#divide").send_keys("\ue00e")
    assert find(opened, "#who").text == who
    opened.set_window_size(1400, 600)  # the picture is made smaller, and its slider with it
    assert stage.rect["width"] < 400
    assert find(opened, "#divide").rect["width"] == pytest.approx(stage.rect["width"], abs=0.5)
    find(opened, "#divide").send_keys("\ue00c")  # escape
    assert not find(opened, "#compare").get_attribute("open")


def test_a_phone_needs_no_sideways_scrolling(opened: Any) -> None:
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
    )
    widths = opened.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert widths == [390, 390]
    find(opened, ".person:first-child .strip button:nth-child(3)").click()
    box = opened.execute_script(
        "const b = document.getElementById('stage').getBoundingClientRect();"
        "return [b.left, b.right, b.bottom]"
    )
    assert box[0] >= 0
    assert box[1] <= 390
    assert box[2] <= 844


def test_nothing_is_requested_from_outside(browser, written) -> None:
    browser.get(written[0].as_uri())
    names = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert [name for name in names if not name.startswith("data:")] == []
    data = json.loads(browser.execute_script("return document.getElementById('data').textContent"))
    sources = [image for person in data["people"] for image in person["images"]]
    sources += data["training"].values()
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    policy = browser.execute_script("return document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'")
