"""Which photos are meant, and what they are called."""

import os

import numpy as np
import pytest

from photosketch.draw.photos import Photo, find_photos, read_points
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS


@pytest.mark.parametrize(
    ("files", "places", "names"),
    [
        (  # hidden files and what was drawn are left out
            ["b.jpg", "a.png", "trip/c.webp", ".hidden.jpg", ".git/x.png", "drawn/d.png"],
            ["."],
            ["a", "b", "trip/c"],
        ),
        (  # one stem, equal names, one file twice
            ["one/a.jpg", "one/A.png", "two/a.jpg", "two/b.jpg"],
            ["one", "two", "two/b.jpg"],
            ["A.png", "a.jpg", "a.jpg-2", "b"],
        ),
        (  # names that are no line of text, and two that look the same
            [os.fsdecode(b"fl\xf6te.jpg"), "a\nb\u2028.jpg"],
            ["."],
            ["a\ufffdb\ufffd", "fl\ufffdte"],
        ),
        (["u\u0308.jpg", "\xfc.jpg"], ["."], ["\xfc.jpg", "\xfc.jpg-2"]),
    ],
)
def test_photos_are_searched_below_folders_and_named_apart(tmp_path, files, places, names):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_photos([tmp_path / place for place in places], tmp_path / "drawn")
    assert [photo.name for photo in found] == names


def test_all_that_is_not_there_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        find_photos([tmp_path / "x.jpg", tmp_path / "empty"], tmp_path / "o")
    assert len(error.value.problems) == 2


def points_file(path, *rows):
    path.write_text("\n".join([",".join(MANUAL_COLUMNS), *rows]) + "\n")
    return path


NUMBERS = "10,20,30,20,20,30,12,40,28,40"


def test_points_are_read_by_names_in_another_unicode_form(tmp_path):
    photos = [Photo(tmp_path / "a.jpg", "\xfc", "a.jpg")]
    file = points_file(tmp_path / "p.csv", f"photos,u\u0308,photo,{NUMBERS}")
    assert list(read_points(file, photos)) == ["\xfc"]


def test_points_are_read_by_name_several_faces_a_photo(tmp_path):
    photos = [Photo(tmp_path / "a.jpg", "a", "a.jpg"), Photo(tmp_path / "b.jpg", "b", "b.jpg")]
    rows = [f"photos,a,photo,{NUMBERS}", f"photos,a,photo,{NUMBERS}"]
    points = read_points(points_file(tmp_path / "p.csv", *rows), photos)
    assert list(points) == ["a"]
    assert np.array_equal(points["a"][1], [(10, 20), (30, 20), (20, 30), (12, 40), (28, 40)])


@pytest.mark.parametrize(
    ("photos", "faults"),
    [
        (
            [Photo("a.jpg", "a", "a.jpg")],
            ["photos/c/photo is not one of the photos", "a lacks a point"],
        ),
        ([], ["a lacks a point"]),  # of photos that are not known they are read all the same
    ],
)
def test_rows_that_name_no_photo_or_lack_numbers_are_all_named(tmp_path, photos, faults):
    rows = [f"photos,c,photo,{NUMBERS}", "photos,a,photo,1,2,,,,,,,,"]
    with pytest.raises(InputError) as error:
        read_points(points_file(tmp_path / "p.csv", *rows), photos)
    for fault, problem in zip(faults, error.value.problems, strict=True):
        assert fault in problem
