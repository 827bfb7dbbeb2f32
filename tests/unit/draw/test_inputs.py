"""Which file is a generator, which photos are meant, and what they are called."""

import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from photosketch.configuration.settings import TrainConfig
from photosketch.draw.inputs import Photo, find_photos, generator_faults, read_points
from photosketch.draw.sketcher import Sketcher
from photosketch.landmarks.manual import MANUAL_COLUMNS
from photosketch.training import checkpoint
from support.generators import generator_file
from support.problems import problems_of, touch

NAME_ONE = "name a generator_epoch*.safetensors of a run"
AGAIN = "get the file again, or train it again"
LACKS = "lacks the metadata hparams, pad_value, template, needs, frame, epoch; train it again"
ABOUT = {"size": [200, 250], "seed": 3}


@pytest.mark.parametrize(
    ("make", "fault", "remedy"),
    [
        (lambda path: path.write_text("epoch,l1\n1,0.5\n"), "is not a generator (", NAME_ONE),
        (
            lambda path: save_file({"a": np.zeros(3, np.float32)}, path),
            "is not a generator (its metadata are missing)",
            NAME_ONE,
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), "is damaged (", AGAIN),
        (lambda path: path.write_bytes(path.read_bytes()[:-9999]), "is damaged (", AGAIN),
        (
            lambda path: checkpoint.save_generator(path.parent, 5, {"a": torch.zeros(3)}, ABOUT),
            LACKS,
            "or use another",
        ),
        (lambda path: path.unlink(), "is not there", NAME_ONE),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder", NAME_ONE),
    ],
)
def test_what_is_no_generator_is_told_from_one_that_is_damaged(
    tmp_path, generator, make, fault, remedy
):
    path = tmp_path / "generator_epoch5.safetensors"
    path.write_bytes(generator.read_bytes())
    assert generator_faults(path) == []
    make(path)
    (found,) = generator_faults(path)
    assert found.startswith(f"{path}: {fault}")
    assert found.endswith(remedy)
    assert problems_of(Sketcher.load, path) == [found]


def test_one_whose_hyper_parameters_lack_a_value_is_not_guessed_at(tmp_path, monkeypatch):
    kept, hparams = ("epochs", "ngf", "ndf", "losses"), TrainConfig.hparams
    only = lambda config: {key: hparams(config)[key] for key in kept}  # noqa: E731
    monkeypatch.setattr(TrainConfig, "hparams", only)
    path = generator_file(tmp_path)
    (fault,) = generator_faults(path)
    assert fault.startswith(f"{path}: hyper-parameters that this version can't read (")
    assert "flip, frame); train it again" in fault


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
    touch(*(tmp_path / name for name in files))
    found = find_photos([tmp_path / place for place in places], tmp_path / "drawn")
    assert [photo.name for photo in found] == names


def test_all_that_is_not_there_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    given = [tmp_path / "x.jpg", tmp_path / "empty"]
    for path, problem in zip(given, problems_of(find_photos, given, tmp_path / "o"), strict=True):
        assert problem.startswith(f"{path}: ")


PHOTO = Photo("a.jpg", "a", "a.jpg")
NUMBERS = "10,20,30,20,20,30,12,40,28,40"
POINTS = [(10, 20), (30, 20), (20, 30), (12, 40), (28, 40)]


def points_file(folder, *rows):
    path = folder / "points.csv"
    path.write_text("\n".join([",".join(MANUAL_COLUMNS), *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "written"),
    [("a", ["a", "a"]), ("\xfc", ["u\u0308"])],
    ids=["two faces", "another Unicode form"],
)
def test_points_are_read_by_name(tmp_path, name, written):
    photos = [Photo("a.jpg", name, "a.jpg"), Photo("b.jpg", "b", "b.jpg")]
    rows = [f"photos,{each},photo,{NUMBERS}" for each in written]
    points = read_points(points_file(tmp_path, *rows), photos)
    assert list(points) == [name]
    assert np.array_equal(points[name], [POINTS] * len(written))


@pytest.mark.parametrize(
    ("photos", "faults"),
    [
        ([PHOTO], ["photos/c/photo is not one of the photos", "a lacks a point"]),
        ([], ["a lacks a point"]),  # of photos that are not known they are read all the same
    ],
)
def test_rows_that_name_no_photo_or_lack_numbers_are_all_named(tmp_path, photos, faults):
    rows = [f"photos,c,photo,{NUMBERS}", "photos,a,photo,1,2,,,,,,,,"]
    problems = problems_of(read_points, points_file(tmp_path, *rows), photos)
    for fault, problem in zip(faults, problems, strict=True):
        assert fault in problem
