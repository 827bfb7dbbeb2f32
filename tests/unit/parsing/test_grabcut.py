from functools import cache

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from photosketch.data import pairs, storage
from photosketch.demo.looks import LOOKS
from photosketch.demo.pair import draw_pair
from photosketch.jobs.job import InputError
from photosketch.landmarks import detection
from photosketch.landmarks.table import COLUMNS
from photosketch.parsing.grabcut import parse_grabcut, parse_pairs
from photosketch.parsing.head import turned_corners
from photosketch.parsing.labels import (
    BACKGROUND,
    BROWS,
    CLASSES,
    CLOTHES,
    EYES,
    MOUTH,
    NOSE,
    SKIN,
    Parsings,
    read_parsings,
    write_parsings,
)
from photosketch.parsing.lines import ends, ridge, trace

MODALITIES = ("photo", "sketch")
SEEDS = range(6)  # neighbouring seeds differ in hair style and collar


@cache
def drawn(seed, look, **options):
    return draw_pair(seed, look, **options)


def given(pair, modality):
    """Image, points and true labels of a generated photo or sketch."""
    return [getattr(pair, modality + what) for what in ("", "_landmarks", "_labels")]


def parsed(pair, modality):
    image, points, _ = given(pair, modality)
    return parse_grabcut(image, points)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def centre(mask):
    """(x, y) of the middle of a mask."""
    return np.argwhere(mask).mean(0)[::-1]


def turned(image, points, degrees=0.0, scale=1.0, border=cv2.BORDER_REPLICATE):
    """An image turned about its middle and enlarged, its points, and the map [2, 3] of both."""
    height, width = image.shape[:2]
    size = round(width * scale), round(height * scale)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += (np.array(size) - (width, height)) / 2
    copy = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
    return copy, (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32), matrix


