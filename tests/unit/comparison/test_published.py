"""Published values: rows of their own with their source, and lines in the curves."""

from itertools import pairwise
from pathlib import Path

import pandas as pd
from PIL import Image

from photosketch.comparison import figures, page, tables
from photosketch.comparison.provenance import Provenance
from photosketch.comparison.published import Published
from photosketch.comparison.summary import Comparison

REPORT = Published("report_glad", "A report, 2019", "inception-imagenet", {"all": 28.0})
LATER = Published("later", "A report, 2019", "inception-imagenet", {"AR": 31.5, "all": 26.96})
OTHER = Published("other", "A paper", "inception-tf", {"all": 1.0})


def compared(*published: Published, epochs: tuple[int, ...] = (5, 10)) -> Comparison:
    scores = pd.DataFrame(
        [
            {"ablation": "glad", "seed": 0, "epoch": epoch, "subset": subset, "n": 9}
            | {"fid": 30.0, "fid_other": 40.0, "features": "inception-imagenet", "note": ""}
            for epoch in epochs
            for subset in ("AR", "XM2VTS", "all")
        ]
    )
    references = pd.DataFrame({"name": "photo in gray", "subset": ["all"], "n": [9], "fid": [70.0]})
    nothing = Provenance("demo", {}, {"glad": {"losses": {}}}, "")
    return Comparison(scores, references, pd.DataFrame(), nothing, published=published)


def test_published_values_are_rows_behind_the_real_images_and_not_in_the_summary() -> None:
    comparison = compared(REPORT, LATER)
    assert tables.fid_table(comparison).rows[-3:] == [
        ["photo in gray", "–", "–", "70.00"],
        ["report_glad (published)", "–", "–", "28.00"],
        ["later (published)", "31.50", "–", "26.96"],
    ]
    assert comparison.summary["ablation"].tolist() == ["glad"]


def test_published_values_and_their_source_stand_in_all_three_forms(tmp_path: Path) -> None:
    comparison = compared(REPORT, LATER)
    markdown = page.fid_markdown(comparison, [])
    assert markdown.count("report_glad (published)") == 1  # and not at the last epoch
    assert "report_glad, later: A report, 2019." in markdown
    latex = tables.fid_table(comparison).latex()
    assert r"later (published) & 31.50 & -- & 26.96 \\" in latex
    assert r"report\_glad, later: A report, 2019." in latex
    curves = tmp_path / "curves.png"
    Image.new("L", (4, 4)).save(curves)
    html = page.index_html(comparison, [], "{}", curves, None, {}, {})
    assert '<th scope="row">report_glad (published)</th>' in html
    assert '<td class="mean">26.96</td>' in html
    assert "report_glad, later: A report, 2019." in html


def test_values_of_other_features_are_not_shown_but_named() -> None:
    comparison = compared(OTHER, LATER)
    table = tables.fid_table(comparison)
    assert [row[0] for row in table.rows] == ["glad", "photo in gray", "later (published)"]
    assert "left out" in table.remarks[-1]
    assert "other (inception-tf)" in table.remarks[-1]
    only = tables.fid_table(compared(OTHER))
    assert not any("as printed" in remark for remark in only.remarks)
    assert tables.fid_table(compared()).remarks == only.remarks[:-1]


def test_curves_have_a_thin_named_line_in_the_panels_of_known_values() -> None:
    for epochs in ((5, 10), (5,)):
        plain = figures.curves(compared(epochs=epochs)).axes
        axes = figures.curves(compared(REPORT, LATER, OTHER, epochs=epochs)).axes
        added = [
            sorted(line.get_ydata()[0] for line in axis.get_lines()[len(before.get_lines()) :])
            for axis, before in zip(axes, plain, strict=True)
        ]
        assert added == [[31.5], [], [26.96, 28.0], []]
        names = [[text.get_text() for text in axis.texts] for axis in axes]
        assert names == [
            ["later (published) 31.50"],
            [],
            [
                "later (published) 26.96",
                "report_glad (published) 28.00",
                "photo in gray 70.00, above",
            ],
            [],
        ]
        width = axes[0].get_lines()[-1].get_linewidth()
        assert width < axes[0].get_lines()[0].get_linewidth()
        assert all("published" not in name for name in axes[0].get_legend_handles_labels()[1])


def test_names_of_values_that_lie_close_together_do_not_overlap() -> None:
    close = [
        Published(f"paper_{i}", "Papers", "inception-imagenet", {"AR": 30 + i / 100})
        for i in range(5)
    ]
    [axis, *_] = figures.curves(compared(*close)).axes
    places = [text.get_position()[1] for text in axis.texts]
    assert [text.get_text() for text in axis.texts[:5]] == [
        f"paper_{i} (published) 30.0{i}" for i in range(5)
    ]
    assert all(above - below > 0.05 for below, above in pairwise(places))
