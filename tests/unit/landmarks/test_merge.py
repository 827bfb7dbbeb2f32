from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from photosketch.data.pairs import Pair
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS
from photosketch.landmarks.merge import merge_landmarks, sketches_without_points
from photosketch.landmarks.table import COLUMNS, COORDINATES, points_of

POINTS = (74.5, 125.0, 125.0, 126.0, 100.0, 154.0, 80.0, 182.0, 121.0, 183.0)
BY_HAND = (70.25, 120.0, 120.0, 121.0, 95.0, 150.0, 75.0, 180.0, 115.0, 181.0)
HEADER = ",".join(MANUAL_COLUMNS)


def pair(subset: str, name: str, split: str = "train") -> Pair:
    files = f"{subset}/{name}_photo.png", f"{subset}/{name}_sketch.png"
    return Pair(subset, name, split, *files, 200, 250, "", "")


PAIRS = [pair("AR", "2"), pair("AR", "1"), pair("XM", "005"), pair("XM", "1", "test")]
IMAGES = [(p.subset, p.id, modality) for p in PAIRS for modality in ("photo", "sketch")]


def detected(*without: tuple[str, str, str]) -> dict[str, pd.DataFrame]:
    """Detections for all images but some, in an order of their own."""
    return {
        subset: pd.DataFrame(
            [
                (image[1], image[2], *POINTS, 0.99, "mtcnn")
                for image in reversed(IMAGES)
                if image[0] == subset and image not in without
            ],
            columns=list(COLUMNS),
        )
        for subset in ("AR", "XM")
    }


def line(subset: str, name: str, modality: str, **changes: object) -> str:
    values = dict(zip(COORDINATES, map(str, BY_HAND), strict=True))
    values |= {column: str(value) for column, value in changes.items()}
    return ",".join([subset, name, modality, *(values[column] for column in COORDINATES)])


class Merge:
    """A folder with a manual file and the template, and the merge in it."""

    def __init__(self, folder: Path) -> None:
        self.manual = folder / "manual.csv"
        self.template = folder / "landmarks" / "missing.csv"
        self.page = folder / "landmarks" / "annotate.html"
        self.needed_by = {split: ["the warp of ablation face"] for split in ("train", "test")}

    def write(self, *lines: str, header: str = HEADER) -> None:
        self.manual.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")

    def __call__(self, *without: tuple[str, str, str]) -> dict[str, pd.DataFrame]:
        manual = self.manual if self.manual.exists() else None
        return merge_landmarks(
            PAIRS,
            detected(*without),
            manual,
            self.template,
            page=self.page,
            page_command="snakemake annotate",
            sketches_needed_by=self.needed_by,
        )

    def problems(self, *without: tuple[str, str, str]) -> list[str]:
        with pytest.raises(InputError) as caught:
            self(*without)
        return caught.value.problems

    def problem(self, *without: tuple[str, str, str]) -> str:
        problems = self.problems(*without)
        assert len(problems) == 1, problems
        return problems[0]


@pytest.fixture
def merge(tmp_path: Path) -> Merge:
    return Merge(tmp_path)


def placed(tables: Mapping[str, pd.DataFrame], image: tuple[str, str, str]) -> list[float]:
    return points_of(tables[image[0]], image[1], image[2]).ravel().tolist()


def test_detections_come_in_the_order_of_the_pairs_photo_first(merge: Merge) -> None:
    tables = merge()
    order = list(zip(tables["AR"]["id"], tables["AR"]["modality"], strict=True))
    assert order == [("2", "photo"), ("2", "sketch"), ("1", "photo"), ("1", "sketch")]
    assert list(tables) == ["AR", "XM"]
    assert tuple(tables["XM"].columns) == COLUMNS
    assert set(tables["XM"]["source"]) == {"mtcnn"}


def test_manual_rows_win_and_fill_gaps_in_their_own_subset_only(merge: Merge) -> None:
    merge.write(line("AR", "1", "photo"), line("XM", "005", "sketch"))
    tables = merge(("XM", "005", "sketch"))
    assert placed(tables, ("AR", "1", "photo")) == pytest.approx(BY_HAND)
    assert placed(tables, ("XM", "005", "sketch")) == pytest.approx(BY_HAND)
    assert placed(tables, ("XM", "1", "photo")) == pytest.approx(POINTS)
    row = tables["AR"].query("id == '1' and modality == 'photo'").iloc[0]
    assert row["source"] == "manual"
    assert np.isnan(row["score"])
    assert (tables["AR"]["source"] == "manual").sum() == 1