def moved(labels, matrix, size):
    return cv2.warpAffine(
        labels, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("modality", MODALITIES)
def test_regions_agree_with_the_truth_of_generated_faces(look, modality):
    random = np.random.default_rng(0)
    scores = []
    for seed in SEEDS:
        image, points, truth = given(drawn(seed, look), modality)
        labels = parse_grabcut(image, points + random.normal(0, 0.7, points.shape))
        head = iou(labels != BACKGROUND, truth != BACKGROUND)
        scores.append([head, *(iou(labels == c, truth == c) for c in range(1, len(CLASSES)))])
    mean = dict(zip(("head", *CLASSES[1:]), np.mean(scores, axis=0), strict=True))
    assert mean.pop("head") >= 0.95
    # A sketch hardly tells hatched clothes from hatched hair, or a neck from the collar around it.
    ambiguous = {"clothes": mean.pop("clothes")} if modality == "sketch" else {}
    assert min(mean.values()) >= 0.7, mean
    assert all(value >= 0.55 for value in ambiguous.values()), ambiguous


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("shift", [(0, 4), (0, -4), (4, 0)])
def test_a_mouth_moved_under_fixed_points_takes_its_label_along(modality, shift):
    look, seed = LOOKS[0], 3
    at_rest, moved_mouth = drawn(seed, look), drawn(seed, look, mouth_shift=shift)
    image, points, _ = given(at_rest, modality)
    before = parse_grabcut(image, points) == MOUTH
    after = parse_grabcut(getattr(moved_mouth, modality), points) == MOUTH
    assert np.abs(centre(after) - centre(before) - shift).max() < 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_labels_follow_the_pixels_where_the_points_are_off(modality):
    drifts = []
    for look in LOOKS:
        image, points, _ = given(drawn(2, look), modality)
        exact, off = parse_grabcut(image, points), parse_grabcut(image, points + [1.5, -1.5])
        assert iou(exact != BACKGROUND, off != BACKGROUND) > 0.99
        for label in (BROWS, EYES, NOSE, MOUTH):
            drifts.append(np.hypot(*(centre(exact == label) - centre(off == label))))
    assert max(drifts) < 1.5  # the points went 2.1 pixels
    assert np.mean(drifts) < 0.6


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_slightly_turned_picture_has_the_same_head_mask(modality):
    image, points, _ = given(drawn(1, LOOKS[1]), modality)
    copy, copied_points, matrix = turned(image, points, degrees=2)
    labels = moved(parse_grabcut(image, points), matrix, (200, 250))
    inner = np.s_[8:-8, 8:-8]
    assert iou((labels > 0)[inner], (parse_grabcut(copy, copied_points) > 0)[inner]) > 0.98


@pytest.mark.parametrize(("degrees", "scale"), [(0, 2.5), (0, 0.6), (20, 1.0), (-90, 1.4)])
def test_faces_of_any_size_and_direction_are_parsed(degrees, scale):
    image, points, truth = given(drawn(0, LOOKS[0]), "photo")
    copy, copied_points, matrix = turned(image, points, degrees, scale)
    labels = parse_grabcut(copy, copied_points)
    assert labels.shape == copy.shape[:2]
    expected = moved(truth, matrix, labels.shape[::-1])
    middle = cv2.warpAffine(np.ones_like(truth), matrix, labels.shape[::-1]) > 0
    assert iou((labels > 0)[middle], (expected > 0)[middle]) > 0.95
    assert iou((labels == SKIN)[middle], (expected == SKIN)[middle]) > 0.8


@pytest.mark.parametrize("modality", MODALITIES)
def test_clothes_reach_the_bottom_border(modality):
    for look in LOOKS:
        labels, truth = parsed(drawn(0, look), modality), given(drawn(0, look), modality)[2]
        assert iou(labels[-1] > 0, truth[-1] > 0) > 0.95
        assert iou(labels[-1] == CLOTHES, truth[-1] == CLOTHES) > 0.8


def test_black_corners_of_a_turned_picture_are_background():
    image, points, _ = given(drawn(1, LOOKS[0]), "photo")  # black hair down to the border
    assert not turned_corners(image).any()
    copy, copied_points, matrix = turned(image, points, 3, border=cv2.BORDER_CONSTANT)
    corners = cv2.warpAffine(np.ones(image.shape[:2], np.uint8), matrix, (200, 250)) == 0
    found = turned_corners(copy)
    assert found[corners].mean() > 0.97
    assert (found & ~corners).mean() < 0.03  # a seam of two pixels along them
    labels = parse_grabcut(copy, copied_points)
    assert (labels[corners] == BACKGROUND).mean() > 0.97
    whole = moved(parse_grabcut(image, points), matrix, (200, 250))
    assert iou(whole[~found] > 0, labels[~found] > 0) > 0.97


def test_a_sketch_too_faint_for_a_detector_is_parsed():
    pair = drawn(2, LOOKS[1], ink=0.12)
    assert iou(parsed(pair, "sketch") > 0, pair.sketch_labels > 0) > 0.95


def test_a_close_up_without_background_is_all_head():
    image, points, _ = given(drawn(0, LOOKS[0]), "photo")
    window = np.s_[95:195, 65:136]
    labels = parse_grabcut(np.ascontiguousarray(image[window]), points - [65, 95])
    assert (labels != BACKGROUND).mean() > 0.99
    assert (labels == MOUTH).any()


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("window", [(0, 0, 200, 131), (60, 0, 200, 250), (0, 110, 140, 250)])
def test_a_face_cut_by_the_border_is_parsed(modality, window):
    image, points, truth = given(drawn(1, LOOKS[2]), modality)
    left, top, right, bottom = window
    part = np.s_[top:bottom, left:right]
    labels = parse_grabcut(np.ascontiguousarray(image[part]), points - [left, top])
    assert iou(labels > 0, truth[part] > 0) > 0.8


def test_a_busy_background_leaves_a_head_at_its_usual_place():
    pair = drawn(0, LOOKS[0])
    noise = np.random.default_rng(0).uniform(40, 250, (10, 8, 3)).astype(np.float32)
    scene = cv2.resize(noise, (200, 250), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    photo = np.where((pair.photo_labels > 0)[..., None], pair.photo, scene.astype(np.uint8))
    labels = parse_grabcut(photo, pair.photo_landmarks)
    assert iou(labels > 0, pair.photo_labels > 0) > 0.9


def test_the_same_picture_gives_the_same_labels_whatever_ran_before():
    image, points, _ = given(drawn(4, LOOKS[2]), "sketch")
    first = parse_grabcut(image, points)
    cv2.setRNGSeed(99)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        assert np.array_equal(first, parse_grabcut(image, points))
    finally:
        cv2.setNumThreads(threads)


def test_the_image_is_left_as_it_was():
    image, points, _ = given(drawn(0, LOOKS[0]), "photo")
    copies = image.copy(), points.copy()
    parse_grabcut(image, points)
    assert np.array_equal(image, copies[0])
    assert np.array_equal(points, copies[1])


@pytest.mark.parametrize(
    ("image", "points", "message"),
    [
        (np.zeros((250, 200), np.float32), np.zeros((5, 2)), "float32"),
        (np.zeros((250, 200, 4), np.uint8), np.zeros((5, 2)), r"\(250, 200, 4\)"),
        (np.zeros((250, 200), np.uint8), np.zeros((4, 2)), "five finite"),
        (np.zeros((250, 200), np.uint8), np.full((5, 2), np.nan), "five finite"),
        (np.zeros((250, 200), np.uint8), np.full((5, 2), 50.0), "must be apart"),
        (np.zeros((250, 200), np.uint8), np.arange(10.0).reshape(5, 2) * 200, "inside 200x250"),
    ],
)
def test_images_and_points_of_another_kind_are_refused(image, points, message):
    with pytest.raises(ValueError, match=message):
        parse_grabcut(image, points)


@pytest.fixture
def demo_pairs(tmp_path):
    """Three generated pairs as files: their manifest rows and landmark table."""
    table, rows = [], []
    for seed in range(3):
        pair = drawn(seed, LOOKS[0])
        files = {modality: f"{modality}{seed}.png" for modality in MODALITIES}
        for modality, name in files.items():
            image, points, _ = given(pair, modality)
            Image.fromarray(image).save(tmp_path / name)
            values = (str(seed), modality, *points.ravel().tolist(), 1.0, "mtcnn")
            rows.append(dict(zip(COLUMNS, values, strict=True)))
        split = "test" if seed else "train"
        table.append({"subset": "a", "id": str(seed), "split": split, **files})
    more = {"subset": "a", "id": "3", "split": "train", "photo": "p.png", "sketch": "s.png"}
    Image.fromarray(drawn(3, LOOKS[0]).photo).save(tmp_path / "p.png")
    Image.fromarray(drawn(3, LOOKS[0]).sketch).save(tmp_path / "s.png")
    pd.DataFrame([*table, more]).to_csv(tmp_path / "pairs.tsv", sep="\t", index=False)
    return pairs.index_pairs(tmp_path / "pairs.tsv", (200, 250)), pd.DataFrame(rows)


def test_pairs_are_parsed_in_order_whatever_the_number_of_threads(demo_pairs):
    manifest, table = demo_pairs
    alone, together = (parse_pairs(manifest[:3], table, threads) for threads in (1, 3))
    assert alone.ids == together.ids == ("0", "1", "2")
    for modality in MODALITIES:
        stack = getattr(alone, modality)
        assert stack.shape == (3, 250, 200)
        assert stack.dtype == np.uint8
        assert np.array_equal(stack, getattr(together, modality))
        assert np.array_equal(stack[2], parsed(drawn(2, LOOKS[0]), modality))


def test_every_photo_without_points_is_listed(demo_pairs):
    manifest, table = demo_pairs
    with pytest.raises(InputError) as caught:
        parse_pairs(manifest, table.iloc[1:], 1)
    problems = caught.value.problems
    assert len(problems) == 2
    for problem, file in zip(problems, ("photo0.png", "p.png"), strict=True):
        assert file in problem
        assert "merge_landmarks" in problem


def test_sketches_without_points_have_no_labels_and_are_named(demo_pairs, tmp_path):
    manifest, table = demo_pairs
    located = table.drop(table.index[(table["id"] == "1") & (table["modality"] == "sketch")])
    whole = parse_pairs(manifest[:3], table, 1)
    partly = parse_pairs(manifest[:3], located, 2)
    assert (whole.unparsed, partly.unparsed) == ((), ("1",))
    assert np.array_equal(partly.photo, whole.photo)
    assert not partly.sketch[1].any()
    assert np.array_equal(partly.sketch[::2], whole.sketch[::2])
    write_parsings(partly, tmp_path / "a.npz")
    assert read_parsings(tmp_path / "a.npz").unparsed == ("1",)


def test_parsings_are_read_as_they_were_written(tmp_path):
    labels = np.random.default_rng(0).integers(0, 8, (2, 3, 5, 4), np.uint8)
    write_parsings(Parsings(("1", "m-2"), labels[0], labels[1]), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        assert sorted(stored) == ["classes", "ids", "photo", "sketch"]
        assert stored["classes"].tolist() == list(CLASSES)
    again = read_parsings(tmp_path / "a.npz")
    assert again.ids == ("1", "m-2")
    assert np.array_equal(again.photo, labels[0])
    assert np.array_equal(again.sketch, labels[1])


def test_parsings_with_other_classes_are_refused(tmp_path):
    empty = np.zeros((0, 5, 4), np.uint8)
    storage.write_arrays(
        tmp_path / "a.npz",
        {"ids": [], "photo": empty, "sketch": empty, "classes": ["nose", "hair"]},
    )
    with pytest.raises(InputError, match=r"a\.npz"):
        read_parsings(tmp_path / "a.npz")


def test_a_path_gathers_most_without_leaping():
    score = np.zeros((12, 9), np.float32)
    rows = np.array([3, 3, 4, 6, 8, 8, 7, 6, 6])
    score[rows, np.arange(9)] = 1
    score[0, 4] = 1.5  # worth more, but too far away
    assert trace(score, 0.01).tolist() == rows.tolist()
    assert np.ptp(trace(score, 100.0)) == 0


def test_a_ridge_stands_above_both_sides():
    field = np.zeros((9, 2), np.float32)
    field[4, 0] = 1  # a line
    field[4:, 1] = 1  # a step
    assert ridge(field, 2)[4].tolist() == [1, 0]


def test_ends_lie_where_a_line_fades_within_bounds():
    values = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1], np.float32)
    assert ends(values, 5, 0.5, 1, 5) == [2, 9]
    assert ends(values, 5, 0.5, 4, 5) == [1, 9]
    assert ends(values, 5, 0.5, 1, 2) == [3, 7]
    assert ends(values, 5, -1, 1, 20) == [0, 11]


@pytest.mark.slow
def test_real_faces_have_the_heads_that_their_white_background_shows(cufs):
    manifest = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))[::16]
    images = {m: [pairs.read_image(pair, m) for pair in manifest] for m in MODALITIES}
    agreement, partners = [], []
    for photo, sketch, found, sketch_found in zip(
        *images.values(),
        *(detection.detect(images[m], torch.device("cpu")) for m in MODALITIES),
        strict=True,
    ):
        labels = parse_grabcut(photo, found.points)
        corners = turned_corners(photo)
        dark = ((photo.min(2) < 235) & ~corners).astype(np.uint8)
        pieces, areas = cv2.connectedComponentsWithStats(dark)[1:3]
        person = pieces == 1 + areas[1:, cv2.CC_STAT_AREA].argmax()
        outside = cv2.connectedComponentsWithStats((~person).astype(np.uint8))[1]
        person = outside != outside[0, 0]
        above = np.s_[:200]  # below, some wear white
        agreement.append(iou(labels[above] > 0, person[above]))
        drawn_labels = parse_grabcut(sketch, sketch_found.points)
        partners.append(iou(labels[above] > 0, drawn_labels[above] > 0))
    assert min(agreement) > 0.95
    assert np.mean(partners) > 0.92
    assert min(partners) > 0.85
