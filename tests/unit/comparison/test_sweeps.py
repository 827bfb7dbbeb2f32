"""What a sweep says: its figure, its table, and the best value, which no test pair decides."""

import dataclasses

import pandas as pd
import pytest
from matplotlib.figure import Figure

from photosketch.comparison import sweeps, tables
from photosketch.comparison.provenance import Provenance
from photosketch.comparison.summary import Comparison, choose_epochs
from photosketch.configuration.sweeps import Point, Sweep

SWEEP = Sweep(
    "weights",
    "local",
    "losses.local",
    (
        Point(50, "local-local50", "local-local50"),
        Point(0, "local-local0", "baseline"),
        Point(5, "local-local5", "local-local5"),
    ),
)
ABLATIONS = ("baseline", "local", "local-local50", "local-local5")
TEST = dict(zip(ABLATIONS, (40.0, 30.0, 20.0, 35.0), strict=True))
VALIDATION = dict(zip(ABLATIONS, (40.0, 1.0, 33.0, 25.0), strict=True))  # local is no point


def scores(fid: dict[str, float], seeds: int = 2, note: str = "") -> pd.DataFrame:
    """FID falls by 1 from epoch 5 to 10; a seed adds 2; KID is the same in thousandths."""
    rows = [
        {"ablation": name, "seed": seed, "epoch": epoch, "subset": subset, "n": 9}
        | {"fid": fid[name] - epoch / 5 + 2 * seed, "kid": (fid[name] - epoch / 5) / 1000}
        | {"fid_other": float("nan"), "ssim": 0.5, "features": "inception-tf", "note": note}
        for name in fid
        for seed in range(seeds)
        for epoch in (5, 10)
        for subset in ("AR", "all")
    ]
    return pd.DataFrame(rows)


def compared(seeds: int = 2, chosen_by: str | None = "fid", note: str = "") -> Comparison:
    return Comparison(
        scores(TEST, seeds, note),
        pd.DataFrame({"name": [], "subset": []}),
        pd.DataFrame(),
        Provenance("demo", {}, {}, ""),
        choice=choose_epochs(scores(VALIDATION, seeds), chosen_by) if chosen_by else None,
        sweeps=[SWEEP],
        points=["local-local50", "local-local5"],
    )


def drawn(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    """What the first panel holds, by its label."""
    lines = figure.axes[0].get_lines()
    return {
        str(line.get_label()): [(float(x), float(y)) for x, y in line.get_xydata()]
        for line in lines
    }


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_a_panel_per_metric_has_means_seeds_and_the_reference_over_the_numbers() -> None:
    figure = sweeps.figure(compared(chosen_by=None), SWEEP, "baseline")
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]
    assert titles == ["FID ↓", "KID ×1000 ↓", "SSIM ↑"]
    shown = drawn(figure)
    assert shown["mean"] == [(0, 39.5), (5, 34.5), (50, 19.5)]
    assert set(shown["each seed"]) >= {(0, 38.5), (0, 40.5), (50, 18.5), (50, 20.5)}
    assert {y for _, y in shown["reference: baseline"]} == {39.5}
    assert "best on the validation pairs" not in shown
    assert "Sweep weights: losses.local of local" in texts(figure)
    assert "local-local0 is baseline" in texts(figure)
    assert "each seed" not in drawn(sweeps.figure(compared(1), SWEEP, "baseline"))


@pytest.mark.parametrize("chosen_by", ["fid", "kid"])
def test_the_best_value_is_that_of_the_validation_pairs(chosen_by: str) -> None:
    comparison = compared(chosen_by=chosen_by)
    figure = sweeps.figure(comparison, SWEEP, "baseline")
    assert drawn(figure)["best on the validation pairs"] == [(5, 34.5)]  # on the test pairs 50 is
    assert "Best on the validation pairs: losses.local = 5" in texts(figure)
    table = sweeps.table(comparison, SWEEP)
    [sentence] = table.remarks
    assert "on the test pairs, at these epochs: FID = 34.00 ± 1.41" in sentence
    assert ("KID ×1000 = 33.0" in sentence) == (chosen_by == "kid")
    assert [row[:2] for row in table.rows] == [
        ["50", "local-local50"],
        ["0", "baseline (local-local0)"],
        ["5", "local-local5"],
    ]
    assert [row[3].endswith("lowest") for row in table.rows] == [False, False, True]
    assert table.rows[2][2] == "34.50 ± 1.41"
    assert table.rows[2][4] == "34.00 ± 1.41"


def test_without_validation_pairs_no_value_is_called_best() -> None:
    table = sweeps.table(compared(chosen_by=None), SWEEP)
    assert "tuned on the test people" in table.remarks[0]
    assert {len(row) for row in table.rows} == {3}
    assert "lowest" not in table.markdown()


def swept_over(*values: int | float | str) -> Sweep:
    points = tuple(Point(value, name, name) for value, name in zip(values, ABLATIONS, strict=False))
    return dataclasses.replace(SWEEP, points=points)


def test_values_stand_as_their_kind_asks() -> None:
    words = sweeps.figure(compared(), swept_over("none", "face", "region"), "baseline").axes[0]
    assert [label.get_text() for label in words.get_xticklabels()] == ["none", "face", "region"]
    rates = sweeps.figure(compared(), swept_over(0.00001, 0.0001, 0.01), "baseline").axes[0]
    assert rates.get_xscale() == "log"
    assert [label.get_text() for label in rates.get_xticklabels()] == ["1e-05", "0.0001", "0.01"]
    crowded = sweeps.figure(compared(), swept_over(0, 1, 100), "baseline").axes[0]
    assert crowded.get_xscale() == "linear"
    assert list(crowded.get_xticks()) != [0, 1, 100]


def test_heading_facts_note_legend_and_panels_do_not_overlap() -> None:
    note = "a_network features: comparable within this table, not with published FID"
    figure = sweeps.figure(compared(note=note), SWEEP, "baseline")
    assert note in texts(figure)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in [*figure.texts, *figure.legends]]
    boxes += [axis.get_tightbbox() for axis in figure.axes if axis.get_visible()]
    for index, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_points_are_named_as_lines_without_a_part_in_the_primary_ones() -> None:
    line = {"ablation": "local-local5", "reference": "baseline", "metric": "fid", "level": 0.95}
    line |= {"role": "descriptive", "seeds": 2, "difference": 1.0, "run_low": 0.5, "run_high": 1.5}
    line |= {"run_verdict": "worse", "low": -1.0, "high": 3.0, "verdict": "undecided"}
    differences = pd.DataFrame([{**line, "subset": subset} for subset in ("AR", "all")])
    comparison = dataclasses.replace(compared(), differences=differences)
    [table] = tables.difference_tables(comparison)
    assert any("Points of sweeps, only descriptive" in text for text in table.remarks)
    assert table.rows[0][:3] == ["local-local5", "FID", "+1.00 [+0.50, +1.50] worse"]
