"""The table in Markdown and the page: complete, self-contained, and honest about what it shows."""

import base64
import io
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from photosketch.comparison import page, table_page, tables
from photosketch.comparison.provenance import Provenance
from photosketch.comparison.summary import Comparison

ABLATIONS, SUBSETS = ["baseline", "<local>"], ["CUHK", "AR"]
HPARAMS = {
    "baseline": {"epochs": 12, "lr": 0.001, "losses": {"l1": 100.0}},
    "<local>": {
        "epochs": 12,
        "lr": 0.0001,
        "losses": {"l1": 100.0, "glad": 0.5},
        "glad_form": "squared",
    },
}


def made_up_scores(seeds: list[int], epochs: list[int], note: str = "") -> pd.DataFrame:
    rows = [
        {
            "ablation": ablation,
            "seed": seed,
            "epoch": epoch,
            "subset": subset,
            "n": 10 + place,
            "fid": 100 * (index + 1) + 10 * place + epoch / 8 + seed,
            "fid_other": 200.0 * (index + 1) + 10 * place,
            "features": "inception-tf",
            "note": note,
        }
        for index, ablation in enumerate(ABLATIONS)
        for seed in seeds
        for epoch in epochs
        for place, subset in enumerate([*SUBSETS, "all"])
    ]
    return pd.DataFrame(rows)


REFERENCES = pd.DataFrame(
    {"name": "photo in gray", "subset": ["CUHK", "all"], "n": [10, 12], "fid": [55.0, 66.0]}
)
TABLE = tables.Table("More", ["", "<SSIM>"], [["baseline", "0.5"]], ["A remark."])


PROVENANCE = Provenance("demo", {"Commit": "0123, clean"}, HPARAMS, "run: demo")


def test_what_an_ablation_has_switched_on_is_no_setting_of_all():
    plain = {"epochs": 12, "jitter": 286, "losses": {"l1": 100.0}}
    flipped, still = {**plain, "flip": True}, {"epochs": 12, "losses": {"l1": 100.0}}
    own, shared = page._settings_in_words({"plain": plain, "flipped": flipped, "still": still})
    assert shared == "epochs 12"
    assert own == {
        "plain": "l1 100, jitter 286, flip off",
        "flipped": "l1 100, jitter 286, flip True",
        "still": "l1 100, jitter off, flip off",
    }


def compared(scores: pd.DataFrame) -> Comparison:
    return Comparison(scores, REFERENCES, pd.DataFrame(), PROVENANCE)


def markdown(scores: pd.DataFrame) -> str:
    return page.fid_markdown(compared(scores), [TABLE])


