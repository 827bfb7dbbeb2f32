"""The tables in Markdown and the page: complete, without other files, and with their remarks."""

import base64
import html
import io
import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from photosketch.comparison import page
from photosketch.comparison.files import devices
from photosketch.comparison.page import Section
from photosketch.comparison.summary import Choice, Comparison
from photosketch.comparison.tables import Table
from support import comparisons

COMMON = {"epochs": 12, "losses": {"l1": 100.0}}
GLAD = {"lr": 0.0001, "losses": {"l1": 100.0, "glad": 0.5}, "glad_form": "squared"}
HPARAMS = {"baseline": COMMON | {"lr": 0.001}, "<local>": COMMON | GLAD}
REFERENCES = pd.DataFrame(
    {"name": "photo in gray", "subset": ["CUHK", "all"], "n": [10, 12], "fid": [55.0, 66.0]}
)
TABLE = Table(
    "More", ["", "<SSIM>"], [["baseline", "−0.5 [−1, 2] worse"]], ["A <remark>."], ["A doubt."]
)
PUBLISHED = {"report": comparisons.published({"all": 28.0}, "A <report>")}


def compared(seeds=(0,), epochs=(8, 16), note: str = "", **fields: Any) -> Comparison:
    scores = comparisons.scores(
        lambda index, place, seed, epoch: 100 * (index + 1) + 10 * place + epoch / 8 + seed,
        list(HPARAMS),
        seeds=seeds,
        epochs=epochs,
        note=note,
    )
    others = {"references": REFERENCES, "facts": {"Commit": "0123, clean"}, "hparams": HPARAMS}
    return comparisons.compared(scores, **others | fields)


def markdown(*arguments: Any, **fields: Any) -> str:
    return page.fid_markdown(compared(*arguments, **fields), [TABLE])


class Page:
    """The cells of a page's tables, its texts, the shades of its pictures, and its addresses."""

    def __init__(self, comparison: Comparison, *sections: Section) -> None:
        sections = (Section("Metrics", "metrics.md", [TABLE]), *sections, Section("Votes", "v.md"))
        text = page.index_html(comparison, sections, ["a/fid.csv", "a/grid_CUHK.png"])
        seen = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
        rows = re.findall(r"<tr\b.*?</tr>", seen, re.DOTALL)
        cells = [re.findall(r"<t[dh]\b.*?</t[dh]>", row, re.DOTALL) for row in rows]
        self.rows = [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in row] for row in cells]
        self.words = [html.unescape(word) for word in re.split("<[^>]*>", seen)]
        pictures = re.findall('<img[^>]* src="data:image/png;base64,([^"]*)"', seen)
        decoded = [Image.open(io.BytesIO(base64.b64decode(picture))) for picture in pictures]
        self.shades = [picture.getpixel((0, 0)) for picture in decoded]
        self.addresses = re.findall(r'(?:src|href|srcset|action|poster)="([^"]+)"', text)
        self.text = text


@pytest.fixture(scope="module")
def plain() -> Page:
    return Page(compared(published=PUBLISHED))


def test_markdown_gives_mean_deviation_and_last_epoch_with_n_in_the_header() -> None:
    lines = markdown(published=PUBLISHED).splitlines()
    cells = [[c.strip() for c in x.strip("| ").split(" | ")] for x in lines if x.startswith("|")]
    header = ["method", "CUHK (n = 10)", "AR (n = 11)", "all subsets (n = 12)"]
    photo = ["photo in gray", "55.00", "–", "66.00"]
    assert cells[0] == cells[6] == header
    bold = [f"**{mean} ± 0.71**" for mean in ("101.50", "111.50", "121.50")]
    assert cells[2] == ["baseline", *bold]
    assert cells[4:6] == [photo, ["report (published)", "–", "–", "28.00"]]
    assert cells[8] == ["baseline", "102.00", "112.00", "122.00"]
    assert cells[10] == photo  # real images have no epochs
    assert cells[11][0] == "<SSIM>"  # published values are not of the last epoch
    assert any("last epoch, 16" in line for line in lines)


OVER_BOTH = "over epochs 8, 16, then over seeds 0, 2; ± deviation over the seeds"


@pytest.mark.parametrize(
    ("seeds", "epochs", "said"),
    [
        ((0,), (8, 16), ["epochs 8, 16; seed 0"]),
        ((0, 2), (8, 16), ["102.50 ± 1.41", OVER_BOTH]),
        ((0,), (8,), ["without any measure of scatter", "biased"]),
        ((0,), range(500, 801, 10), ["epochs 500 to 800 in steps of 10"]),
    ],
)
def test_markdown_says_what_a_value_is(seeds, epochs, said) -> None:
    text = markdown(seeds, epochs)
    assert all(words in text for words in said)
    assert ("±" in text) == (len(seeds) * len(epochs) > 1)


def test_the_page_holds_the_tables(plain: Page) -> None:
    heads, kinds, baseline, local, photo, published, more_head, more = plain.rows
    assert heads == ["method", "CUHK n = 10", "AR n = 11", "all subsets n = 12"]
    assert kinds == ["mean ± s.d.", "epoch 16"] * 3
    assert baseline[1:3] == ["101.50 ± 0.71", "102.00"]
    assert baseline[0].startswith("baseline")
    assert local[0].startswith("<local>")
    assert len(local) == 1 + 3 * 2
    assert photo == ["photo in gray", "55.00", "", "–", "", "66.00", ""]
    assert published[::5] == ["report (published)", "28.00"]
    assert more_head == ["", "<SSIM>"]
    assert more == ["baseline", "−0.5 [−1, 2] worse"]
    said = {"−0.5", "[−1, 2]", "worse", "A <remark>.", "A doubt.", "0123, clean"}
    assert said <= set(plain.words)
    assert any("report: A <report>." in text for text in plain.words)
    assert {"fid.csv", "grid_CUHK.png", "../../../docs/metrics.md"} <= set(plain.addresses)
    assert plain.shades == []


