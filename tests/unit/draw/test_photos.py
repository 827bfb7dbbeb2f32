"""Which photos are meant, and what they are called."""

import numpy as np
import pytest

from photosketch.draw.photos import Photo, find_photos, read_points
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS


def touched(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(photos):
    return [photo.name for photo in photos]


def test_folders_are_searched_below_without_hidden_files_and_what_was_drawn(tmp_path):
    touched(tmp_path, "b.jpg", "a.png", "trip/c.webp", ".hidden.jpg", ".git/x.png", "drawn/d.png")
    assert names(find_photos([tmp_path], tmp_path / "drawn")) == ["a", "b", "trip/c"]


def test_photos_with_one_stem_keep_their_suffixes_and_equal_names_are_numbered(tmp_path):
    touched(tmp_path, "one/a.jpg", "one/A.png", "two/a.jpg", "two/b.jpg")
    found = find_photos(
        [tmp_path / "one", tmp_path / "two", tmp_path / "two/b.jpg"], tmp_path / "o"
    )
    assert names(found) == ["A.png", "a.jpg", "a.jpg-2", "b"]


def test_names_that_are_no_text_are_made_text(tmp_path):
    path = str(tmp_path).encode() + b"/fl\xf6te.jpg"
    open(path, "w").close()
    (photo,) = find_photos([tmp_path], tmp_path / "o")
    assert photo.name == "fl\ufffdte"


def test_all_that_is_not_there_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        find_photos([tmp_path / "x.jpg", tmp_path / "empty"], tmp_path / "o")
    assert len(error.value.problems) == 2


def points_file(path, *rows):
    path.write_text("\n".join([",".join(MANUAL_COLUMNS), *rows]) + "\n")
    return path


NUMBERS = "10,20,30,20,20,30,12,40,28,40"


def test_points_are_read_by_name_several_faces_a_photo(tmp_path):
    photos = [Photo(tmp_path / "a.jpg", "a", "a.jpg"), Photo(tmp_path / "b.jpg", "b", "b.jpg")]
    rows = [f"photos,a,photo,{NUMBERS}", f"photos,a,photo,{NUMBERS}"]
    points = read_points(points_file(tmp_path / "p.csv", *rows), photos)
    assert list(points) == ["a"]
    assert np.array_equal(points["a"][1], [(10, 20), (30, 20), (20, 30), (12, 40), (28, 40)])


def test_rows_that_name_no_photo_or_lack_numbers_are_all_named(tmp_path):
    rows = [f"photos,c,photo,{NUMBERS}", "photos,a,photo,1,2,,,,,,,,"]
    with pytest.raises(InputError) as error:
        read_points(
            points_file(tmp_path / "p.csv", *rows), [Photo(tmp_path / "a.jpg", "a", "a.jpg")]
        )
    first, second = error.value.problems
    assert "photos/c/photo is none of the photos" in first
    assert "a lacks a point" in second


def test_of_photos_that_are_not_known_points_are_read_all_the_same(tmp_path):
    file = points_file(tmp_path / "p.csv", f"photos,c,photo,{NUMBERS}", "photos,a,photo,1,,,,,,,,,")
    with pytest.raises(InputError) as error:
        read_points(file, [])
    (problem,) = error.value.problems
    assert "a lacks a point" in problem
