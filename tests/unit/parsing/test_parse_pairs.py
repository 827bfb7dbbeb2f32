"""Parsing all pairs of a subset, by segmentation and by a small network whose labels are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.jobs.job import InputError
from photosketch.parsing.labels import HAIR, Parsings, read_parsings, write_parsings
from photosketch.parsing.parse_pairs import finds_face, parse_pairs
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.warp_pairs import warp_pairs
from support.drawn_pairs import on_disk, true_points
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair
from support.sides import view
from support.small_parser import POINTS, face

SPLITS = ("train", "test", "test")
WHITE = np.full((250, 200), 255, np.uint8)


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


def as_pairs(folder, images):
    """Pairs of these photos and sketches by id, as files, and their landmark table."""
    drawn = [
        SimpleNamespace(photo=photo, sketch=sketch, photo_landmarks=POINTS, sketch_landmarks=POINTS)
        for photo, sketch in images.values()
    ]
    return on_disk(folder, "a", list(images), drawn), true_points(list(images), drawn)


@pytest.mark.slow
def test_segmentation_parses_pairs_in_order_with_any_number_of_threads(demo, by_segmentation):
    together = parse_pairs(*demo, threads=3)
    assert by_segmentation.ids == together.ids == ("0", "1", "2")
    for modality in MODALITIES:
        stack = getattr(by_segmentation, modality)
        assert stack.shape == (3, 250, 200) and stack.dtype == np.uint8
        assert np.array_equal(stack, getattr(together, modality))
        image, points, _ = view(draw_pair(2, PENCIL), modality)
        assert np.array_equal(stack[2], parse_segmentation(image, points))


def test_every_photo_without_points_is_listed(demo):
    pairs, table = demo
    with pytest.raises(InputError) as caught:
        parse_pairs(pairs, table.iloc[1:-2])
    for problem, pair in zip(caught.value.problems, (pairs[0], pairs[2]), strict=True):
        assert pair.photo in problem and "merge_landmarks" in problem


@pytest.mark.slow
def test_sketches_without_points_have_no_labels_and_are_named(
    demo, by_segmentation, parser, tmp_path
):
    pairs, table = demo
    located = table.drop(table.index[(table["id"] == "1") & (table["modality"] == "sketch")])
    partly = parse_pairs(pairs[:2], located)
    assert (by_segmentation.unparsed, partly.unparsed) == ((), ("1",))
    assert np.array_equal(partly.photo, by_segmentation.photo[:2])
    assert not partly.sketch[1].any()
    assert np.array_equal(partly.sketch[0], by_segmentation.sketch[0])
    images = {id: (face(), face()[..., 0]) for id in "1234"}
    pairs, table = as_pairs(tmp_path, images | {"2": (face(), WHITE)})
    learned = parse_pairs(pairs, table.drop(5), parser)  # the sketch of 3
    assert learned.unparsed == ("2", "3")
    assert learned.sketch.any(axis=(1, 2)).tolist() == [True, False, False, True]
    assert np.array_equal(learned.sketch[0], learned.sketch[3])


@pytest.mark.slow
def test_a_network_parses_photo_and_sketch(parser, tmp_path):
    moved = np.roll(face(), 5, 1)
    images = {"1": (face(), moved[..., 0]), "2": (moved, face()[..., 0])}
    parsed = parse_pairs(*as_pairs(tmp_path, images), parser)
    assert parsed.ids == ("1", "2") and parsed.fallback == ()
    assert np.array_equal(parsed.photo, parsed.sketch[::-1])
    assert not np.array_equal(*parsed.photo)


@pytest.mark.slow
def test_every_photo_without_a_face_is_blank_and_listed(parser, tmp_path):
    white = np.dstack([WHITE] * 3)
    images = {"1": (face(), WHITE), "2": (white, face()[..., 0])}
    images |= {id: (face(), face()[..., 0]) for id in "34"} | {"5": (white, WHITE)}  # two batches
    parsed = parse_pairs(*as_pairs(tmp_path, images), parser)
    assert (parsed.faceless, parsed.unparsed) == (("2", "5"), ("1", "5"))
    assert parsed.photo.any(axis=(1, 2)).tolist() == [id not in "25" for id in images]


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
        again = read_parsings(tmp_path / "a.npz")
        assert replace(again, photo=0, sketch=0) == replace(parsings, photo=0, sketch=0)
        assert np.array_equal(again.photo, labels[0]) and np.array_equal(again.sketch, labels[1])


def test_parsings_with_other_classes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("photosketch.parsing.labels.CLASSES", ("nose", "hair"))
    empty = np.zeros((0, 5, 4), np.uint8)
    write_parsings(Parsings((), empty, empty), tmp_path / "a.npz")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"a\.npz"):
        read_parsings(tmp_path / "a.npz")
