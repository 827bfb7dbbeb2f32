"""Photos and sketches in two folders or side by side, and the random choice of test pairs."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photosketch.data.pairs import read_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.folders import draw_splits, find_pairs
from support.problems import assert_problems, problems_of, touch


@pytest.fixture
def two(tmp_path):
    photos, sketches = tmp_path / "photos", tmp_path / "drawn"
    for number in range(1, 11):
        touch(photos / f"{number}.jpg", sketches / f"{number}.png")
    touch(photos / "Thumbs.db")
    (photos / "9.jpg").rename(photos / "9.HEIC")
    return photos, sketches


def problems_of_folders(*folders, **options):
    return problems_of(find_pairs, folders, folders[0].parent / "out", **options)


def test_two_folders_are_matched_by_name_with_the_shares_asked_for(two, tmp_path):
    shares = ["--subset", "mine", "--test-share", "0.3", "--validation-share", "0.1"]
    arguments = ["folders", *map(str, two), *shares, "--output", str(tmp_path / "my.tsv")]
    assert main(arguments) == 0
    rows = read_table(tmp_path / "my.tsv")
    assert [row["id"] for row in rows] == [str(number) for number in range(1, 11)]
    assert {row["subset"] for row in rows} == {"mine"}
    assert (rows[9]["photo"], rows[9]["sketch"]) == ("photos/10.jpg", "drawn/10.png")
    assert Counter(row["split"] for row in rows) == {"train": 5, "test": 3, "val": 2}


def test_the_draw_depends_on_seed_subset_and_names_alone():
    names = [str(number) for number in range(200)]
    first, _ = draw_splits(names, "mine", 0.25, 0.1, seed=0)
    assert Counter(first.values()) == {"test": 50, "val": 20, "train": 130}
    again, _ = draw_splits(names[::-1], "mine", 0.25, 0.1, seed=0)
    assert again == first
    for subset, seed in (("mine", 1), ("theirs", 0)):
        other, _ = draw_splits(names, subset, 0.25, 0.1, seed)
        both = sum(first[name] == other[name] == "test" for name in names)
        assert 4 <= both <= 22  # 12.5 expected, standard deviation 2.7
    # a new table has the same test pairs on every machine
    draw, _ = draw_splits(names[:9], "mine", 0.3, 0, seed=0)
    assert [name for name in names[:9] if draw[name] == "test"] == ["1", "2", "5"]


def test_one_folder_holds_pictures_side_by_side(tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        pixels = np.full((10, 16), 50, np.uint8)
        pixels[:, 8:] = 100 + number
        Image.fromarray(pixels).save(folder / f"{number}.png")
    for again in ([], ["--force"]):  # the first run's halves are not taken for pictures
        assert main(["folders", str(folder), "--output", str(folder), *again]) == 0
        assert capsys.readouterr().err == ""
    rows = read_table(folder / "pairs.tsv")
    assert rows[3]["photo"] == "halves/photos/3.png"
    sketch = np.asarray(Image.open(folder / rows[3]["sketch"]))
    assert sketch.shape[:2] == (10, 8) and (sketch == 103).all()


def test_all_problems_are_listed_at_once(two):
    photos, sketches = two
    touch(photos / "a b.png", sketches / "a b.png", photos / "3.png", sketches / "only.png")
    (sketches / "7.png").unlink()
    assert_problems(
        problems_of_folders(photos, sketches, test_share=1.5),
        f"{photos}/3.png: 3.jpg has the same name; keep one...",
        f"{photos}/7.jpg: photo without a sketch; add the sketch of 7...",
        f"{sketches}/only.png: sketch without a photo...",
        f"{photos}/a b.png: the name of an image becomes an id, and id 'a b' cannot be...",
        "--test-share 1.5: is not a share...",
    )


@pytest.mark.parametrize("subset", ["all", "my faces/all", "all_last"])
def test_a_subset_that_the_workflow_refuses_is_refused_with_all_else(two, subset):
    problems = problems_of_folders(*two, subset=subset, test_share=1.5)
    assert_problems(problems, f"--subset: subset {subset!r} ...", "--test-share 1.5...")


def test_folders_without_images_and_shares_that_leave_nothing_are_refused(two):
    photos, sketches = two
    problems = problems_of_folders(photos, sketches, test_share=0.7, validation_share=0.3)
    counts = "of 10 pairs 7 are for testing and 3 for validation"
    assert_problems(problems, f"...{counts}...lower the shares...")
    touch(sketches / "more/11.png")
    assert find_pairs(two, photos / "out").notes == [f"left aside: {sketches}/more"]
    assert_problems(
        problems_of_folders(sketches.parent, photos / "none", subset="mine"),
        f"{sketches.parent}: has no images (its folder drawn does)...",
        f"{photos}/none: is not a folder; correct the path",
    )


def test_pictures_are_not_overwritten_by_their_own_halves(tmp_path, capsys):
    folder = tmp_path / "halves/photos"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.new("L", (16, 10)).save(folder / f"{number}.png")
    command = ["folders", str(folder), "--output", str(tmp_path), "--force"]
    assert main(command) == 1
    assert "2.png and 1 more: would be cut and overwritten" in capsys.readouterr().err
    assert {Image.open(path).size for path in folder.iterdir()} == {(16, 10)}


def test_names_that_cannot_be_ids_are_refused_whatever_their_encoding(two):
    photos, sketches = two
    names = [os.fsdecode("\u5f20".encode("gbk")), "caf\xe9"]
    touch(*(photos / f"{name}.HEIC" for name in names))
    touch(*(sketches / f"{name}.png" for name in (names[0], "cafe\u0301")))  # another Unicode form
    problems = problems_of_folders(photos, sketches)
    assert_problems(problems, *["...cannot be part of a file name...; rename it"] * 3)


def test_names_of_another_scheme_are_told_once(tmp_path):
    for name in ("anna", "hans", "uwe"):
        touch(tmp_path / f"photos/{name}_foto.jpg", tmp_path / f"drawn/drawing-of-{name}.png")
    assert_problems(
        problems_of_folders(tmp_path / "photos", tmp_path / "drawn"),
        "3 photos and 3 sketches have no name in common (anna_foto.jpg, drawing-of-anna.png); ...",
    )


def test_of_many_problems_the_console_is_told_twenty_and_where_all_are(
    two, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    photos, sketches = two
    touch(*(photos / f"alone{number}.jpg" for number in range(25)))
    command = ["folders", str(photos), str(sketches)]
    assert main([*command, "--output", "table.tsv"]) == 1
    told = capsys.readouterr().err.splitlines()
    everything = Path(".snakemake/problems.txt")
    assert sum("photo without a sketch" in line for line in told) == 20
    assert f"and 5 more problems: all are in {everything}" in told
    assert everything.read_text().count("photo without a sketch") == 25
    assert not Path("table.tsv").exists()
