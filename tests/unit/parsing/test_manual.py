"""Label maps by hand: what is taken for one, and every mistake at once."""

import numpy as np
import pytest
from PIL import Image

from photosketch.data.pairs import Pair
from photosketch.parsing.labels import (
    CLASS_COLOURS,
    CLASSES,
    EYES,
    HAIR,
    NOSE,
    SKIN,
    Parsings,
    require_photo_labels,
)
from photosketch.parsing.manual import read_manual, with_manual
from photosketch.parsing.manual_files import hparams
from support.problems import problems_of

WIDTH, HEIGHT = 6, 8
PAIRS = [
    Pair(subset, id, "train", "p.png", "s.png", WIDTH, HEIGHT, "", "")
    for subset, id in (("AR", "1"), ("AR", "2_b"), ("XM", "1"))
]
MAP = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH) % len(CLASSES)


@pytest.fixture
def folder(tmp_path):
    for subset in ("AR", "XM"):
        (tmp_path / subset).mkdir()
    return tmp_path


def save(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def test_values_colours_and_colours_by_a_palette_are_the_same_map(folder):
    colours = np.array(CLASS_COLOURS, np.uint8)[MAP]
    save(folder / "AR/1_photo.png", MAP)
    save(folder / "AR/2_b_sketch.png", colours)
    Image.fromarray(colours).quantize(len(CLASSES)).save(folder / "XM/1_sketch.png")
    (folder / "AR/.hidden.swp").write_text("an editor's")
    ours, theirs = (read_manual(folder, PAIRS, subset) for subset in ("AR", "XM"))
    assert set(ours) == {("1", "photo"), ("2_b", "sketch")}
    assert set(theirs) == {("1", "sketch")}
    for labels in [*ours.values(), *theirs.values()]:
        assert labels.dtype == np.uint8
        assert np.array_equal(labels, MAP)


def test_masks_of_other_tools_are_read_by_the_table_of_classes(folder):
    (folder / "classes.tsv").write_text("value\tclass\n17\thair\n4\teyes\n5\teyes\n#FF0080\tnose\n")
    save(folder / "AR/1_photo.png", np.where(MAP < 4, 17, np.where(MAP < 6, 4, 5)))
    save(folder / "XM/1_photo.png", np.full((HEIGHT, WIDTH, 3), (255, 0, 128)))
    ours, theirs = (read_manual(folder, PAIRS, subset) for subset in ("AR", "XM"))
    assert np.array_equal(ours["1", "photo"], np.where(MAP < 4, HAIR, EYES))
    assert (theirs["1", "photo"] == NOSE).all()
    save(folder / "AR/1_photo.png", MAP)
    (problem,) = problems_of(read_manual, folder, PAIRS, "AR")
    assert "not a class (0, 1, 2, 3, 6 and 1 more); allowed: those of" in problem


def test_every_mistake_is_named_with_its_file_at_once(folder):
    save(folder / "AR/1_photo.png", MAP + 1)
    save(folder / "AR/1_sketch.png", MAP[1:])
    save(folder / "AR/3_photo.png", MAP)
    save(folder / "XM/1_photo.png", np.dstack([MAP] * 4))
    save(folder / "XM/1_sketch.png", np.full((HEIGHT, WIDTH, 3), (1, 2, 3)))
    (folder / "AR/2_b_photo.png").write_bytes(b"nothing")
    (folder / "Ar").mkdir()
    save(folder / "Ar/1_photo.png", MAP)
    (folder / "classes.txt").write_text("")
    (folder / "classes.tsv").write_text("value\tclass\n0\tbeard\n300\thair\n1\tskin\n")
    said = problems_of(read_manual, folder, PAIRS, "AR")
    for name, words in {
        "classes.tsv, line 2": "background, hair",
        "classes.tsv, line 3": "0 to 255",
        "AR/1_photo.png": "not a class (2, 3,",
        "AR/1_sketch.png": "is 6x7 pixels, its image 6x8",
        "AR/2_b_photo.png": "not an intact PNG",
        "AR/3_photo.png": "not the label map of a pair",
        "Ar/1_photo.png": "(AR/1_photo.png",
        "XM/1_photo.png": "mode RGBA",
        "XM/1_sketch.png": "#010203",
        "classes.txt": "not the label map of a pair",
    }.items():
        (problem,) = [text for text in said if f"{folder / name}:" in text]
        assert words in problem
    assert len(said) == 10


def test_maps_are_laid_over_the_parser_s_and_named():
    photo, sketch = np.full((2, 2, HEIGHT, WIDTH), SKIN, np.uint8)
    parsings = Parsings(("2_b", "1"), photo, sketch, (("1", "photo"),), unparsed=("1", "2_b"))
    merged = with_manual(parsings, {("1", "sketch"): MAP})
    assert np.array_equal(merged.sketch[1], MAP)
    assert (merged.sketch[0] == SKIN).all() and (merged.photo == SKIN).all()
    assert (parsings.sketch == SKIN).all()
    assert merged.manual == (("1", "sketch"),)
    assert merged.unparsed == ("2_b",)
    assert merged.fallback == parsings.fallback
    assert merged.photo is parsings.photo  # copied only where a map lies over it
    untouched = with_manual(parsings, {})
    assert untouched.photo is parsings.photo and untouched.sketch is parsings.sketch
    assert untouched.manual == () and untouched.unparsed == parsings.unparsed
    assert with_manual(parsings, {("1", "photo"): MAP}).fallback == ()


def test_a_photo_without_a_face_needs_a_map_by_hand_and_all_are_named():
    empty = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    parsings = Parsings(("1", "2_b"), empty, empty, faceless=("1", "2_b"))
    first, second = problems_of(require_photo_labels, PAIRS[:2], parsings)
    assert "photo of AR 1" in first and "photo of AR 2_b" in second
    for remedy in ("landmarks.manual", "parsing.fallback", "parsing.manual"):
        assert remedy in first
    one = with_manual(parsings, {("1", "photo"): MAP, ("2_b", "sketch"): MAP})
    (problem,) = problems_of(require_photo_labels, PAIRS[:2], one)
    assert "2_b" in problem
    require_photo_labels(PAIRS[:2], with_manual(one, {("2_b", "photo"): MAP}))


def test_a_subset_goes_by_its_own_maps_the_table_and_what_has_no_place(folder):
    def hashes():
        return [hparams(folder, subset, ("AR", "XM")) for subset in ("AR", "XM")]

    assert hashes() == [{}, {}]
    assert hparams(None, "AR", ("AR", "XM")) == {}
    save(folder / "AR/1_photo.png", MAP)
    first = hashes()
    assert first[0] and not first[1]
    save(folder / "AR/1_photo.png", MAP[::-1])
    assert hashes()[0] != first[0]
    save(folder / "XM/1_photo.png", MAP)
    own = hashes()
    for name in ("classes.tsv", "Ar/1_photo.png", "1_photo.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
        assert all(now != then for now, then in zip(hashes(), own, strict=True)), name
        own = hashes()
