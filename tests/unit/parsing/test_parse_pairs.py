"""Parsing all pairs of a subset, by segmentation and by a small network whose labels are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.parsing.labels import CLASSES, HAIR, Parsings, read_parsings, write_parsings
from photosketch.parsing.parse_pairs import finds_face, parse_pairs
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.warp_pairs import warp_pairs
from support.drawn_pairs import on_disk, true_points
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair
from support.problems import problems_of
from support.small_parser import POINTS, face

SPLITS = ("train", "test", "test")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Three generated pairs, two of them for testing, and their landmark table."""
    drawn = [draw_pair(seed, PENCIL) for seed in range(3)]
    pairs = on_disk(tmp_path_factory.mktemp("demo"), "a", "012", drawn)
    pairs = [replace(pair, split=split) for pair, split in zip(pairs, SPLITS, strict=True)]
    return pairs, true_points("012", drawn)


@pytest.fixture(scope="module")
def by_segmentation(demo):
    return parse_pairs(*demo)


@pytest.mark.slow
def test_segmentation_parses_pairs_in_order_with_any_number_of_threads(demo, by_segmentation):
    pairs, table = demo
    located = table[(table["id"] != "1") | (table["modality"] == "photo")]
    together = parse_pairs(pairs, located, threads=3)
    assert by_segmentation.ids == together.ids == ("0", "1", "2")
    assert (by_segmentation.unparsed, together.unparsed) == ((), ("1",))
    assert not together.sketch[1].any()
    together.sketch[1] = by_segmentation.sketch[1]
    for modality in MODALITIES:
        stack = getattr(by_segmentation, modality)
        assert stack.shape == (3, 250, 200) and stack.dtype == np.uint8
        assert np.array_equal(stack, getattr(together, modality))
        image, points, _ = draw_pair(2, PENCIL).view(modality)
        assert np.array_equal(stack[2], parse_segmentation(image, points))


def test_every_photo_without_points_is_listed(demo):
    pairs, table = demo
    problems = problems_of(parse_pairs, pairs, table.iloc[1:-2])
    for problem, pair in zip(problems, (pairs[0], pairs[2]), strict=True):
        assert pair.photo in problem and "merge_landmarks" in problem


@pytest.mark.slow
def test_a_network_parses_photos_and_sketches_and_lists_those_without_a_face(parser, tmp_path):
    moved, white = np.roll(face(), 5, 1), np.full((250, 200, 3), 255, np.uint8)
    photos = (face(), white, face(), moved, white, face())  # two batches
    sketches = (white, face(), moved, face(), white, face())
    drawn = [
        SimpleNamespace(
            photo=photo, sketch=sketch[..., 0], photo_landmarks=POINTS, sketch_landmarks=POINTS
        )
        for photo, sketch in zip(photos, sketches, strict=True)
    ]
    pairs, table = on_disk(tmp_path, "a", "123456", drawn), true_points("123456", drawn)
    parsed = parse_pairs(pairs, table.iloc[:-1], parser)  # without points of the last sketch
    assert parsed.ids == tuple("123456") and parsed.fallback == ()
    assert (parsed.faceless, parsed.unparsed) == (("2", "5"), ("1", "5", "6"))
    assert parsed.photo.any(axis=(1, 2)).tolist() == [id not in "25" for id in parsed.ids]
    assert parsed.sketch.any(axis=(1, 2)).tolist() == [id not in "156" for id in parsed.ids]
    assert np.array_equal(parsed.photo[2:4], parsed.sketch[3:1:-1])
    assert not np.array_equal(*parsed.photo[2:4])


@pytest.mark.slow
def test_the_fallback_is_segmentation_and_recorded(blind, demo, by_segmentation):
    pairs, table = demo
    parsed = parse_pairs(pairs[:2], table, blind, fallback=True)
    assert np.array_equal(parsed.photo, by_segmentation.photo[:2])
    assert parsed.fallback == tuple((id, modality) for id in "01" for modality in MODALITIES)


@pytest.mark.slow
def test_a_warped_sketch_is_parsed_again_by_what_parsed_it(blind, demo, by_segmentation):
    pairs, table = demo
    parsings = replace(by_segmentation, fallback=(("1", "sketch"),))
    points = draw_pair(0, PENCIL).photo_landmarks
    _, scores = warp_pairs(
        *(pairs[:2], table, parsings, "face", blind.parse_image, parse_segmentation),
        lambda sketches: [points] * 2,
    )
    # the network sees no head in the first, segmentation one in the second
    assert scores["tried"][0] == 0 and scores["worse"][0]
    assert scores["tried"][1] > 0.8


def test_a_face_must_be_as_large_as_its_points_say(parser):
    (labels,) = parser.parse([face()])
    assert finds_face(labels, POINTS)
    assert not finds_face(labels, POINTS * 4)
    assert not finds_face(np.full((250, 200), HAIR, np.uint8), POINTS)
    for seed in range(3):
        pair = draw_pair(seed, PENCIL)
        assert finds_face(pair.photo_labels, pair.photo_landmarks)


def test_parsings_are_read_as_they_were_written(tmp_path):
    labels = np.random.default_rng(0).integers(0, 8, (2, 3, 5, 4), np.uint8)
    marks = {"fallback": (("1", "photo"),), "manual": (("3", "sketch"),)}
    marks |= {"unparsed": ("m-2",), "faceless": ("m-2",)}
    for given in ({}, marks):
        parsings = Parsings(("1", "m-2", "3"), *labels, **given)
        write_parsings(parsings, tmp_path / "a.npz")
        again = read_parsings(tmp_path / "a.npz", ["3", "1"])
        assert replace(again, photo=0, sketch=0) == replace(parsings, photo=0, sketch=0)
        assert np.array_equal(again.photo, labels[0]) and np.array_equal(again.sketch, labels[1])


@pytest.mark.parametrize(
    ("classes", "told"), [(("nose", "hair"), "is damaged (its classes are"), (CLASSES, "lacks 1;")]
)
def test_parsings_of_other_classes_or_pairs_are_refused(tmp_path, monkeypatch, classes, told):
    monkeypatch.setattr("photosketch.parsing.labels.CLASSES", classes)
    empty = np.zeros((0, 5, 4), np.uint8)
    write_parsings(Parsings((), empty, empty), tmp_path / "a.npz")
    monkeypatch.undo()
    (problem,) = problems_of(read_parsings, tmp_path / "a.npz", ["1"])
    assert f"a.npz: {told}" in problem
    assert "delete it: parse_faces (machine/) or merge_parsings writes it again" in problem