def test_what_a_run_has_besides_gets_its_section_with_pictures_and_its_link(
    plain, tmp_path
) -> None:
    pictures = [tmp_path / f"{shade}.png" for shade in (30, 10, 20)]
    for picture in pictures:
        Image.new("L", (4, 4), int(picture.stem)).save(picture)
    verdicts = Table("Difference", ["", "FID"], [["local", "1"]])
    full = Page(
        compared(),
        Section("Differences", "significance.md", [verdicts]),
        Section("Sweep weights", "questions.md", [], pictures[:1]),
        Section("Curves", "evaluation.md", pictures=pictures[1:]),
    )
    assert full.shades == [30, 10, 20]
    links, titles = {"#differences", "#sweep-weights"}, {"Differences", "Sweep weights"}
    assert links <= set(full.addresses) and titles <= set(full.words)
    assert not links & set(plain.addresses) and not titles & set(plain.words)
    assert "#metrics" in plain.addresses and "#votes" not in plain.addresses


VERDICTS_ON = pd.DataFrame(
    {
        "ablation": ["glad", "local", "both"],
        "metric": "fid",
        "role": "primary",
        "reference": "baseline",
        "run_verdict": ["worse", "better", "better"],
        "verdict": ["undecided", "better", "undecided"],
    }
)


@cache
def concluded(seeds=(0,), epochs=(5, 10, 15), photo: float = 10.0, pairs: int = 20) -> str:
    references = pd.DataFrame({"name": ["photo in gray"], "subset": ["all"], "fid": [photo]})
    ablations = ("baseline", "glad", "local", "both")
    scores = comparisons.scores(lambda i, *_: 30.0 - i, ablations, seeds=seeds, epochs=epochs)
    choice = Choice("fid", scores.assign(n=pairs))
    fields = {"references": references, "differences": VERDICTS_ON, "choice": choice}
    return " ".join(page.conclusion(comparisons.compared(scores, **fields)))


@pytest.mark.parametrize(
    ("asked", "expected", "not_expected"),
    [
        ({}, "both has the lowest FID: 27.00 on 12 test people with seed 0.", "evaluated"),
        ({}, "Compared with baseline in FID, local and both are better; glad is worse.", "few"),
        ({}, "One seed: another run", "undecided"),
        ({"seeds": (0, 1)}, "local is better; glad and both are undecided.", "One seed"),
        ({}, "photo in gray has a lower FID (10.00) than every drawn sketch", "validation"),
        ({"photo": 27.5}, "lowest", "photo in gray"),
        ({"epochs": (5, 10)}, "With 2 evaluated epochs, the scatter over epochs is", "validation"),
        ({"pairs": 19}, "19 validation pairs are too few", "scatter"),
    ],
)
def test_the_conclusion_follows_from_the_numbers(asked, expected, not_expected) -> None:
    text = concluded(**asked)
    assert expected in text
    assert not_expected not in text


def test_random_features_are_labelled(plain: Page) -> None:
    assert "not comparable" in markdown(note="not comparable")
    assert "not comparable." in Page(compared(note="not comparable")).words
    assert not any("not comparable" in text for text in [markdown(), *plain.words])


FLIP = COMMON | {"jitter": 286, "flip": True}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            *HPARAMS.values(),
            {"l1 100, lr 0.001", "l1 100, glad 0.5, lr 0.0001", "epochs 12, glad_form squared"},
        ),
        (
            *(FLIP, FLIP | {"flip": False}),
            {"l1 100, flip True", "l1 100, flip False", "epochs 12, jitter 286"},
        ),
        (
            *(COMMON, COMMON | {"decoder": "resize"}),
            {"l1 100, decoder transposed", "l1 100, decoder resize", "epochs 12"},
        ),
    ],
)
def test_the_page_tells_the_ablations_settings_from_the_common_ones(first, second, said) -> None:
    assert said <= set(Page(compared(hparams={"baseline": first, "<local>": second})).words)


def test_the_page_asks_for_nothing_outside_itself(plain: Page) -> None:
    beside = ("../../../docs/", "fid.csv", "grid_CUHK.png")  # fetched only on a click
    inside = ("data:image/png;base64,", "data:image/webp;base64,", "data:,", "#", *beside)
    assert plain.addresses
    assert all(link.startswith(inside) for link in plain.addresses)
    assert not any(text in plain.text for text in ("<iframe", "<object", "url(", "@import"))


def test_the_page_counts_other_peoples_methods_beside_the_ablations(plain: Page) -> None:
    assert any(text.startswith("2 ablations on 12 test faces") for text in plain.words)
    comparison = compared(epochs=(8,))
    theirs = comparison.scores[comparison.scores["ablation"] == "baseline"]
    words = Page(compared(epochs=(8,), method_scores=theirs.assign(ablation="theirs"))).words
    assert any(text.startswith("2 ablations and 1 other method on 12 test") for text in words)


def test_devices_are_those_that_the_logs_name(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("using GPU 0: NVIDIA X\nepoch 1\n")
    (tmp_path / "b.log").write_text("no GPU visible: running on the CPU\n")
    assert devices(sorted(tmp_path.glob("*.log"))).startswith("NVIDIA X, CPU (")
    assert "unknown" in devices([])
