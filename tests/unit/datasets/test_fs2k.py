"""FS2K: annotations as documented in its repository, in folders made here."""

import json

import pytest

from photosketch.data.pairs import read_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.fs2k import find_pairs
from support.problems import assert_problems, problems_of, touch

TRAIN = [("photo1/image0110", 0), ("photo2/image0003", 2), ("photo1/image0007", 1)]
TEST = [("photo3/image0001", 0), ("photo1/image0002", 0)]


def entry(name, style):
    """An annotation with some of the documented keys."""
    return {"image_name": name, "skin_patch": [163, 139], "hair": 0, "style": style}


@pytest.fixture
def fs2k(tmp_path):
    folder = tmp_path / "FS2K"
    for name, _ in TRAIN + TEST:
        suffix = {"photo2/image0003": ".png", "photo1/image0002": ".JPG"}.get(name, ".jpg")
        touch(folder / f"photo/{name}{suffix}")
        sketch = name.replace("photo", "sketch").replace("image", "sketch")
        touch(folder / f"sketch/{sketch}.jpg")
    annotate(folder, "train", [entry(*pair) for pair in TRAIN])
    annotate(folder, "test", [entry(*pair) for pair in TEST])
    touch(folder / "README.pdf")
    return folder


def annotate(folder, split, entries):
    text = "\ufeff" + json.dumps(entries)  # some editors save this mark
    (folder / f"anno_{split}.json").write_text(text)


def test_styles_are_subsets_and_ids_have_no_slash(fs2k):
    assert main(["fs2k", str(fs2k), "--output", str(fs2k)]) == 0
    rows = read_table(fs2k / "pairs.tsv")
    assert [(row["subset"], row["id"], row["split"]) for row in rows] == [
        ("style1", "photo1_image0110", "train"),
        ("style1", "photo3_image0001", "test"),
        ("style1", "photo1_image0002", "test"),
        ("style2", "photo1_image0007", "train"),
        ("style3", "photo2_image0003", "train"),
    ]
    assert rows[0]["photo"] == "photo/photo1/image0110.jpg"
    assert rows[0]["sketch"] == "sketch/sketch1/sketch0110.jpg"
    assert rows[2]["photo"] == "photo/photo1/image0002.JPG"
    assert rows[4]["photo"] == "photo/photo2/image0003.png"


def test_all_problems_are_listed_at_once_with_file_and_remedy(fs2k):
    (fs2k / "photo/photo1/image0110.jpg").unlink()
    touch(fs2k / "sketch/sketch1/sketch0002.png")
    broken = [entry("photo1/image0007", 1), entry("image0001", 0), entry("photo3/image0001", 3), 7]
    broken += [entry("photo1/imageé", 0)]
    annotate(fs2k, "test", [*broken, entry("photo1/image0002", 0)])
    test = f"{fs2k}/anno_test.json"
    assert_problems(
        problems_of(find_pairs, fs2k),
        f"{fs2k}/sketch/sketch1/sketch0002.png: sketch0002.jpg has the same name...keep one...",
        f"{fs2k}/photo/photo1/image0110.jpg: is not there...remove its entry...",
        f"{test}, entry 2: image_name 'image0001'...photo1/image0110...",
        f"{test}, entry 3: style of photo3/image0001 is 3...use 0, 1 or 2...",
        f"{test}, entry 4: image_name None...correct it...",
        f"{test}, entry 5: image_name 'photo1/imageé'...correct it...",
        f"{test}: photo1/image0007 is already in anno_train.json...remove one...",
    )


def test_annotations_that_are_missing_or_no_json_are_named(fs2k):
    (fs2k / "anno_test.json").unlink()
    (fs2k / "anno_train.json").write_text("[{]")
    assert_problems(
        problems_of(find_pairs, fs2k),
        f"{fs2k}/anno_train.json: cannot be read as JSON...",
        f"{fs2k}/anno_test.json: is not there...",
    )
    nowhere = fs2k / "elsewhere"
    assert_problems(problems_of(find_pairs, nowhere), f"{nowhere}: is not a folder...")


def test_images_that_no_annotation_names_are_a_note(fs2k):
    touch(fs2k / "photo/photo1/image0999.jpg")
    touch(fs2k / "sketch/sketch4/sketch0001.jpg")
    assert find_pairs(fs2k).notes == [
        f"{fs2k}/photo/photo1: no annotation names image0999.jpg; left out",
        f"{fs2k}/sketch/sketch4: no annotation names sketch0001.jpg; left out",
    ]
