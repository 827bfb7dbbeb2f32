"""APDrawing: pictures with photo and drawing side by side, cut in two."""

import numpy as np
import pytest
from PIL import Image

from photosketch.data.pairs import index_pairs, read_image
from photosketch.datasets.__main__ import main
from support.problems import assert_problems, touch


def picture(path, level, width=32):
    """A red photo on the left and a drawing with this gray level."""
    pixels = np.full((20, width, 3), level, np.uint8)
    pixels[:, : width // 2] = (level, 0, 0)
    touch(path)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def apdrawing(tmp_path):
    folder = tmp_path / "APDrawingDB"
    for level, name in enumerate(("train/1.png", "train/1_1.png", "test/10.png", "test/2.png")):
        picture(folder / "data" / name, 100 + level)
    (folder / "landmark").mkdir()
    return folder


@pytest.mark.parametrize("below", ["", "data"])
def test_the_left_half_is_the_photo_and_the_right_one_the_drawing(apdrawing, tmp_path, below):
    output = tmp_path / "out"
    assert main(["apdrawing", str(apdrawing / below), "--output", str(output)]) == 0
    pairs = index_pairs(output / "pairs.tsv", (16, 20))
    rows = [f"{pair.subset} {pair.id} {pair.split}" for pair in pairs]
    assert rows == [f"APDrawing {row}" for row in ("1_1 train", "1 train", "2 test", "10 test")]
    assert (read_image(pairs[3], "photo") == (102, 0, 0)).all()
    assert (read_image(pairs[3], "sketch") == 102).all()
    assert sorted(path.name for path in output.iterdir()) == ["halves", "pairs.tsv"]


def test_all_problems_are_listed_and_nothing_is_written(apdrawing, tmp_path, capsys):
    data = apdrawing / "data"
    widths = {"test/1": 32, "train/odd": 31, "train/single": 20, "train/0 (1)": 32}
    for name, width in widths.items():
        picture(data / f"{name}.png", 7, width)
    (data / "train/broken.png").write_bytes(b"no image")
    output = tmp_path / "out"
    assert main(["apdrawing", str(apdrawing), "--output", str(output)]) == 1
    assert_problems(
        capsys.readouterr().err.splitlines(),
        f"{data}/test/1.png: has the name of {data}/train/1.png...",
        f"{data}/train/0 (1).png: the name of an image becomes an id, and id '0 (1)' cannot be...",
        f"{data}/train/broken.png is not an intact image...",
        f"{data}/train/odd.png is 31x20 pixels...",
        f"{data}/train/single.png is 20x20 pixels...",
    )
    assert not output.exists()


def test_photos_alone_are_left_out_and_missing_parts_are_named(apdrawing, tmp_path, capsys):
    picture(apdrawing / "data/test_single/someone.png", 7)
    assert main(["apdrawing", str(apdrawing), "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == f"left aside: {apdrawing}/data/test_single\n"
    assert main(["apdrawing", str(apdrawing / "landmark"), "--output", str(tmp_path / "a")]) == 1
    missing = [f"{apdrawing}/landmark/{part}: is not there..." for part in ("train", "test")]
    assert_problems(capsys.readouterr().err.splitlines(), *missing)
