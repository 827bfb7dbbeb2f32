from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import ImageChops

from photosketch.data.pairs import MODALITIES
from photosketch.figures import contact_sheet
from photosketch.landmarks.table import COLUMNS
from photosketch.parsing import montage
from photosketch.parsing.labels import CLASSES, EYES, Parsings
from photosketch.parsing.montage import labelled, parsing_montage
from photosketch.parsing.palette import CLASS_COLOURS
from support.drawn_pairs import on_disk
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
    drawn = [draw_pair(seed) for seed in range(4)]
    labels = [np.stack([getattr(p, f"{m}_labels") for p in drawn]) for m in MODALITIES]
    pairs = on_disk(tmp_path_factory.mktemp("pairs"), "pencil", "abcd", drawn)
    rows = [
        (id, modality, *getattr(pair, f"{modality}_landmarks").ravel(), 0.9, "mtcnn")
        for id, pair in zip("abcd", drawn, strict=True)
        for modality in MODALITIES
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return pairs, Parsings(tuple("dcba"), *(maps[::-1] for maps in labels)), table


def test_a_montage_shows_every_pair_four_times_and_the_legend(subset):
    colours = np.asarray(parsing_montage("pencil", *subset))
    legend = {tuple(colour) for colour in colours[50:80].reshape(-1, 3).tolist()}
    assert set(CLASS_COLOURS[1:]) <= legend
    assert len(CLASS_COLOURS) == len(CLASSES)
    # Two rows of pairs, the fourth below the first: each of its four images has ink in it.
    lower = colours[-200:, 24:648]
    images = [lower[:, 158 * k : 158 * k + 150] for k in range(4)]
    assert all((image < 128).any() for image in images)
    assert (colours[-180:, 700:] == 255).all()


def captions(monkeypatch, pairs, parsings, table):
    """The names and remarks of a montage's pairs, in order."""
    told = []
    monkeypatch.setattr(contact_sheet, "sheet", lambda _, groups, *__: told.extend(groups))
    parsing_montage("pencil", pairs, parsings, table)
    return [(group.name, group.remark) for group in told]


def test_the_most_doubtful_pairs_come_first_and_what_is_not_the_parser_s_is_said(
    subset, monkeypatch
):
    pairs, parsings, table = subset
    photo = parsings.photo.copy()
    photo[parsings.ids.index("c")] = 0
    bad = replace(
        parsings,
        photo=photo,
        unparsed=("b",),
        fallback=(("c", "photo"), ("c", "sketch")),
        manual=(("a", "sketch"),),
    )
    located = table[(table["id"] != "b") | (table["modality"] == "photo")]
    (first, second, *rest) = captions(monkeypatch, pairs, bad, located)
    assert first == ("b", "sketch not parsed")
    assert second == ("c", "doubt 3.00, photo and sketch by grabcut (no face found)")
    assert {name for name, _ in rest} == {"a", "d"}
    assert dict(rest)["a"].endswith(", sketch by hand")


def test_of_many_pairs_the_worst_are_shown_and_every_so_many_of_the_rest(subset, monkeypatch):
    pairs, parsings, table = subset
    many = [replace(pairs[0], id=f"{number:03}") for number in range(100)]
    doubts = {pair.id: float(number % 10) for number, pair in enumerate(many)}
    monkeypatch.setattr(montage, "_doubt", lambda id, *_: doubts[id])
    (photo,), (sketch,) = (
        [maps[parsings.ids.index("a")]] for maps in (parsings.photo, parsings.sketch)
    )
    maps = [np.stack([labels] * 100) for labels in (photo, sketch)]
    shown = captions(monkeypatch, many, Parsings(tuple(p.id for p in many), *maps), table)
    values = [doubts[name] for name, _ in shown]
    assert len(values) == 40
    assert values == sorted(values, reverse=True)
    assert values[:20] == [9.0] * 10 + [8.0] * 10
    assert values[-1] == 0


def test_a_montage_takes_labels_by_id(subset):
    pairs, parsings, table = subset
    plain = parsing_montage("pencil", pairs[:1], parsings, table)
    in_order = Parsings(tuple("abcd"), parsings.photo[::-1], parsings.sketch[::-1])
    again = parsing_montage("pencil", pairs[:1], in_order, table)
    assert ImageChops.difference(plain, again).getbbox() is None
