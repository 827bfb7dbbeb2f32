"""Curves and grids: their content, and unchanged pixels."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from photosketch.comparison import figures
from photosketch.comparison.summary import Choice
from photosketch.training.samples import Samples, ids_and_subsets
from support import comparisons
from support.comparisons import texts, titles

ABLATIONS = ["baseline", "local"]
ONE = {"CUHK": 10, "all": 10}  # the counts of a run of one subset
LONG_NOTE = (
    "a_network (sha256 00000000) features: comparable within this table, not with published FID"
)


def made_up(seeds=(0,), epochs=(5, 10), note: str = "", counts=None) -> pd.DataFrame:
    def fid(index: int, place: int, seed: int, epoch: int) -> float:
        return 100 * index + 10 * place + epoch + 2 * seed

    return comparisons.scores(fid, ABLATIONS, seeds=seeds, epochs=epochs, counts=counts, note=note)


def drawn_curves(scores: pd.DataFrame, **fields) -> Figure:
    return figures.curves(comparisons.compared(scores, **fields))


def levels(figure: Figure) -> list[list[float]]:
    """Of each panel the values of the lines after those of the two ablations."""
    return [[line.get_ydata()[0] for line in axis.get_lines()[2:]] for axis in figure.axes]


def named(figure: Figure) -> list[list[str]]:
    """The texts on the right of each panel."""
    return [[text.get_text() for text in axis.texts] for axis in figure.axes]


def test_curves_have_a_panel_per_subset_and_a_line_per_ablation() -> None:
    figure = drawn_curves(made_up(epochs=[5, 10, 15], note="mind this"))
    assert titles(figure) == ["CUHK  (n = 10)", "AR  (n = 11)", "all subsets  (n = 12)"]
    baseline, local = figure.axes[1].get_lines()
    assert baseline.get_xydata().tolist() == [[5, 15], [10, 20], [15, 25]]
    assert list(local.get_ydata()) == [115, 120, 125]
    assert to_hex(baseline.get_color()) != to_hex(local.get_color())
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ABLATIONS
    assert texts(figure) == "FID over epochs (lower is better) mind this"


def test_several_seeds_give_their_mean_and_a_band_over_their_range() -> None:
    figure = drawn_curves(made_up([0, 1, 2], counts=ONE))
    axis = figure.axes[0]
    assert list(axis.get_lines()[0].get_ydata()) == [7, 12]
    band = axis.collections[0].get_paths()[0].vertices
    assert {tuple(map(float, point)) for point in band} >= {(5, 5), (5, 9), (10, 10), (10, 14)}
    assert "3 seeds: mean and range" in texts(figure)


def test_a_single_epoch_is_shown_above_the_ablations_names() -> None:
    figure = drawn_curves(made_up([0, 1], [8], counts=ONE))
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ABLATIONS
    shown = [(float(x), float(y)) for line in axis.get_lines() for x, y in line.get_xydata()]
    assert shown == [(0, 8), (0, 10), (0, 9), (1, 108), (1, 110), (1, 109)]
    assert not figure.legends
    assert "FID at epoch 8" in texts(figure)


def test_methods_and_photos_are_dotted_lines_unless_these_would_flatten_the_curves() -> None:
    scores = made_up()
    theirs = scores[(scores["ablation"] == "local") & (scores["epoch"] == 5)]
    theirs = theirs.assign(ablation="theirs", epoch=0, fid=[60.0, 70.0, 80.0])
    references = pd.DataFrame(
        {"name": "photo in gray", "subset": ["CUHK", "AR", "all"], "fid": [900.0, None, 90.0]}
    )
    figure = drawn_curves(scores, references=references, method_scores=theirs)
    assert levels(figure) == [[60], [70], [80, 90], []]
    assert named(figure) == [
        ["theirs 60.00", "photo in gray 900.00, above"],
        ["theirs 70.00"],
        ["theirs 80.00", "photo in gray 90.00"],
        [],
    ]
    assert figure.axes[0].get_ylim()[1] < 150


@pytest.mark.parametrize("epochs", [(5, 10), (5,)])
def test_published_values_of_the_same_features_are_thin_named_lines(epochs) -> None:
    published = {
        "report": comparisons.published({"all": 28.0}),
        "later": comparisons.published({"CUHK": 31.5, "all": 26.96}),
        "other": comparisons.published({"all": 1.0}, features="inception-imagenet"),
    }
    figure = drawn_curves(made_up(epochs=epochs), published=published)
    assert levels(figure) == [[31.5], [], [28.0, 26.96], []]
    pooled = ["later (published) 26.96", "report (published) 28.00"]
    assert named(figure) == [["later (published) 31.50"], [], pooled, []]
    curve, _, level = figure.axes[0].get_lines()
    assert level.get_linewidth() < curve.get_linewidth()
    assert figure.axes[0].get_legend_handles_labels()[1] == (ABLATIONS if len(epochs) > 1 else [])


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [([6, 8, 12], [6, 8, 12]), (range(500, 801, 10), [500, 550, 600, 650, 700, 750, 800])],
)
def test_only_evaluated_epochs_are_named_below_the_curves(epochs, ticks) -> None:
    axis = drawn_curves(made_up([0], epochs, counts=ONE)).axes[0]
    assert axis.get_xticks().tolist() == ticks


def test_names_of_values_that_lie_close_together_do_not_overlap() -> None:
    close = {f"p{i}": comparisons.published({"CUHK": 30 + i / 100}) for i in range(5)}
    figure = drawn_curves(made_up(counts=ONE), published=close)
    assert named(figure) == [[f"p{i} (published) 30.0{i}" for i in range(5)]]
    places = [text.get_position()[1] for text in figure.axes[0].texts]
    assert all(above - below > 0.05 for below, above in pairwise(places))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subsets", "seeds", "epochs", "panels"),
    [
        (["AR", "all"], [0, 1], [5, 10], 1),  # one subset is not shown twice
        (["CUHK", "AR", "all"], [0, 1], [8], 3),
        (["CUHK", "AR", "all"], [0, 1], range(500, 801, 10), 3),
    ],
)
def test_heading_long_note_legend_and_panels_do_not_overlap(subsets, seeds, epochs, panels) -> None:
    scores = made_up(seeds, epochs, LONG_NOTE)
    figure = drawn_curves(scores[scores["subset"].isin(subsets)])
    assert len(titles(figure)) == panels
    assert (titles(figure)[0] == "AR  (n = 11)") == (panels == 1)
    assert texts(figure).split()[-len(LONG_NOTE.split()) :] == LONG_NOTE.split()
    comparisons.assert_nothing_overlaps(figure)


CHOSEN = [("baseline", 0, 5), ("baseline", 1, 15), ("local", 0, 10), ("local", 1, 10)]
OF_TWO_SEEDS = ["baseline: epochs 5, 15 of seeds 0, 1", "local: epochs 10, 10 of seeds 0, 1"]
OF_ONE_SEED = ["baseline: epoch 5", "local: epoch 5"]


@pytest.mark.parametrize(
    ("seeds", "chosen", "expected", "rings"),
    [
        ([0, 1], CHOSEN, OF_TWO_SEEDS, [[(5, 5), (15, 17)], [(10, 110), (10, 112)]]),
        ([0], [("baseline", 0, 5), ("local", 0, 5)], OF_ONE_SEED, [[(5, 5)], [(5, 105)]]),
    ],
)
def test_what_an_epoch_was_chosen_from_has_a_ring_per_seed(seeds, chosen, expected, rings) -> None:
    scores = made_up(seeds, [5, 10, 15], "mind this")
    runs = scores[["ablation", "seed", "epoch"]].itertuples(index=False, name=None)
    scores["kid"] = (scores["fid"] - [20 * (run in chosen) for run in runs]) / 1000
    figure = figures.validation_curves(Choice("kid", scores))
    assert titles(figure) == expected
    assert "KID ×1000 of the validation pairs" in texts(figure)
    assert "12 validation pairs (fewer than 20: too few to choose by)" in texts(figure)
    assert "mind this" in texts(figure) and ("seeds" in texts(figure)) == (len(seeds) > 1)
    for axis, own in zip(figure.axes, rings, strict=True):
        marked = [line for line in axis.get_lines() if len(line.get_xdata()) == 1]
        places = [tuple(map(float, line.get_xydata()[0])) for line in marked]
        assert places == [pytest.approx(ring) for ring in own]
        assert len(axis.collections) == (len(seeds) > 1)  # the band
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def find(canvas: np.ndarray, picture: Image.Image) -> tuple[int, int]:
    """The only place (x, y) where a picture of noise occurs in `canvas`, pixel by pixel."""
    image = np.asarray(picture.convert("RGB"))
    first, rows = image[0].tobytes(), [row.tobytes() for row in canvas]
    assert sum(row.count(first) for row in rows) == 1
    y = next(y for y, row in enumerate(rows) if first in row)
    x = rows[y].index(first) // 3
    np.testing.assert_array_equal(canvas[y : y + picture.height, x : x + picture.width], image)
    return x, y


def test_a_grid_holds_every_image_untouched_in_its_row_and_column(listed) -> None:
    sketches = np.random.default_rng(1).integers(0, 256, (3, 250, 200), np.uint8)
    scores = comparisons.scores(lambda *_: 1.0, ["baseline"], counts={"AR": 3, "all": 3})
    shown = {"people": listed, "drawn": {"baseline": Samples(*ids_and_subsets(listed), sketches)}}
    grid = figures.people_grid(comparisons.compared(scores, **shown), "AR")
    canvas = np.asarray(grid)
    photos = [find(canvas, Image.open(pair.photo)) for pair in listed]
    places = [find(canvas, Image.fromarray(sketch)) for sketch in sketches]
    assert [y for _, y in photos] == [y for _, y in places]
    assert len({y for _, y in places}) == 3
    assert {x - photo_x for (x, _), (photo_x, _) in zip(places, photos, strict=True)} == {416}
    noted = comparisons.compared(scores.assign(note="mind this"), **shown)
    assert figures.people_grid(noted, "AR").height > grid.height
