"""A sweep's figure, table and best value, which no test pair decides."""

import dataclasses

import pandas as pd
import pytest
from matplotlib.figure import Figure

from photosketch.comparison import sweeps
from photosketch.comparison.summary import Choice, Comparison
from photosketch.configuration.sweeps import Point, Sweep
from support import comparisons
from support.comparisons import texts, titles

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
TEST = (40.0, 30.0, 20.0, 35.0)
VALIDATION = (40.0, 1.0, 33.0, 25.0)  # local is not a point of the sweep


def scores(fid: tuple[float, ...], seeds: int, note: str = "") -> pd.DataFrame:
    """FID falls by 1 from epoch 5 to 10; a seed adds 2; KID is the same in thousandths."""
    table = comparisons.scores(
        lambda index, _place, seed, epoch: fid[index] - epoch / 5 + 2 * seed,
        ABLATIONS,
        seeds=range(seeds),
        counts={"AR": 9, "all": 9},
        **{"fid_other": float("nan"), "ssim": 0.5, "note": note},
    )
    return table.assign(kid=(table["fid"] - 2 * table["seed"]) / 1000)


def compared(seeds: int = 2, chosen_by: str | None = "fid", note: str = "") -> Comparison:
    return comparisons.compared(
        scores(TEST, seeds, note),
        choice=Choice(chosen_by, scores(VALIDATION, seeds)) if chosen_by else None,
        reference="baseline",
    )


def drawn(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    """The lines of the first panel by label."""
    lines = figure.axes[0].get_lines()
    return {str(line.get_label()): list(map(tuple, line.get_xydata().tolist())) for line in lines}


def test_a_panel_per_metric_has_means_seeds_and_the_reference_over_the_numbers() -> None:
    figure = sweeps.figure(compared(chosen_by=None), SWEEP)
    assert titles(figure) == ["FID ↓", "KID ×1000 ↓", "SSIM ↑"]
    shown = drawn(figure)
    assert shown["mean"] == [(0, 39.5), (5, 34.5), (50, 19.5)]
    assert set(shown["each seed"]) >= {(0, 38.5), (0, 40.5), (50, 18.5), (50, 20.5)}
    assert {y for _, y in shown["reference: baseline"]} == {39.5}
    assert "best on the validation pairs" not in shown
    assert "Sweep weights: losses.local of local" in texts(figure)
    assert "local-local0 is baseline" in texts(figure)
    assert "each seed" not in drawn(sweeps.figure(compared(1), SWEEP))


@pytest.mark.slow
@pytest.mark.parametrize("chosen_by", ["fid", "kid"])
def test_the_best_value_is_that_of_the_validation_pairs(chosen_by: str) -> None:
    comparison = compared(chosen_by=chosen_by)
    figure = sweeps.figure(comparison, SWEEP)
    assert drawn(figure)["best on the validation pairs"] == [(5, 34.5)]  # the test pairs choose 50
    few = "9 validation pairs (fewer than 20: too few to choose by)"
    assert f"Best on the {few}: losses.local = 5" in texts(figure)
    table = sweeps.table(comparison, SWEEP)
    [sentence] = table.remarks
    assert "On the test pairs, over all evaluated epochs: FID = 34.50 ± 1.41" in sentence
    assert ("KID ×1000 = 33.5" in sentence) == (chosen_by == "kid")
    names = ["50 local-local50", "0 baseline (local-local0)", "5 local-local5"]
    assert [" ".join(row[:2]) for row in table.rows] == names
    assert [row[3].endswith("lowest") for row in table.rows] == [False, False, True]
    assert table.rows[2][2::2] == ["34.50 ± 1.41", "34.00 ± 1.41"]


def test_without_validation_pairs_no_value_is_called_best() -> None:
    table = sweeps.table(compared(chosen_by=None), SWEEP)
    assert "tuned on the test people" in table.remarks[0]
    assert {len(row) for row in table.rows} == {3}
    assert "lowest" not in table.markdown()


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        (("none", "face", "region"), "linear", ["none", "face", "region"]),
        ((0.00001, 0.0001, 0.01), "log", ["1e-05", "0.0001", "0.01"]),
        ((0, 1, 100), "linear", None),  # too crowded for a tick each
    ],
)
def test_values_stand_as_their_kind_asks(values, scale, ticks) -> None:
    points = tuple(Point(value, name, name) for value, name in zip(values, ABLATIONS, strict=False))
    axis = sweeps.figure(compared(), dataclasses.replace(SWEEP, points=points)).axes[0]
    assert axis.get_xscale() == scale
    shown = [label.get_text() for label in axis.get_xticklabels()]
    assert shown == ticks if ticks else shown != [str(value) for value in values]


@pytest.mark.slow
def test_heading_facts_note_legend_and_panels_do_not_overlap() -> None:
    note = "a_network features: comparable within this table, not with published FID"
    figure = sweeps.figure(compared(note=note), SWEEP)
    assert note in texts(figure)
    comparisons.assert_nothing_overlaps(figure)
