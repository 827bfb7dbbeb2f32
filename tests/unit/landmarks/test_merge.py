"""Manual files as people write them, and their merge with detected points."""

import sys
from functools import partial

import numpy as np
import pytest

from photosketch.data.pairs import Pair
from photosketch.geometry.similarity import template
from photosketch.jobs.messages import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS, manual_rows
from photosketch.landmarks.merge import check_places, merge_landmarks, misplaced_faces, say_sources
from photosketch.landmarks.table import COLUMNS, COORDINATES, points_of
from support.drawn_pairs import landmark_table
from support.problems import problems_of

POINTS = (74.5, 125.0, 125.0, 126.0, 100.0, 154.0, 80.0, 182.0, 121.0, 183.0)
BY_HAND = (70.25, 120.0, 120.0, 121.0, 95.0, 150.0, 75.0, 180.0, 115.0, 181.0)
HEADER = ",".join(MANUAL_COLUMNS)
COMMAND = "snakemake annotate"
NAMES = [("AR", "2", "train"), ("AR", "1", "train"), ("XM", "005", "train"), ("XM", "1", "test")]
FILES = "{}/{}_photo.png", "{}/{}_sketch.png"
PAIRS = [Pair(*n, *(file.format(*n) for file in FILES), 200, 250, "", "") for n in NAMES]
IMAGES = [(p.subset, p.id, modality) for p in PAIRS for modality in ("photo", "sketch")]
GAPS = (("AR", "1", "sketch"), ("XM", "005", "photo"))


def tables_of(points, source="mtcnn"):
    by_subset = {"AR": {}, "XM": {}}
    for (subset, *image), own in points.items():
        by_subset[subset][tuple(image)] = own
    return {subset: landmark_table(own, source) for subset, own in by_subset.items()}


def line(subset, name, modality, **changes):
    values = dict(zip(COORDINATES, BY_HAND, strict=True)) | changes
    return ",".join([subset, name, modality, *map(str, values.values())])


class Merge:
    """A folder with a manual file and the template, in which points are merged."""

    def __init__(self, folder):
        self.manual = folder / "manual.csv"
        self.folder = folder / "landmarks"
        self.template = self.folder / "missing.csv"
        self.needed_by = {split: ["the warp of ablation face"] for split in ("train", "test")}
        self.facepp = {}

    def write(self, *lines):
        self.manual.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")

    def __call__(self, *without, source="mtcnn"):
        """Merge detections, in another order, of all images but some."""
        detected = {image: np.array(POINTS) for image in IMAGES[::-1] if image not in without}
        manual = self.manual if self.manual.exists() else None
        given = tables_of(detected, source), self.facepp, manual, self.folder
        return merge_landmarks(PAIRS, *given, COMMAND, self.needed_by)

    def problems(self, *without):
        return problems_of(self, *without)


@pytest.fixture
def merge(tmp_path):
    return Merge(tmp_path)


def placed(tables, subset, name, modality):
    return points_of(tables[subset], name, modality).ravel().tolist()


def test_rows_by_hand_win_over_mtcnn_and_those_over_facepp_in_the_order_of_the_pairs(merge):
    other = np.array(POINTS) + 3
    merge.facepp = tables_of(dict.fromkeys([*GAPS, ("AR", "2", "photo")], other), "facepp")
    merge.write(line("AR", "1", "photo"), line("XM", "005", "photo"))
    tables = merge(*GAPS)
    order = [" ".join(row) for row in tables["AR"][["id", "modality"]].to_numpy()]
    assert order == ["2 photo", "2 sketch", "1 photo", "1 sketch"]
    assert list(tables["AR"]["source"]) == ["mtcnn", "mtcnn", "manual", "facepp"]
    assert list(tables["XM"]["source"]) == ["manual", "mtcnn", "mtcnn", "mtcnn"]
    assert placed(tables, "AR", "1", "sketch") == pytest.approx(other)
    assert placed(tables, "AR", "2", "photo") == pytest.approx(POINTS)
    assert placed(tables, "XM", "005", "photo") == pytest.approx(BY_HAND)
    assert list(tables["AR"]["score"].isna()) == [False, False, True, False]
    assert all(tuple(table.columns) == COLUMNS for table in tables.values())


def test_points_of_the_mesh_come_last_and_are_named(merge, capsys):
    merge.facepp = tables_of({GAPS[0]: np.array(POINTS) + 3}, "facepp")
    merge.write(line(*GAPS[1]))
    tables = merge(source="mesh")
    assert list(tables["AR"]["source"]) == ["mesh", "mesh", "mesh", "facepp"]
    assert list(tables["XM"]["source"]) == ["manual", "mesh", "mesh", "mesh"]
    say_sources(PAIRS, tables, COMMAND, sys.stderr)
    said = capsys.readouterr().err
    assert "6 images in which MTCNN finds no face" in said
    assert f"sketch of XM 1. To confirm or move the points: `{COMMAND}`" in said


