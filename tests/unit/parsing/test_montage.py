"""Montages of label maps, and how doubtful planted faults make them."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageChops

from photosketch.figures import contact_sheet
from photosketch.parsing import montage
from photosketch.parsing.labels import (
    BACKGROUND,
    CLASS_COLOURS,
    CLOTHES,
    EYES,
    HAIR,
    MOUTH,
    SKIN,
    Parsings,
)
from photosketch.parsing.montage import Doubt, doubt_of, labelled, parsing_montage
from support.drawn_pairs import on_disk, true_parsings, true_points
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair


def test_labels_tint_a_sketch_and_leave_the_background():
    sketch = np.full((20, 20), 200, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = EYES
    picture = labelled(sketch, labels)
    assert (picture[:5] == 200).all()
    red, green, blue = picture[10, 10].astype(int)
    assert blue > green > red  # the colour of eyes is blue
    assert picture[5, 10].tolist() == [220, 0, 0]  # the outline of the head mask


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    """Four pairs, their label maps in another order, and their points."""
    drawn = [draw_pair(seed, PENCIL) for seed in range(4)]
    pairs = on_disk(tmp_path_factory.mktemp("pairs"), "pencil", "abcd", drawn)
    return pairs, true_parsings("dcba", drawn[::-1]), true_points("abcd", drawn)


def test_a_montage_shows_every_pair_four_times_and_the_legend(subset):
    colours = np.asarray(parsing_montage("pencil", *subset))
    legend = {tuple(colour) for colour in colours[50:80].reshape(-1, 3).tolist()}
    assert set(CLASS_COLOURS[1:]) <= legend
    # Two rows of pairs, the fourth below the first: each of its four images has ink in it.
    lower = colours[-200:, 24:648]
    images = [lower[:, 158 * k : 158 * k + 150] for k in range(4)]
    assert all((image < 128).any() for image in images)
    assert (colours[-180:, 700:] == 255).all()


def captions(monkeypatch, pairs, parsings, table):
    """The names and remarks of a montage's pairs, in order."""
    monkeypatch.setattr(contact_sheet, "sheet", lambda _, groups, *__: groups)
    groups = parsing_montage("pencil", pairs, parsings, table)
    return [(group.name, group.remark) for group in groups]


def test_the_most_doubtful_pairs_come_first_and_what_is_not_the_parser_s_is_said(
    subset, monkeypatch
):
    pairs, parsings, table = subset
    photo = parsings.photo.copy()
    photo[parsings.ids.index("c")] = 0
    marks = {"fallback": (("c", "photo"), ("c", "sketch")), "manual": (("a", "sketch"),)}
    bad = replace(parsings, photo=photo, unparsed=("b",), **marks)
    located = table[(table["id"] != "b") | (table["modality"] == "photo")]
    (first, second, *rest) = captions(monkeypatch, pairs, bad, located)
    assert first == ("b", "sketch not parsed")
    assert second == ("c", "doubt 3.00, photo and sketch by segmentation (no face found)")
    assert {name for name, _ in rest} == {"a", "d"}
    assert dict(rest)["a"].endswith(", sketch by hand")


@pytest.mark.slow
def test_of_many_pairs_the_worst_are_shown_and_every_so_many_of_the_rest(subset, monkeypatch):
    pairs, _, table = subset
    many = [replace(pairs[0], id=f"{number:03}") for number in range(60)]
    photo, sketch = np.zeros((2, 60, 250, 200), np.uint8)
    photo[:, 0, 0] = np.arange(60) % 3  # what the stub takes for doubt
    monkeypatch.setattr(montage, "doubt_of", lambda labels, _: Doubt(float(labels[0, 0]), 0, 0))
    parsings = Parsings(tuple(pair.id for pair in many), photo, sketch)
    values = [int(name) % 3 for name, _ in captions(monkeypatch, many, parsings, table)]
    assert len(values) == 40
    assert values == sorted(values, reverse=True)
    assert (values[:20], values[-1]) == ([2] * 20, 0)


def test_a_montage_takes_labels_by_id(subset):
    pairs, parsings, table = subset
    plain = parsing_montage("pencil", pairs[:1], parsings, table)
    in_order = Parsings(tuple("abcd"), parsings.photo[::-1], parsings.sketch[::-1])
    again = parsing_montage("pencil", pairs[:1], in_order, table)
    assert ImageChops.difference(plain, again).getbbox() is None


TRUE = draw_pair(0, PENCIL)
POINTS = TRUE.photo_landmarks


@pytest.fixture
def labels():
    return TRUE.photo_labels.copy()


def test_a_true_map_is_hardly_doubtful_and_background_taken_for_hair_shows_at_the_border(labels):
    assert (labels[-1] == CLOTHES).any()  # what touches the lower border is no reason
    before = doubt_of(labels, POINTS)
    assert sum(before) < 0.1
    labels[:120][labels[:120] == BACKGROUND] = HAIR
    doubt = doubt_of(labels, POINTS)
    assert doubt.border > before.border + 0.3
    assert (doubt.points, doubt.pieces) == (before.points, before.pieces)


def test_features_elsewhere_or_missing_disagree_with_the_points(labels):
    before = doubt_of(labels, POINTS)
    moved = np.roll(labels, 40, axis=1)
    distance = np.linalg.norm(POINTS[1] - POINTS[0])
    assert doubt_of(moved, POINTS).points > 0.3 * 20 / distance
    labels[labels == MOUTH] = SKIN
    assert doubt_of(labels, POINTS).points == pytest.approx(before.points + 0.4, abs=0.02)
    assert doubt_of(labels, None).points == 0


def test_a_head_in_pieces_is_noticed_and_specks_are_not(labels):
    labels[2:4, 2:4] = HAIR
    assert doubt_of(labels, POINTS).pieces == 0
    labels[2:30, 2:12] = HAIR
    assert doubt_of(labels, POINTS).pieces == pytest.approx(1 / 2)


def test_nothing_but_background_is_the_most_doubtful_of_all(labels):
    assert doubt_of(np.zeros_like(labels), POINTS) == Doubt(1, 1, 1)
    only_eyes = np.where(labels == EYES, EYES, 0)
    assert doubt_of(only_eyes, POINTS) != (1, 1, 1)