def test_header_alone_is_a_manual_file_without_rows(merge: Merge, root: Path) -> None:
    merge.manual.write_text((root / "resources/manual_landmarks.csv").read_text())
    assert set(merge()["AR"]["source"]) == {"mtcnn"}


def test_all_images_without_points_are_listed_over_all_subsets(merge: Merge) -> None:
    merge.write()
    *listed, clicking, typing = merge.problems(("AR", "1", "sketch"), ("XM", "005", "photo"))
    assert len(listed) == 2
    assert "AR/1_sketch.png" in listed[0]
    assert "sketch of AR 1" in listed[0]
    assert "photo of XM 005" in listed[1]
    assert "needed by the warp of ablation face" in listed[0]
    assert "needed by" not in listed[1]
    for part in (
        str(merge.page),
        "`snakemake annotate`",
        "browser",
        str(merge.manual),
        "landmarks.manual",
    ):
        assert part in clicking
    for part in (str(merge.template), str(merge.manual), "landmarks.manual"):
        assert part in typing


def test_sketches_that_nothing_needs_have_no_row_and_stop_nothing(merge: Merge) -> None:
    merge.needed_by = {}
    gaps = (("AR", "1", "sketch"), ("XM", "005", "sketch"))
    tables = merge(*gaps)
    assert list(zip(tables["AR"]["id"], tables["AR"]["modality"], strict=True)) == [
        ("2", "photo"),
        ("2", "sketch"),
        ("1", "photo"),
    ]
    unlocated = sketches_without_points(PAIRS, tables)
    assert [(pair.subset, pair.id, "sketch") for pair in unlocated] == list(gaps)
    template = merge.template.read_text()
    assert template == f"{HEADER}\nAR,1,sketch,,,,,,,,,,\nXM,005,sketch,,,,,,,,,,\n"

    (listed, *_) = merge.problems(*gaps, ("AR", "2", "photo"))
    assert "photo of AR 2" in listed
    assert "AR,1,sketch" in merge.template.read_text()


def test_faces_of_facepp_fill_the_gaps_that_are_left(merge: Merge) -> None:
    """By hand before MTCNN before Face++."""
    gaps = (("AR", "1", "sketch"), ("XM", "005", "photo"))
    asked = [*gaps, ("AR", "2", "photo")]  # the last one MTCNN has found as well
    other = tuple(value + 3 for value in POINTS)
    facepp = {
        subset: pd.DataFrame(
            [(i[1], i[2], *other, np.nan, "facepp") for i in asked if i[0] == subset],
            columns=list(COLUMNS),
        )
        for subset in ("AR", "XM")
    }
    merge.write(line("XM", "005", "photo"))
    tables = merge_landmarks(
        PAIRS,
        detected(*gaps),
        merge.manual,
        merge.template,
        facepp=facepp,
        page=merge.page,
        page_command="snakemake annotate",
        sketches_needed_by={},
    )
    assert placed(tables, ("AR", "1", "sketch")) == pytest.approx(other)
    assert placed(tables, ("AR", "2", "photo")) == pytest.approx(POINTS)
    assert placed(tables, ("XM", "005", "photo")) == pytest.approx(BY_HAND)
    assert list(tables["AR"]["source"]) == ["mtcnn", "mtcnn", "mtcnn", "facepp"]
    assert list(tables["XM"]["source"]) == ["manual", "mtcnn", "mtcnn", "mtcnn"]


def test_a_sketch_needs_points_where_something_uses_its_split_alone(merge: Merge) -> None:
    """identity looks at the test people's sketches, and a training one stops no run for it."""
    merge.needed_by = {"train": [], "test": ["evaluation.identity"]}
    trained, tested = ("AR", "1", "sketch"), ("XM", "1", "sketch")
    tables = merge(trained)
    assert [found.id for found in sketches_without_points(PAIRS, tables)] == ["1"]
    first, page, _ = merge.problems(trained, tested)
    assert first.startswith("XM/1_sketch.png")
    assert "(needed by evaluation.identity)" in first
    assert "is the page to click their points" in page