def test_all_images_without_points_are_listed_with_their_files_and_the_ways_out(merge):
    merge.write()  # only the header
    sketch, photo, clicking, typing = merge.problems(*GAPS)
    assert sketch.startswith(
        "AR/1_sketch.png: no face with usable points found in the sketch of AR 1"
    )
    assert "needed by the warp of ablation face" in sketch
    assert "photo of XM 005" in photo and "needed by" not in photo
    page = str(merge.folder / "annotate.html")
    for part in (page, f"`{COMMAND}`", str(merge.manual), "landmarks.manual"):
        assert part in clicking
    for part in (str(merge.template), str(merge.manual), "landmarks.manual"):
        assert part in typing
    merge.manual.unlink()
    assert "resources/manual_landmarks.csv" in merge.problems(*GAPS)[-1]


def test_a_sketch_needs_points_if_something_uses_its_split_and_else_has_no_row(merge, capsys):
    merge.needed_by = {"train": [], "test": ["evaluation.identity"]}
    trained, tested = ("AR", "1", "sketch"), ("XM", "1", "sketch")
    tables = merge(trained)
    assert list(tables["AR"]["modality"]) == ["photo", "sketch", "photo"]
    assert merge.template.read_text() == f"{HEADER}\nAR,1,sketch,,,,,,,,,,\n"
    say_sources(PAIRS, tables, COMMAND, sys.stderr)
    log, console = capsys.readouterr()
    assert "AR: 3 mtcnn\nXM: 4 mtcnn\nno points for 1 of 4 sketches" in console
    assert f"sketches get no labels. To place points: `{COMMAND}`" in log

    first, page, _ = merge.problems(trained, tested)
    assert first.startswith("XM/1_sketch.png")
    assert "(needed by evaluation.identity)" in first
    assert "is the page to click the missing points" in page


@pytest.mark.parametrize("appended", [True, False])
def test_the_template_filled_in_is_a_manual_file(merge, appended):
    if appended:
        merge.write(line("XM", "1", "photo"))
    merge.problems(*GAPS, ("XM", "1", "photo"))
    empty = merge.template.read_text()
    assert ("XM,1" in empty) != appended
    filled = empty.replace("," * 10, "," + ",".join(map(str, BY_HAND)))
    with open(merge.manual, "a", encoding="utf-8") as file:
        file.write(filled)  # with a header, which is in the middle if appended
    tables = merge(*GAPS)
    for gap in GAPS:
        assert placed(tables, *gap) == pytest.approx(BY_HAND)
    assert not merge.template.exists()

    merge.manual.write_text(empty)
    first, second, *_ = merge.problems(*GAPS)
    assert "line 2 (sketch of AR 1): no points" in first
    assert "line 3 (photo of XM 005): no points" in second


def test_what_is_filled_into_the_template_survives_and_what_is_no_table_is_kept(merge):
    merge.problems(*GAPS)
    text = merge.template.read_text()
    merge.template.write_text(text.replace("AR,1,sketch,,,,,,,,,,", line("AR", "1", "sketch")))
    merge.problems(GAPS[0], ("XM", "1", "photo"))
    kept = f"{HEADER}\n{line('AR', '1', 'sketch')}\nXM,1,photo,,,,,,,,,,\n"
    assert merge.template.read_text() == kept

    merge.template.write_text("my notes\n")
    assert f"{merge.template}, line 1" in merge.problems(GAPS[0])[-1]
    assert merge.template.read_text() == "my notes\n"

    merge.template.write_text(kept)
    merge.manual = merge.template
    assert "copy it to another path" in merge.problems(GAPS[0])[0]
    assert merge.template.read_text() == kept


