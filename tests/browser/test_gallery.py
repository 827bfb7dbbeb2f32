"""The comparison's page in a real browser: sorting, filtering, comparing, and no request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from photosketch.comparison import page, tables
from photosketch.comparison.summary import Provenance
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


def made_up(people: list[pairs.Pair]) -> dict[str, pd.DataFrame]:
    """SSIM falls with the person's place for the baseline; `local` is the other way round. FSIM is
    missing for one person."""
    names = {"subset": [p.subset for p in people], "id": [p.id for p in people]}
    rising = np.linspace(0.2, 0.9, len(people))
    first = pd.DataFrame({**names, "ssim": rising[::-1], "fsim": 0.5})
    first.loc[(first["subset"] == "AR") & (first["id"] == "2"), "fsim"] = np.nan
    return {"baseline": first, "local": first.assign(ssim=rising**2)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The page, and the SSIM of each person and method."""
    folder = tmp_path_factory.mktemp("page")
    people = pairs.select(listed(folder), split="test")
    images = made_up(people)
    random = np.random.default_rng(1)
    drawn = {
        name: Samples(
            *ids_and_subsets(people), random.integers(0, 256, (len(people), 100, 80), np.uint8)
        )
        for name in METHODS
    }
    scores = comparisons.scores(
        lambda index, *_: list(FID.values())[index],
        METHODS,
        epochs=(1, 2),
        counts={"CUHK": 29, "AR": 4, "all": 33},
        note="not comparable",
        kid=0.001,
    ).assign(ssim=lambda table: table["fid"] / 200)
    references = pd.DataFrame(
        [{"name": "photo in gray", "subset": s, "n": 4, "fid": 7.0} for s in ("AR", "all")]
    )
    Image.new("L", (40, 40)).save(folder / "figure.png")
    hparams = {name: {"losses": {"l1": 100.0}} for name in METHODS}
    comparison = comparisons.compared(
        scores,
        references=references,
        provenance=Provenance("test", {"Commit": "0123"}, hparams, "run: test"),
        people=people,
        drawn=drawn,
        image_scores={
            name: {metric: table[metric].to_numpy()[None] for metric in ("ssim", "fsim")}
            for name, table in images.items()
        },
    )
    figure = folder / "figure.png"
    text = page.index_html(
        comparison,
        [tables.metric_table(comparison)],
        figure,
        None,
        dict.fromkeys(SUBSETS, figure),
        {},
    )
    (folder / "index.html").write_text(text, encoding="utf-8")
    wide = pd.DataFrame({name: table["ssim"] for name, table in images.items()})
    wide.index = [f"{p.subset}/{p.id}" for p in people]
    return folder / "index.html", wide


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
    from selenium.webdriver.support.ui import Select

    Select(find(driver, f"#{select}")).select_by_visible_text(text)


def faces(driver: Any) -> list[str]:
    cards = driver.find_elements("css selector", ".person")
    return [card.get_attribute("data-id") for card in cards]


def first_cells(driver: Any) -> list[str]:
    rows = driver.find_elements("css selector", ".grouped tbody:first-of-type tr th")
    return [row.text.splitlines()[0] for row in rows]


def test_a_column_of_the_table_sorts_by_number_and_back(opened: Any) -> None:
    assert first_cells(opened) == ["baseline", "local"]
    button = find(opened, ".grouped thead th.mean button")
    button.click()
    assert first_cells(opened) == ["baseline", "local"]  # 99 before 100
    button.send_keys("\ue007")  # Enter: the keyboard works as well
    assert first_cells(opened) == ["local", "baseline"]
    last = opened.find_elements("css selector", ".grouped tr")[-1]
    assert last.text.startswith("photo in gray")


def test_the_names_of_subsets_and_of_the_first_column_sort_as_well(opened: Any) -> None:
    ablation, first, *_ = opened.find_elements("css selector", ".grouped thead tr:first-child th")
    for head in (ablation, first):
        button = find(head, "button")
        button.click()
        assert first_cells(opened) == ["baseline", "local"]
        button.click()
        assert first_cells(opened) == ["local", "baseline"]
    mean = find(opened, ".grouped thead th.mean")
    assert mean.get_attribute("aria-sort") == "descending"
    assert ablation.get_attribute("aria-sort") is None