def test_remedy_without_a_manual_file_names_the_config_key(merge: Merge) -> None:
    assert "landmarks.manual" in merge.problems(("AR", "1", "sketch"))[-1]


def test_template_holds_exactly_the_missing_rows(merge: Merge) -> None:
    merge.write(line("XM", "1", "photo"))
    merge.problems(("AR", "1", "sketch"), ("XM", "005", "photo"), ("XM", "1", "photo"))
    assert merge.template.read_text() == (
        f"{HEADER}\nAR,1,sketch,,,,,,,,,,\nXM,005,photo,,,,,,,,,,\n"
    )


@pytest.mark.parametrize("appended", [True, False])
def test_filled_in_template_is_a_manual_file(merge: Merge, appended: bool) -> None:
    gaps = (("AR", "1", "sketch"), ("XM", "005", "photo"))
    if appended:
        merge.write(line("XM", "1", "photo"))
    merge.problems(*gaps)
    filled = merge.template.read_text().replace("," * 10, "," + ",".join(map(str, BY_HAND)))
    with open(merge.manual, "a", encoding="utf-8") as file:
        file.write(filled)  # with its header, in the middle of the file when appended
    tables = merge(*gaps)
    for gap in gaps:
        assert placed(tables, gap) == pytest.approx(BY_HAND)
    assert not merge.template.exists()


def test_unfilled_template_is_refused_line_by_line(merge: Merge) -> None:
    gaps = (("AR", "1", "sketch"), ("XM", "005", "photo"))
    merge.problems(*gaps)
    merge.manual.write_text(merge.template.read_text())
    problems = merge.problems(*gaps)
    assert len(problems) == 2
    assert "line 2 (sketch of AR 1): no points" in problems[0]
    assert "line 3 (photo of XM 005): no points" in problems[1]


def test_points_filled_into_the_template_survive_the_next_run(merge: Merge) -> None:
    merge.problems(("AR", "1", "sketch"), ("XM", "005", "photo"))
    text = merge.template.read_text()
    merge.template.write_text(text.replace("AR,1,sketch,,,,,,,,,,", line("AR", "1", "sketch")))
    merge.problems(("AR", "1", "sketch"), ("XM", "1", "photo"))
    assert merge.template.read_text() == (
        f"{HEADER}\n{line('AR', '1', 'sketch')}\nXM,1,photo,,,,,,,,,,\n"
    )


def test_template_that_cannot_be_read_is_kept_and_named(merge: Merge) -> None:
    merge.template.parent.mkdir()
    merge.template.write_text("my notes\n")
    problems = merge.problems(("AR", "1", "sketch"))
    assert merge.template.read_text() == "my notes\n"
    assert any(f"{merge.template}, line 1" in problem for problem in problems)


def test_template_itself_is_refused_as_manual_file(merge: Merge) -> None:
    merge.template.parent.mkdir()
    merge.manual = merge.template
    merge.write(line("AR", "1", "sketch"))
    assert "copy it elsewhere" in merge.problem(("AR", "1", "sketch"))
    assert merge.template.read_text().splitlines()[1] == line("AR", "1", "sketch")