FIRST = line("AR", "1", "photo", left_eye_x="70.5")
PLAIN = f"{HEADER}\n{FIRST}\n{line('XM', '005', 'sketch')}\n"
DECIMAL_COMMAS = PLAIN.replace(",", ";").replace(".", ",")
WRITTEN = {
    "byte order mark": "\ufeff" + PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "semicolons": PLAIN.replace(",", ";"),
    "semicolons, decimal commas": DECIMAL_COMMAS,
    "tabs": PLAIN.replace(",", "\t"),
    "quoted decimal commas": PLAIN.replace("70.5", '"70,5"'),
    "declared separator": "sep=;\r\n" + DECIMAL_COMMAS.replace("\n", "\r\n"),
    "empty lines": PLAIN.replace("\n", "\n\n,,,,,,,,,,,,\n"),
    "trailing empty cells": PLAIN.replace("\n", "," * 40 + "\n"),
    "spaces, capitals": PLAIN.replace(",", " , ").replace("photo", "Photo"),
    "no newline at the end": PLAIN.strip(),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_spreadsheets_write_is_accepted(merge, text):
    merge.manual.write_bytes(text.encode())
    tables = merge(("XM", "005", "sketch"))
    assert placed(tables, "AR", "1", "photo") == pytest.approx((70.5, *BY_HAND[1:]))
    assert placed(tables, "XM", "005", "sketch") == pytest.approx(BY_HAND)
    first, _ = manual_rows(merge.manual)
    assert first == dict(zip(MANUAL_COLUMNS, FIRST.split(","), strict=True))


faulty = partial(line, "AR", "1", "photo")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (line("AB", "1", "photo"), "AB/1/photo (subset/id/modality) is not an image of the table"),
        (line("AR", "005", "photo"), "AR/005/photo (subset/id/modality) is not an image"),
        (line("XM", "5", "photo"), "(XM/005/photo,"),
        (line("AR", "1", "drawing"), "AR/1/drawing (subset/id/modality) is not an image"),
        (faulty(nose_x="200"), "nose_x 200 is outside the image of 200x250"),
        (faulty(nose_y="-1"), "nose_y -1 is outside"),
        (faulty(nose_x="inf"), "nose_x inf is outside"),
        (faulty(nose_x="1OO"), "nose_x '1OO' is not a number"),
        (faulty(nose_x="nan"), "nose_x 'nan' is not a number"),
        (faulty(nose_x=""), "nose_x '' is not a number"),
        (faulty(left_eye_x="130"), "swap left_eye and right_eye"),
        (faulty(mouth_right_x="60"), "swap mouth_left and mouth_right"),
        (faulty(right_eye_y="190"), "not above the mouth"),
        (faulty(nose_x="95,5"), "14 cells instead of 13"),
        (line("AR", "1", "sketch"), "already in line 2"),
        ("AR,1,photo", "no points"),
    ],
)
def test_one_fault_in_a_row_gives_one_problem_with_file_line_and_value(merge, row, expected):
    merge.write(line("AR", "1", "sketch", left_eye_x=0, left_eye_y=0, mouth_right_x=199), row)
    (problem,) = merge.problems()
    assert f"{merge.manual}, line 3" in problem
    assert expected in problem
    merge.manual.write_text(f"sep=,\n{HEADER}\n\n{line('AR', '1', 'sketch')}\n\n{row}")
    assert f"{merge.manual}, line 6" in merge.problems()[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEADER.replace(",nose_y", "") + "\n", "line 1: columns missing 'nose_y'"),
        (HEADER + ",score\n", "line 1: columns unknown 'score'"),
        (HEADER + ",nose_x\n", "line 1: columns repeated 'nose_x'"),
        ("", "line 1: columns missing 'subset'"),
        ("sep=;", "line 2: columns missing 'subset'"),
        ("\n", "line 1: "),
        (HEADER.encode("utf-16"), "save it as CSV in UTF-8"),
        (None, "is not there; correct the path in landmarks.manual"),
    ],
)
def test_a_file_that_is_no_such_table_is_named(tmp_path, content, expected):
    path = tmp_path / "manual.csv"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (problem,) = problems_of(manual_rows, path)
    assert problem.startswith(str(path))
    assert expected in problem


def test_mistakes_and_missing_images_are_listed_together(merge):
    """An image with a faulty manual row is not also listed as missing."""
    merge.write(
        line("AR", "1", "photo", nose_x="1OO", nose_y="999"),
        line("AR", "9", "photo"),
        line("XM", "1", "sketch") + ",5",
    )
    problems = merge.problems(("AR", "1", "photo"), ("XM", "1", "sketch"), ("XM", "1", "photo"))
    expected = ("nose_x '1OO'", "nose_y 999", "AR/9/photo", "line 4: 14 cells", "photo of XM 1")
    assert len(problems) == len(expected) + 2
    assert all(part in problem for part, problem in zip(expected, problems, strict=False)), problems
    assert merge.template.read_text() == f"{HEADER}\nXM,1,photo,,,,,,,,,,\n"
    with pytest.raises(InputError, match="line 4: 14 cells"):
        manual_rows(merge.manual)


def test_misplaced_faces_are_named_and_refused_if_local_networks_need_their_photos(capsys):
    face = template((200, 250))
    small = (face - face.mean(axis=0)) / 2 + face.mean(axis=0)
    photo, sketch = ("AR", "2", "photo"), ("AR", "2", "sketch")
    tables = tables_of({sketch: small, photo: face})
    [text] = misplaced_faces(PAIRS, tables, "sketch", 256)
    assert text.startswith("AR/2_sketch.png (sketch of AR 2): the eyes are 26 px apart instead of")
    assert misplaced_faces(PAIRS, tables, "photo", 256) == []
    check_places(PAIRS, tables, 256, ["local"], COMMAND, sys.stderr)
    log, console = capsys.readouterr()
    assert text in log
    assert "0 photos and 1 sketch have faces that do not lie as in CUFS" in console
    photos = tables_of({photo: small})
    check_places(PAIRS, photos, 256, [], COMMAND, sys.stderr)
    with pytest.raises(InputError, match=f"local networks of local.*`{COMMAND}`"):
        check_places(PAIRS, photos, 256, ["local"], COMMAND, sys.stderr)