class Reader(HTMLParser):
    """Collects the cells of tables, the images, the text, and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.shades: list[object] = []  # of each image's first pixel
        self.references: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.cell_open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell_open = True
        for name in ("src", "href", "srcset", "action", "poster"):
            if attributes.get(name):
                self.references.append(attributes[name] or "")
        if tag == "img" and attributes.get("src"):
            content = base64.b64decode((attributes["src"] or "").split(",", 1)[1])
            self.shades.append(Image.open(io.BytesIO(content)).convert("L").getpixel((0, 0)))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.cell_open = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.rows and self.cell_open:
            self.rows[-1][-1] += data


SHADES = {name: 40 * place for place, name in enumerate(("curves", *SUBSETS))}  # of pictures


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.png" for name in ("curves", *SUBSETS)}
    for file, shade in zip(files.values(), SHADES.values(), strict=True):
        Image.new("L", (4, 4), shade).save(file)
    return files


def read_page(
    scores: pd.DataFrame,
    pictures: dict[str, Path],
    validation_curves: Path | None = None,
    sweeps: dict[str, Path] | None = None,
    more: Sequence[tables.Table] = (),
) -> Reader:
    grids = {subset: pictures[subset] for subset in SUBSETS}
    return Reader(
        page.index_html(
            compared(scores),
            [TABLE, *more],
            '{"people": []}',
            pictures["curves"],
            validation_curves,
            grids,
            sweeps or {},
        )
    )


def test_markdown_gives_mean_deviation_and_last_epoch_with_n_in_the_header() -> None:
    lines = markdown(made_up_scores([0], [8, 16])).splitlines()
    tables = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in tables]
    header = ["Ablation", "CUHK (n = 10)", "AR (n = 11)", "all subsets (n = 12)"]
    assert cells[0] == cells[5] == header
    assert cells[2] == ["baseline", "101.50 ± 0.71", "111.50 ± 0.71", "121.50 ± 0.71"]
    assert cells[4] == ["photo in gray", "55.00", "–", "66.00"]
    assert cells[7] == ["baseline", "102.00", "112.00", "122.00"]
    assert cells[9] == cells[4]  # real images have no epochs
    assert any("last epoch, 16" in line for line in lines)
    assert any("epochs 8, 16; seed 0" in line for line in lines)


def test_the_deviation_is_that_over_seeds_where_there_are_several() -> None:
    text = markdown(made_up_scores([0, 2], [8, 16]))
    assert "102.50 ± 1.41" in text
    assert "over epochs 8, 16, then over seeds 0, 2; ± deviation over the seeds" in text


def test_a_single_value_is_given_without_deviation_and_says_so() -> None:
    text = markdown(made_up_scores([0], [8]))
    assert "±" not in text
    assert "101.00" in text
    assert "without any measure of scatter" in text


def test_an_even_window_of_epochs_is_named_by_its_step() -> None:
    assert "epochs 500 to 800 in steps of 10" in markdown(
        made_up_scores([0], list(range(500, 801, 10)))
    )


def test_small_distances_keep_three_digits() -> None:
    scores = made_up_scores([0], [8])
    scores["fid"] /= 100_000
    assert "0.00101" in markdown(scores)


def test_the_bias_is_stated_and_random_features_are_labelled(pictures: dict[str, Path]) -> None:
    plain, random = made_up_scores([0], [8]), made_up_scores([0], [8], note="not comparable")
    assert "biased" in markdown(plain)
    assert "not comparable" in markdown(random)
    assert "not comparable" not in markdown(plain)
    assert "not comparable" in read_page(random, pictures).words
    assert "not comparable" not in read_page(plain, pictures).words


def test_the_page_holds_the_table_and_every_picture(pictures: dict[str, Path]) -> None:
    reader = read_page(made_up_scores([0], [8, 16]), pictures)
    heads, kinds, baseline, local, photo, _, more = reader.rows
    assert heads == ["Ablation", "CUHK n = 10", "AR n = 11", "all subsets n = 12"]
    assert kinds == ["mean ± s.d.", "epoch 16"] * 3
    assert baseline[1:3] == ["101.50 ± 0.71", "102.00"]
    assert baseline[0].startswith("baseline")
    assert local[0].startswith("<local>")
    assert len(local) == 1 + 3 * 2
    assert photo == ["photo in gray", "55.00", "", "–", "", "66.00", ""]
    assert more == ["baseline", "0.5"]
    assert "0123, clean" in reader.words
    assert reader.shades == pytest.approx(list(SHADES.values()), abs=2)  # WebP of the grids


def test_the_curves_of_the_validation_pairs_stand_behind_those_of_the_test_pairs(
    pictures: dict[str, Path], tmp_path: Path
) -> None:
    chart = tmp_path / "validation.png"
    Image.new("L", (4, 4), 200).save(chart)
    reader = read_page(made_up_scores([0], [8]), pictures, chart)
    assert reader.shades[:2] == [SHADES["curves"], 200]
    assert "On the validation pairs" in reader.words
    assert "On the validation pairs" not in read_page(made_up_scores([0], [8]), pictures).words


def test_a_link_leads_to_the_verdicts_where_there_are_any(pictures: dict[str, Path]) -> None:
    scores = made_up_scores([0], [8])
    assert "#verdicts" not in read_page(scores, pictures).references
    verdicts = tables.Table("Difference", ["", "FID"], [["local", "1"]], anchor=tables.VERDICTS)
    reader = read_page(scores, pictures, more=[verdicts])
    assert "#verdicts" in reader.references
    assert '<h3 id="verdicts">Difference</h3>' in verdicts.html()


def test_sweeps_stand_between_curves_and_grids_with_a_link_each(pictures: dict[str, Path]) -> None:
    scores = made_up_scores([0], [8, 16])
    assert "sweep" not in " ".join(read_page(scores, pictures).references)
    page = read_page(scores, pictures, sweeps={"weights": pictures["curves"]})
    assert "#sweep-weights" in page.references
    shades = [SHADES[name] for name in ("curves", "curves", *SUBSETS)]
    assert page.shades == pytest.approx(shades, abs=2)
    assert "Sweep weights" in page.words


def test_the_page_tells_the_ablations_settings_from_the_common_ones(
    pictures: dict[str, Path],
) -> None:
    reader = read_page(made_up_scores([0], [8]), pictures)
    assert "l1 100, lr 0.001" in reader.words
    assert "l1 100, glad 0.5, lr 0.0001" in reader.words
    assert "epochs 12, glad_form squared" in reader.words


def test_the_page_asks_for_nothing_outside_itself(pictures: dict[str, Path]) -> None:
    reader = read_page(made_up_scores([0], [8]), pictures)
    assert reader.references
    assert all(
        link.startswith(("data:image/png;base64,", "data:image/webp;base64,", "data:,", "#"))
        for link in reader.references
    )
    assert not {"iframe", "object"} & set(reader.tags)
    assert "url(" not in "".join(reader.words)
    assert "@import" not in "".join(reader.words)


def test_a_grid_is_a_fraction_of_its_file_unless_webp_cannot_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grid.png")
    shown = page._grid(tmp_path / "grid.png", "faces")
    assert "data:image/webp;" in shown
    monkeypatch.setattr(page, "WEBP_SIDE", 63)
    assert "data:image/png;" in page._grid(tmp_path / "grid.png", "faces")


def test_a_page_of_tables_alone_has_their_warnings_and_nothing_that_does_not_work_there() -> None:
    shown = tables.Table("More", ["", "<SSIM>"], [["baseline", "0.5"]], ["A remark."], ["A doubt."])
    reader = Reader(table_page.table_page("Scores of run <x>", [shown], "random features"))
    assert reader.rows == [["", "<SSIM>"], ["baseline", "0.5"]]
    for text in ("Scores of run <x>", "random features", "A remark.", "A doubt."):
        assert text in reader.words
    assert not {"button", "script", "img"} & set(reader.tags)
    assert "None in this run." in Reader(table_page.table_page("Differences", [])).words


def test_the_page_counts_other_peoples_methods_beside_the_ablations(
    pictures: dict[str, Path],
) -> None:
    scores = made_up_scores([0], [8])
    assert "2 ablations on 12 test faces" in " ".join(read_page(scores, pictures).words)
    theirs = scores[scores["ablation"] == "baseline"].assign(ablation="theirs")
    comparison = Comparison(scores, REFERENCES, pd.DataFrame(), PROVENANCE, theirs)
    assert page._lead(comparison).startswith("2 ablations and 1 other method on 12 test faces, ")