def test_what_spreadsheets_write_is_accepted(merge: Merge) -> None:
    rows = [HEADER, line("AR", "1", "photo", left_eye_x="70.5"), line("XM", "005", "sketch")]
    plain = "\n".join(rows) + "\n"
    decimal_commas = plain.replace(",", ";").replace(".", ",")
    quoted = plain.replace("70.5", '"70,5"')
    variants = {
        "byte order mark": b"\xef\xbb\xbf" + plain.encode(),
        "CRLF": plain.replace("\n", "\r\n").encode(),
        "semicolons": plain.replace(",", ";").encode(),
        "semicolons, decimal commas": decimal_commas.encode(),
        "tabs": plain.replace(",", "\t").encode(),
        "quoted decimal commas": quoted.encode(),
        "declared separator": ("sep=;\r\n" + decimal_commas.replace("\n", "\r\n")).encode(),
        "empty lines": plain.replace("\n", "\n\n,,,,,,,,,,,,\n").encode(),
        "trailing empty cells": plain.replace("\n", ",,\n").encode(),
        "spaces and capitals": plain.replace(",", " , ").replace("photo", "Photo").encode(),
        "no newline at the end": plain.strip().encode(),
    }
    for name, content in variants.items():
        merge.manual.write_bytes(content)
        tables = merge(("XM", "005", "sketch"))
        assert placed(tables, ("AR", "1", "photo")) == pytest.approx((70.5, *BY_HAND[1:])), name
        assert placed(tables, ("XM", "005", "sketch")) == pytest.approx(BY_HAND), name


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (line("AB", "1", "photo"), "subset 'AB' is unknown; use AR, XM"),
        (line("AR", "005", "photo"), "id '005' is not in subset AR"),
        (line("XM", "5", "photo"), "(005,"),
        (line("AR", "1", "drawing"), "modality 'drawing' is unknown; use photo or sketch"),
        (line("AR", "1", "photo", nose_x="200"), "nose_x 200 is outside the image of 200x250"),
        (line("AR", "1", "photo", nose_y="-1"), "nose_y -1 is outside"),
        (line("AR", "1", "photo", nose_x="1OO"), "nose_x '1OO' is no number"),
        (line("AR", "1", "photo", nose_x="nan"), "nose_x 'nan' is no number"),
        (line("AR", "1", "photo", nose_x=""), "nose_x '' is no number"),
        (line("AR", "1", "photo", left_eye_x="130"), "swap left_eye and right_eye"),
        (line("AR", "1", "photo", mouth_right_x="60"), "swap mouth_left and mouth_right"),
        (line("AR", "1", "photo", right_eye_y="190"), "not above the mouth"),
        (line("AR", "1", "photo", nose_x="95,5"), "14 cells instead of 13"),
        (line("AR", "1", "sketch"), "already in line 2"),
        ("AR,1,photo", "no points"),
    ],
)
def test_one_fault_in_a_row_gives_one_problem_with_file_line_and_value(
    merge: Merge, row: str, expected: str
) -> None:
    merge.write(line("AR", "1", "sketch"), row)
    problem = merge.problem()
    assert f"{merge.manual}, line 3" in problem
    assert expected in problem


def test_line_numbers_count_a_declared_separator_and_empty_lines(merge: Merge) -> None:
    rows = ["sep=,", HEADER, "", line("AR", "1", "photo", nose_x="x")]
    merge.manual.write_text("\n".join(rows))
    assert f"{merge.manual}, line 4 (photo of AR 1)" in merge.problem()


def test_points_on_the_outermost_pixels_are_inside(merge: Merge) -> None:
    merge.write(line("AR", "1", "photo", left_eye_x=0, left_eye_y=0, mouth_right_x=199))
    assert placed(merge(), ("AR", "1", "photo"))[:2] == [0, 0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER.replace(",nose_y", ""), "missing 'nose_y'"),
        (HEADER + ",score", "unknown 'score'"),
        (HEADER + ",nose_x", "repeated 'nose_x'"),
        ("", "missing 'subset'"),
    ],
)
def test_wrong_columns_are_named(merge: Merge, header: str, expected: str) -> None:
    merge.write(header=header)
    problem = merge.problem()
    assert f"{merge.manual}, line 1" in problem
    assert expected in problem


def test_manual_file_that_is_not_there_or_no_text_is_named(merge: Merge) -> None:
    with pytest.raises(InputError, match=r"manual\.csv: is not there.*landmarks\.manual"):
        merge_landmarks(
            PAIRS,
            detected(),
            merge.manual,
            merge.template,
            page=merge.page,
            page_command="snakemake annotate",
            sketches_needed_by={},
        )
    merge.manual.write_bytes(HEADER.encode("utf-16"))
    assert "UTF-8" in merge.problem()


def test_mistakes_and_missing_images_are_listed_together(merge: Merge) -> None:
    """An image whose manual row is faulty is not listed as missing as well."""
    merge.write(
        line("AR", "1", "photo", nose_x="1OO", nose_y="999"),
        line("AR", "9", "photo"),
        line("XM", "1", "sketch") + ",5",
    )
    problems = merge.problems(("AR", "1", "photo"), ("XM", "1", "sketch"), ("XM", "1", "photo"))
    expected = ("nose_x '1OO'", "nose_y 999", "id '9'", "line 4: 14 cells", "photo of XM 1")
    assert len(problems) == len(expected) + 2
    for part, problem in zip(expected, problems, strict=False):
        assert part in problem
    assert merge.template.read_text() == f"{HEADER}\nXM,1,photo,,,,,,,,,,\n"
