"""What the click page is made of; tests/browser tests the page itself."""

import base64
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from photosketch.data import pairs
from photosketch.jobs.job import InputError
from photosketch.landmarks.click_page import annotation_page
from photosketch.landmarks.manual import MANUAL_COLUMNS, manual_rows
from photosketch.landmarks.table import COLUMNS

POINTS = np.array([(74, 110), (126, 111), (100, 140), (80, 170), (121, 171)], float)
ALL = [("1", "photo"), ("1", "sketch"), ("2", "photo"), ("2", "sketch")]


@pytest.fixture
def listed(tmp_path: Path) -> list[pairs.Pair]:
    lines = ["subset\tid\tsplit\tphoto\tsketch"]
    for number in range(6):
        Image.new("L" if number % 2 else "RGB", (200, 250), number).save(tmp_path / f"{number}.png")
    for name in range(3):
        split = "test" if name else "train"
        lines.append(f"AR\t{name}\t{split}\t{2 * name}.png\t{2 * name + 1}.png")
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    return pairs.index_pairs(tmp_path / "pairs.tsv", (200, 250))[1:]


def table(images, points=POINTS, source="mtcnn") -> dict[str, pd.DataFrame]:
    rows = [(*image, *points.ravel(), 0.9, source) for image in images]
    return {"AR": pd.DataFrame(rows, columns=list(COLUMNS))}


def manual_row(name: str, modality: str, points=None) -> dict[str, str]:
    cells = [""] * 10 if points is None else map(str, points.ravel())
    return dict(zip(MANUAL_COLUMNS, ["AR", name, modality, *cells], strict=True))


def data(listed, tables, rows=(), patterns=()) -> dict:
    text, count = annotation_page(listed, tables, list(rows), patterns, "manual.csv")
    found = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert count == len(found["images"])
    return found


def shown(found: dict) -> list[tuple[str, str]]:
    return [(image["id"], image["modality"]) for image in found["images"]]


def test_images_without_points_are_shown_and_no_others(listed):
    found = data(listed, [table(ALL[:2]), table(ALL[2:3], source="facepp")])
    assert shown(found) == [("2", "sketch")]
    assert found["images"][0]["points"] is None


def test_images_asked_for_come_after_the_missing_ones_with_points_and_source(listed):
    found = data(listed, [table(ALL[:3])], patterns=["AR/1/*", "*/sketch"])
    assert shown(found) == [("2", "sketch"), ("1", "photo"), ("1", "sketch")]
    assert found["images"][1]["points"] == POINTS.tolist()
    assert found["images"][1]["source"] == "mtcnn"


def test_points_by_hand_come_before_mtcnn_and_those_before_facepp(listed):
    rows = [manual_row("1", "photo", POINTS + 1)]
    tables = [table(ALL[:2], POINTS + 2), table(ALL, POINTS + 3, "facepp")]
    found = data(listed, tables, rows, ["AR/*/photo", "AR/1/sketch"])
    by_image = {(i["id"], i["modality"]): (i["points"][0], i["source"]) for i in found["images"]}
    assert by_image["1", "photo"] == ([75, 111], "manual")
    assert by_image["1", "sketch"] == ([76, 112], "mtcnn")
    assert by_image["2", "photo"] == ([77, 113], "facepp")


def test_manual_row_without_points_leaves_the_image_to_click_and_is_kept(listed):
    found = data(listed, [table(ALL[:3])], [manual_row("2", "sketch")])
    assert shown(found) == [("2", "sketch")]
    assert found["manualRows"] == [["AR", "2", "sketch", *[""] * 10]]


def test_hint_is_the_mean_of_the_same_modality_without_the_image_itself(listed):
    tables = [table([("1", "sketch")], POINTS + 10), table([("2", "photo")])]
    found = {(i["id"], i["modality"]): i["hint"] for i in data(listed, tables)["images"]}
    assert found["2", "sketch"] == (POINTS + 10).tolist()
    assert found["1", "photo"] == POINTS.tolist()
    no_sketch = {
        i["modality"]: i["hint"] for i in data(listed, [table([("2", "photo")])])["images"]
    }
    assert no_sketch["sketch"] == POINTS.tolist()
    assert data(listed, [])["images"][0]["hint"] is None


def test_hint_lies_where_the_face_does_in_images_of_other_sizes(listed):
    large = dataclasses.replace(listed[0], width=400, height=500)
    hint = data([large, listed[1]], [table([("2", "photo")])])["images"][0]["hint"]
    assert hint == (2 * POINTS + 0.5).tolist()  # centres of pixels twice as fine
    rows = [manual_row("9", "photo", POINTS * 100)]  # of no pair: no size
    assert data(listed, [], rows)["images"][0]["hint"] is None


def test_pattern_that_matches_nothing_and_nothing_to_show_are_errors(listed):
    with pytest.raises(InputError, match=r"landmarks\.annotate: 'AR/9/photo' matches no image"):
        annotation_page(listed, [], [], ["AR/9/photo"], "manual.csv")
    with pytest.raises(InputError, match="every image has its points"):
        annotation_page(listed, [table(ALL)], [], [], "manual.csv")


def test_names_cannot_end_the_script(listed):
    rows = [{**manual_row("1", "photo"), "id": "</script><b>"}]
    assert data(listed, [], rows)["manualRows"][0][1] == "</script><b>"


def test_manual_rows_keep_what_they_say_with_decimal_points(tmp_path):
    path = tmp_path / "manual.csv"
    header = ";".join(MANUAL_COLUMNS)
    path.write_text(f"{header}\nAR;1;photo;70,5;x;;1;2;3;4;5;6;7\n")
    (row,) = manual_rows(path)
    assert list(row.values()) == [
        "AR",
        "1",
        "photo",
        "70.5",
        "x",
        "",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
    ]
    path.write_text(f"{header.replace(';', ',')}\nAR,1,photo,70,5,1,1,2,3,4,5,6,7,8\n")
    with pytest.raises(InputError, match="line 2: 14 cells"):
        manual_rows(path)


def test_a_large_image_is_shown_by_a_small_copy_and_clicked_in_its_own_pixels(listed, monkeypatch):
    monkeypatch.setattr("photosketch.data.images.LONGEST", 100)
    seen = [dataclasses.replace(pair, sketch_width=200, sketch_height=250) for pair in listed]

    [entry] = data(seen, [table(ALL[:3])])["images"]

    assert (entry["width"], entry["height"]) == (200, 250)
    encoded = entry["picture"].partition("base64,")[2]
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).size == (80, 100)
