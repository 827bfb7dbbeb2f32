"""The data of the click page; tests/browser tests the page itself."""

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from photosketch.jobs.messages import InputError
from photosketch.landmarks.click_page import annotation_page
from photosketch.landmarks.manual import MANUAL_COLUMNS
from support.drawn_pairs import landmark_table

POINTS = np.array([(74, 110), (126, 111), (100, 140), (80, 170), (121, 171)], float)
ALL = [("1", "photo"), ("1", "sketch"), ("2", "photo"), ("2", "sketch")]


@pytest.fixture
def listed(listed):
    return listed[:2]


def table(images, points=POINTS, source="mtcnn"):
    return {"AR": landmark_table(dict.fromkeys(images, points), source)}


def manual_row(name, modality, points=None):
    cells = [""] * 10 if points is None else map(str, points.ravel())
    return dict(zip(MANUAL_COLUMNS, ["AR", name, modality, *cells], strict=True))


def data(listed, tables, rows=(), patterns=()):
    """The page's data, and its images by id and modality."""
    text, count = annotation_page(listed, tables, list(rows), patterns, "manual.csv")
    found = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert count == len(found["images"])
    return found, {(image["id"], image["modality"]): image for image in found["images"]}


def test_points_by_hand_come_before_mtcnn_and_those_before_facepp(listed):
    rows = [manual_row("1", "photo", POINTS + 1)]
    tables = [table(ALL[:2], POINTS + 2), table(ALL, POINTS + 3, "facepp")]
    _, images = data(listed, tables, rows, ["AR/*/photo", "AR/1/sketch"])
    sources = (1, "manual"), (2, "mtcnn"), (3, "facepp")
    for image, (more, source) in zip(ALL[:3], sources, strict=True):
        assert images[image]["points"] == (POINTS + more).tolist()
        assert images[image]["source"] == source


@pytest.mark.parametrize(
    ("tables", "rows", "patterns", "asked_for"),
    [
        ([table(ALL[:2]), table(ALL[2:3], source="facepp")], [], [], []),
        ([table(ALL[:3])], [], ["AR/1/*", "*/sketch"], ALL[:2]),
        ([table(ALL[:3])], [manual_row("2", "sketch")], [], []),  # without points
    ],
)
def test_images_without_points_are_shown_and_then_those_asked_for(
    listed, tables, rows, patterns, asked_for
):
    _, images = data(listed, tables, rows, patterns)
    assert list(images) == [ALL[3], *asked_for]
    assert images[ALL[3]]["points"] is None


def test_hint_is_the_mean_of_similar_images_at_the_place_in_images_of_other_sizes(listed):
    tables = [table([("1", "sketch")], POINTS + 10), table([("2", "photo")])]
    large = dataclasses.replace(listed[0], width=400, height=500)
    elsewhere = [manual_row("9", "photo", POINTS * 100)]  # not a pair: no size
    for pairs, known, rows, image, hint in (
        (listed, tables, [], ("2", "sketch"), (POINTS + 10).tolist()),
        (listed, tables, [], ("1", "photo"), POINTS.tolist()),
        (listed, tables[1:], [], ("2", "sketch"), POINTS.tolist()),  # no other sketch has points
        (listed, [], elsewhere, ("1", "photo"), None),
        # pixel centres at twice the size
        ([large, listed[1]], tables[1:], [], ("1", "photo"), (2 * POINTS + 0.5).tolist()),
    ):
        _, images = data(pairs, known, rows)
        assert images[image]["hint"] == hint


@pytest.mark.parametrize(
    ("tables", "patterns", "told"),
    [
        ([], ["AR/9/photo"], r"landmarks\.annotate: 'AR/9/photo' matches no image"),
        ([table(ALL)], [], "every image has its points"),
    ],
)
def test_pattern_that_matches_nothing_and_nothing_to_show_are_errors(
    listed, tables, patterns, told
):
    with pytest.raises(InputError, match=told):
        annotation_page(listed, tables, [], patterns, "manual.csv")


def test_manual_rows_are_kept_and_their_names_cannot_end_the_script(listed):
    rows = [{**manual_row("1", "photo"), "id": "</script><b>"}]
    found, _ = data(listed, [], rows)
    assert found["manualRows"] == [["AR", "</script><b>", "photo", *[""] * 10]]


def test_a_large_image_is_shown_by_a_small_copy_and_clicked_in_its_own_pixels(listed, monkeypatch):
    monkeypatch.setattr("photosketch.data.images.LONGEST", 100)
    seen = [dataclasses.replace(pair, sketch_width=200, sketch_height=250) for pair in listed]
    _, images = data(seen, [table(ALL[:3])])
    [entry] = images.values()
    assert (entry["width"], entry["height"]) == (200, 250)
    encoded = entry["picture"].partition("base64,")[2]
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).size == (80, 100)
