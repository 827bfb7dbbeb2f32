"""Landmark tables: written, read, refused."""

import numpy as np
import pandas as pd
import pytest

from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import (
    COLUMNS,
    faces_alike,
    points_of,
    read_landmarks,
    write_landmarks,
)
from support.drawn_pairs import landmark_table

HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(("sizes", "count"), [([3], 1), ([3, 2.9, 1], 2), ([2, 3, 2.2], 2)])
def test_faces_are_alike_if_about_as_large_as_the_largest(sizes, count):
    shape = np.random.default_rng(0).normal(size=(5, 2))
    assert faces_alike(100 + size * shape for size in sizes) == count


def test_table_comes_back_as_written(tmp_path):
    points = np.arange(10, dtype=np.float32).reshape(5, 2) + 0.1234
    table = landmark_table({("NA", "photo"): points})
    by_hand = landmark_table({("1", "photo"): points + 20}, "manual", np.nan)
    write_landmarks(pd.concat([table, by_hand]), tmp_path / "t.csv")
    read = read_landmarks(tmp_path / "t.csv")
    np.testing.assert_allclose(points_of(read, "NA", "photo"), points, atol=1e-3)
    np.testing.assert_allclose(points_of(read, "1", "photo"), points + 20, atol=1e-3)
    assert points_of(read, "1", "photo").dtype == np.float32
    assert list(read["score"].isna()) == [False, True]
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        HEADER,
        "NA,photo,0.123,1.123,2.123,3.123,4.123,5.123,6.123,7.123,8.123,9.123,0.9,mtcnn",
        "1,photo,20.123,21.123,22.123,23.123,24.123,25.123,26.123,27.123,28.123,29.123,,manual",
    ]

    write_landmarks(table.iloc[:0], tmp_path / "t.csv")
    assert len(read_landmarks(tmp_path / "t.csv")) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,modality\n1,photo\n", ""),
        (f"{HEADER}\n1,photo,x{',1' * 10},mtcnn\n", ""),
        (f"{HEADER}\n1,photo,inf{',1' * 10},mtcnn\n", "a coordinate is not a number"),
        (f"{HEADER}\n1,photo,{',1' * 10},mtcnn\n", "a coordinate is not a number"),
        (f"{HEADER}\n" + 2 * f"1,photo{',1' * 11},mtcnn\n", "repeats photo 1"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, text, told):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=rf"t\.csv: .*{told}.*; delete it: .*merge_landmarks"):
        read_landmarks(tmp_path / "t.csv")