def test_every_name_of_every_table_sorts_and_more_of_what_is_better_comes_first(
    opened: Any,
) -> None:
    heads = opened.find_elements("css selector", ".sortable thead th")
    assert len(heads) == 1 + 3 + 6 + 5
    for head in heads:
        find(head, "button").click()
        assert opened.find_elements("css selector", ".sortable th[aria-sort]")
    ssim = heads[-1]
    assert ssim.text.startswith("SSIM")
    assert ssim.get_attribute("aria-sort") == "descending"
    rows = opened.find_elements("css selector", ".sortable:not(.grouped) tbody th")
    assert [row.text for row in rows] == ["local", "baseline", "photo in gray"]


def test_the_table_comes_first(opened: Any) -> None:
    assert find(opened, "main section").get_attribute("id") == "table"


def test_every_face_is_there_with_all_its_images_when_scrolled(
    opened: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    assert find(opened, "#count").text == "33 of 33 faces"
    opened.execute_script("document.getElementById('more').scrollIntoView()")
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(opened, 10).until(lambda driver: len(faces(driver)) == 33)
    assert faces(opened) == list(written[1].index)
    loaded = opened.execute_script(
        "return [...document.querySelectorAll('.strip img')].map(i => i.decode().then(() => "
        "i.naturalWidth)).reduce((all, one) => all.then(a => one.then(o => [...a, o])), "
        "Promise.resolve([]))"
    )
    assert loaded == [80] * 33 * 4


def test_filtering_shows_one_subset(opened: Any) -> None:
    choose(opened, "subset", "AR")
    assert faces(opened) == [f"AR/{number}" for number in range(4)]
    assert find(opened, "#count").text == "4 of 33 faces"


def test_faces_sort_by_a_methods_metric_and_the_worst_come_first_on_a_click(
    opened: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    ssim = written[1]
    choose(opened, "order", "local")
    best = ssim["local"].sort_values(ascending=False).index
    assert faces(opened)[:10] == list(best[:10])
    find(opened, "#worst").click()
    assert faces(opened)[:10] == list(best[::-1][:10])


def test_worst_first_alone_sorts_by_the_mean(
    opened: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    find(opened, "#worst").click()
    expected = written[1].mean(axis=1).sort_values().index
    assert faces(opened)[:5] == list(expected[:5])


def test_faces_sort_by_disagreement(opened: Any, written: tuple[Path, pd.DataFrame]) -> None:
    choose(opened, "order", "disagreement")
    apart = written[1].max(axis=1) - written[1].min(axis=1)
    assert faces(opened)[0] == apart.idxmax()


def test_a_person_without_a_score_has_a_dash_and_comes_last_either_way(opened: Any) -> None:
    choose(opened, "subset", "AR")
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


def test_hovering_shows_the_true_sketch_in_place(opened: Any) -> None:
    from selenium.webdriver import ActionChains

    images = opened.find_elements("css selector", ".person:first-child img")
    own = images[2].get_attribute("src")
    ActionChains(opened).move_to_element(images[2]).perform()
    assert images[2].get_attribute("src") == images[1].get_attribute("src")
    ActionChains(opened).move_to_element(find(opened, "h1")).perform()
    assert images[2].get_attribute("src") == own


def divide(driver: Any) -> float:
    clip = driver.execute_script("return document.getElementById('over').style.clipPath")
    return float(clip.split()[-1].rstrip("%)"))


def test_two_images_are_compared_by_swiping_and_by_keyboard(opened: Any) -> None:
    from selenium.webdriver import ActionChains

    images = opened.find_elements("css selector", ".person:first-child img")
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


def test_nothing_is_requested_from_outside(
    browser: Any, written: tuple[Path, pd.DataFrame]
) -> None:
    browser.get(written[0].as_uri())
    names = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert [name for name in names if not name.startswith("data:")] == []
    data = json.loads(browser.execute_script("return document.getElementById('data').textContent"))
    sources = [image for person in data["people"] for image in person["images"]]
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    policy = browser.execute_script("return document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'")
