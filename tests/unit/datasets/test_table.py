"""The table of pairs that every reader writes: read as written, and never overwritten."""

import os

import pytest

from photosketch.data.pairs import read_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.table import ListedPair, write_table
from support.problems import problems_of


@pytest.mark.parametrize(
    "name", ['my "faces"', "it's, \u5f20", "a\u2028b", "a\x0bb", "a\x85b", "#1", '"', "a;b"]
)
def test_paths_are_read_as_they_were_written(tmp_path, name):
    photo, sketch = tmp_path / name / "a.jpg", tmp_path / f"{name}.png"
    write_table([ListedPair("AR", "1", "test", photo, sketch)], tmp_path / "t", absolute=True)
    [row] = read_table(tmp_path / "t")
    assert (row["photo"], row["sketch"]) == (str(photo), str(sketch))


@pytest.mark.parametrize(
    "name", ["a\tb", "a\nb", "a\rb", "a.png ", os.fsdecode("\u5f20".encode("gbk"))]
)
def test_paths_that_a_table_cannot_hold_are_named(tmp_path, name):
    pair = ListedPair("AR", "1", "test", tmp_path / "a.jpg", tmp_path / name)
    [problem] = problems_of(write_table, [pair, pair], tmp_path / "t.tsv", absolute=False)
    assert f"cannot have 2 paths, such as {name!r}; rename" in problem
    assert not (tmp_path / "t.tsv").exists()


def listing(tmp_path, *options):
    places = [str(tmp_path / name) for name in ("photos", "sketches")]
    return main(["folders", *places, "--output", str(tmp_path / "t.tsv"), *options])


def test_a_table_is_written_over_only_if_asked_for(tmp_path, capsys):
    for place in ("photos", "sketches"):
        (tmp_path / place).mkdir()
        for number in range(4):
            (tmp_path / place / f"{number}.png").touch()
    assert listing(tmp_path) == 0
    (tmp_path / "t.tsv").write_text("marked by hand")
    assert listing(tmp_path) == 1
    assert "t.tsv: would be overwritten; move it away, or add --force" in capsys.readouterr().err
    assert (tmp_path / "t.tsv").read_text() == "marked by hand"
    assert listing(tmp_path, "--force") == 0
    assert len(read_table(tmp_path / "t.tsv")) == 4


@pytest.mark.parametrize("part", ["CUHK/train/photos", "AR/photos"])
def test_a_folder_without_images_gives_no_table(tmp_path, capsys, part):
    for kind in ("photos", "sketches"):
        (tmp_path / part.replace("photos", kind)).mkdir(parents=True)
    assert main(["cufs", str(tmp_path), "--output", str(tmp_path)]) == 1
    assert not (tmp_path / "pairs.tsv").exists()
