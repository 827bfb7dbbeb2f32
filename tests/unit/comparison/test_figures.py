"""Curves and grids: what they show, and that pixels stay untouched."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from photosketch.comparison import figures
from photosketch.comparison.provenance import Provenance
from photosketch.comparison.summary import Choice, Comparison
from photosketch.figures import contact_sheet

ABLATIONS, SUBSETS = ["baseline", "local"], ["CUHK", "AR"]


def made_up_scores(seeds: list[int], epochs: list[int], note: str = "") -> pd.DataFrame:
    rows = [
        {
            "ablation": ablation,
            "seed": seed,
            "epoch": epoch,
            "subset": subset,
            "n": 10 + place,
            "fid": 100 * index + 10 * place + epoch + 2 * seed,
            "note": note,
        }
        for index, ablation in enumerate(ABLATIONS)
        for seed in seeds
        for epoch in epochs
        for place, subset in enumerate([*SUBSETS, "all"])
    ]
    return pd.DataFrame(rows)


def drawn_curves(scores: pd.DataFrame) -> Figure:
    nothing = pd.DataFrame()
    return figures.curves(Comparison(scores, nothing, nothing, Provenance("demo", {}, {}, "")))


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def visible_panels(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]


def test_curves_have_a_panel_per_subset_and_a_line_per_ablation() -> None:
    figure = drawn_curves(made_up_scores([0], [5, 10, 15]))
    assert visible_panels(figure) == ["CUHK  (n = 10)", "AR  (n = 11)", "all subsets  (n = 12)"]
    baseline, local = figure.axes[1].get_lines()
    assert list(baseline.get_xdata()) == [5, 10, 15]
    assert list(baseline.get_ydata()) == [15, 20, 25]
    assert list(local.get_ydata()) == [115, 120, 125]
    assert to_hex(baseline.get_color()) != to_hex(local.get_color())
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ABLATIONS
    assert "FID over epochs (lower is better)" in texts(figure)


def test_several_seeds_give_their_mean_and_a_band_over_their_range() -> None:
    figure = drawn_curves(made_up_scores([0, 1, 2], [5, 10]))
    axis = figure.axes[0]
    assert list(axis.get_lines()[0].get_ydata()) == [7, 12]
    band = axis.collections[0].get_paths()[0].vertices
    assert {tuple(map(float, point)) for point in band} >= {(5, 5), (5, 9), (10, 10), (10, 14)}
    assert "3 seeds: mean and range" in texts(figure)


def test_a_single_epoch_is_shown_above_the_ablations_names() -> None:
    figure = drawn_curves(made_up_scores([0, 1], [8]))
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ABLATIONS
    shown = [(float(x), float(y)) for line in axis.get_lines() for x, y in line.get_xydata()]
    assert shown == [(0, 8), (0, 10), (0, 9), (1, 108), (1, 110), (1, 109)]
    assert not figure.legends
    assert "FID at epoch 8" in texts(figure)


def test_methods_and_photos_are_dotted_lines_unless_these_would_flatten_the_curves() -> None:
    scores = made_up_scores([0], [5, 10])
    theirs = scores[(scores["ablation"] == "local") & (scores["epoch"] == 5)]
    theirs = theirs.assign(ablation="theirs", epoch=0, fid=[60.0, 70.0, 80.0])
    references = pd.DataFrame(
        {"name": "photo in gray", "subset": ["CUHK", "AR", "all"], "fid": [900.0, None, 90.0]}
    )
    nothing = Provenance("demo", {}, {}, "")
    figure = figures.curves(Comparison(scores, references, pd.DataFrame(), nothing, theirs))
    cuhk, ar, pooled, _ = figure.axes
    levels = [[line.get_ydata()[0] for line in axis.get_lines()[2:]] for axis in figure.axes]
    assert levels == [[60], [70], [80, 90], []]
    named = [text.get_text() for text in cuhk.texts]
    assert named == ["theirs 60.00", "photo in gray 900.00, above"]
    assert [text.get_text() for text in ar.texts] == ["theirs 70.00"]
    assert cuhk.get_ylim()[1] < 150
    assert [text.get_text() for text in pooled.texts] == ["theirs 80.00", "photo in gray 90.00"]


def test_a_single_subset_is_not_shown_twice() -> None:
    scores = made_up_scores([0], [5, 10])
    of_ar = scores[scores["subset"].isin(["AR", "all"])]
    assert visible_panels(drawn_curves(of_ar)) == ["AR  (n = 11)"]


def test_the_note_is_written_into_the_curves() -> None:
    noted = made_up_scores([0], [5, 10], note="mind this")
    assert "mind this" in texts(drawn_curves(noted))
    assert "mind this" not in texts(drawn_curves(noted.assign(note="")))


LONG_NOTE = (
    "a_network (sha256 00000000) features: comparable within this table, not with published FID"
)


@pytest.mark.parametrize("epochs", [[8], list(range(500, 801, 10))])
def test_heading_note_legend_and_panels_do_not_overlap(epochs: list[int]) -> None:
    figure = drawn_curves(made_up_scores([0, 1], epochs, note=LONG_NOTE))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in [*figure.texts, *figure.legends]]
    boxes += [axis.get_tightbbox() for axis in figure.axes if axis.get_visible()]
    for index, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_a_long_note_is_broken_where_there_is_one_panel() -> None:
    scores = made_up_scores([0], [5, 10], note=LONG_NOTE)
    figure = drawn_curves(scores[scores["subset"] == "CUHK"])
    figure.draw_without_rendering()
    _, note = figure.texts
    assert note.get_text().split() == LONG_NOTE.split()
    assert note.get_window_extent().x1 <= figure.bbox.x1
    assert not any(note.get_window_extent().overlaps(axis.get_tightbbox()) for axis in figure.axes)


def test_what_an_epoch_was_chosen_from_is_a_panel_per_ablation_with_a_ring_per_seed() -> None:
    scores = made_up_scores([0, 1], [5, 10, 15], note="mind this")
    scores = scores.assign(kid=scores["fid"] / 1000)
    chosen = pd.DataFrame(
        [("baseline", 0, 5), ("baseline", 1, 15), ("local", 0, 10), ("local", 1, 10)],
        columns=["ablation", "seed", "epoch"],
    )
    figure = figures.validation_curves(Choice("kid", scores, chosen))
    assert visible_panels(figure) == [
        "baseline: epochs 5, 15 of seeds 0, 1",
        "local: epochs 10, 10 of seeds 0, 1",
    ]
    assert "KID ×1000 of the 12 validation pairs" in texts(figure)
    assert "mind this" in texts(figure)
    for axis, rings in zip(figure.axes, ([(5, 25), (15, 37)], [(10, 130), (10, 132)]), strict=True):
        marked = [line for line in axis.get_lines() if len(line.get_xdata()) == 1]
        places = [tuple(map(float, line.get_xydata()[0])) for line in marked]
        assert places == [pytest.approx(ring) for ring in rings]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_a_single_seed_has_no_band_around_its_curve() -> None:
    scores = made_up_scores([0], [5, 10])
    chosen = pd.DataFrame({"ablation": ABLATIONS, "seed": 0, "epoch": 5})
    figure = figures.validation_curves(Choice("fid", scores, chosen))
    assert visible_panels(figure) == ["baseline: epoch 5", "local: epoch 5"]
    assert not any(axis.collections for axis in figure.axes)
    assert "seeds" not in texts(figure)


def images(count: int, channels: tuple[int, ...], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (50, 40, *channels), np.uint8) for _ in range(count)]


def find(canvas: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """The only place (x, y) where `image` occurs in `canvas`, pixel by pixel."""
    height, width = image.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(canvas, (height, width, 3))[:, :, 0]
    candidates = np.argwhere((windows[:, :, 0, 0] == image[0, 0]).all(axis=-1))
    [place] = [(x, y) for y, x in candidates if (windows[y, x] == image).all()]
    return place


def test_a_grid_holds_every_image_untouched_in_its_row_and_column() -> None:
    photos, sketches = images(3, (3,), seed=0), images(3, (), seed=1)
    grid = figures.grid({"photo": photos, "a": sketches}, ["1", "2", "3"], "AR")
    canvas = np.asarray(grid)
    photo_places = [find(canvas, photo) for photo in photos]
    sketch_places = [find(canvas, np.repeat(s[:, :, None], 3, axis=2)) for s in sketches]
    (photo_x, first), (_, second), (_, third) = photo_places
    sketch_x = sketch_places[0][0]
    assert second - first == third - second > 50
    assert sketch_x - photo_x > 40
    assert photo_places == [(photo_x, y) for y in (first, second, third)]
    assert sketch_places == [(sketch_x, y) for y in (first, second, third)]


def test_a_grid_says_its_note_and_is_otherwise_the_same() -> None:
    columns = {"photo": images(2, (3,), seed=0)}
    plain = figures.grid(columns, ["1", "2"], "AR")
    noted = figures.grid(columns, ["1", "2"], "AR", note="mind this")
    assert noted.height > plain.height
    above = noted.height - 190  # two rows of images with their names below
    coloured = np.ptp(np.asarray(noted)[:above], axis=2) > 60
    assert coloured.any()
    assert not (np.ptp(np.asarray(plain)[: plain.height - 190], axis=2) > 60).any()


def test_long_names_stay_within_their_column() -> None:
    blank = [np.full((50, 40), 255, np.uint8)]
    short = figures.grid({"a": blank, " ": blank}, ["1"], "AR")
    long = figures.grid({"an_exceedingly_long_ablation_name": blank, " ": blank}, ["1"], "AR")
    assert long.size == short.size
    above_second_column = np.asarray(long)[50:-80, -24 - 40 - 10 :]
    assert (above_second_column == 255).all()


def test_figures_and_images_are_saved_as_png(tmp_path: Path) -> None:
    figures.save(drawn_curves(made_up_scores([0], [5, 10])), tmp_path / "c.png")
    contact_sheet.save(figures.grid({"a": images(1, (), seed=0)}, ["1"], "AR"), tmp_path / "g.png")
    for name in ("c.png", "g.png"):
        with Image.open(tmp_path / name) as image:
            assert image.format == "PNG"
            assert min(image.size) > 50
