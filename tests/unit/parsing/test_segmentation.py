"""Labels against the truth of generated faces."""

from functools import cache

import cv2
import numpy as np
import pytest
import torch

from photosketch.data import pairs
from photosketch.data.pairs import MODALITIES
from photosketch.landmarks import detection
from photosketch.parsing.labels import BACKGROUND, BROWS, CLASSES, CLOTHES, EYES, MOUTH, NOSE, SKIN
from photosketch.parsing.segmentation import parse_segmentation, turned_corners
from photosketch.warp.maps import iou
from support.faces.looks import CHARCOAL, PENCIL, SANGUINE
from support.faces.pair import draw_pair

# Neighbouring seeds differ in hair style and collar.
SEEDS = {PENCIL: (0, 1), CHARCOAL: (0, 2), SANGUINE: (0, 3)}


@cache
def parsed(seed, look, modality, **options):
    """Image, points, true labels and parsed labels of one side of a generated pair."""
    image, points, truth = draw_pair(seed, look, **options).view(modality)
    return image, points, truth, parse_segmentation(image, points)


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


def moved(labels, matrix, size=(200, 250), border=cv2.BORDER_REPLICATE):
    return cv2.warpAffine(labels, matrix, size, flags=cv2.INTER_NEAREST, borderMode=border)


@pytest.mark.slow
@pytest.mark.parametrize("look", SEEDS, ids=lambda look: look.name)
@pytest.mark.parametrize("modality", MODALITIES)
def test_regions_agree_with_the_truth_of_generated_faces(look, modality):
    random = np.random.default_rng(0)
    scores = []
    for seed in SEEDS[look]:
        image, points, truth = draw_pair(seed, look).view(modality)
        labels = parse_segmentation(image, points + random.normal(0, 0.7, points.shape))
        classes = [iou(labels == c, truth == c) for c in range(1, len(CLASSES))]
        scores.append([iou(labels > 0, truth > 0), *classes])
    head, *regions, clothes = np.mean(scores, axis=0)
    assert head >= 0.95 and min(regions) >= 0.7
    # A sketch hardly tells hatched clothes from hatched hair, or a neck from the collar around it.
    assert clothes >= (0.55 if modality == "sketch" else 0.7)


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("shift", [(4, 4), (-4, -4)])
def test_a_mouth_moved_under_fixed_points_takes_its_label_along(modality, shift):
    _, points, _, before = parsed(3, PENCIL, modality)
    moved_mouth, _, _ = draw_pair(3, PENCIL, mouth_shift=shift).view(modality)
    after = parse_segmentation(moved_mouth, points)
    assert np.abs(centre(after == MOUTH) - centre(before == MOUTH) - shift).max() < 1


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_labels_follow_the_pixels_where_the_points_are_off(modality):
    drifts = []
    for look, seeds in SEEDS.items():
        image, points, _, exact = parsed(seeds[1], look, modality)
        off = parse_segmentation(image, points + [1.5, -1.5])
        assert iou(exact != BACKGROUND, off != BACKGROUND) > 0.99
        for label in (BROWS, EYES, NOSE, MOUTH):
            drifts.append(np.hypot(*(centre(exact == label) - centre(off == label))))
    assert max(drifts) < 1.5  # the points went 2.1 pixels
    assert np.mean(drifts) < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_slightly_turned_picture_has_the_same_head_mask(modality):
    image, points, _, labels = parsed(1, CHARCOAL, modality)
    copy, copied_points, matrix = turned(image, points, degrees=2)
    inner = np.s_[8:-8, 8:-8]
    expected = moved(labels, matrix) > 0
    assert iou(expected[inner], (parse_segmentation(copy, copied_points) > 0)[inner]) > 0.98


@pytest.mark.parametrize(("degrees", "scale"), [(0, 2.5), (0, 0.6), (20, 1.0), (-90, 1.4)])
def test_faces_of_any_size_and_direction_are_parsed(degrees, scale):
    image, points, truth = draw_pair(0, PENCIL).view("photo")
    copy, copied_points, matrix = turned(image, points, degrees, scale)
    labels = parse_segmentation(copy, copied_points)
    assert labels.shape == copy.shape[:2]
    size = labels.shape[::-1]
    middle = moved(np.ones_like(truth), matrix, size, cv2.BORDER_CONSTANT) > 0
    labels, expected = labels[middle], moved(truth, matrix, size)[middle]
    assert iou(labels > 0, expected > 0) > 0.95
    assert iou(labels == SKIN, expected == SKIN) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_clothes_reach_the_bottom_border(modality):
    for look in SEEDS:
        _, _, truth, labels = parsed(0, look, modality)
        assert iou(labels[-1] > 0, truth[-1] > 0) > 0.95
        assert iou(labels[-1] == CLOTHES, truth[-1] == CLOTHES) > 0.8


def test_black_corners_of_a_turned_picture_are_background():
    image, points, _, whole = parsed(1, PENCIL, "photo")  # black hair down to the border
    assert not turned_corners(image).any()
    copy, copied_points, matrix = turned(image, points, 3, border=cv2.BORDER_CONSTANT)
    corners = moved(np.ones((250, 200), np.uint8), matrix, border=cv2.BORDER_CONSTANT) == 0
    found = turned_corners(copy)
    assert found[corners].mean() > 0.97
    assert (found & ~corners).mean() < 0.03  # a seam of two pixels along them
    labels = parse_segmentation(copy, copied_points)
    assert (labels[corners] == BACKGROUND).mean() > 0.97
    assert iou(moved(whole, matrix)[~found] > 0, labels[~found] > 0) > 0.97


@pytest.mark.slow
def test_a_sketch_too_faint_for_a_detector_is_parsed():
    _, _, truth, labels = parsed(2, CHARCOAL, "sketch", ink=0.12)
    assert iou(labels > 0, truth > 0) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("window", [(0, 0, 200, 131), (60, 0, 200, 250), (0, 110, 140, 250)])
def test_a_face_cut_by_the_border_is_parsed(modality, window):
    image, points, truth = draw_pair(1, SANGUINE).view(modality)
    left, top, right, bottom = window
    part = np.s_[top:bottom, left:right]
    labels = parse_segmentation(np.ascontiguousarray(image[part]), points - [left, top])
    assert iou(labels > 0, truth[part] > 0) > 0.8


def test_a_close_up_without_background_is_all_head():
    image, points, _ = draw_pair(0, PENCIL).view("photo")
    labels = parse_segmentation(np.ascontiguousarray(image[95:195, 65:136]), points - [65, 95])
    assert (labels != BACKGROUND).mean() > 0.97
    assert (labels == MOUTH).any()


def test_a_head_is_told_from_white_below_a_person_cut_out_and_from_a_busy_background():
    image, points, truth = draw_pair(0, PENCIL).view("photo")
    person = (truth > 0)[..., None]
    cut_out = np.where(person, image, np.uint8(255))
    cut_out[215:] = 255
    labels = parse_segmentation(cut_out, points)
    assert not labels[218:].any()
    assert iou(labels[:213] > 0, truth[:213] > 0) > 0.96
    noise = np.random.default_rng(0).uniform(40, 250, (10, 8, 3)).astype(np.float32)
    scene = cv2.resize(noise, (200, 250), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    busy = np.where(person, image, scene.astype(np.uint8))
    assert iou(parse_segmentation(busy, points) > 0, truth > 0) > 0.95


def test_the_same_picture_gives_the_same_labels_whatever_ran_before():
    image, points, _, first = parsed(3, SANGUINE, "sketch")
    cv2.setRNGSeed(99)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        assert np.array_equal(first, parse_segmentation(image, points))
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.slow
def test_real_faces_have_the_heads_that_their_white_background_shows(cufs):
    manifest = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))[::32]
    images = {m: [pairs.read_image(pair, m) for pair in manifest] for m in MODALITIES}
    agreement, partners = [], []
    for photo, sketch, found, sketch_found in zip(
        *images.values(),
        *(detection.detect(images[m], torch.device("cpu")) for m in MODALITIES),
        strict=True,
    ):
        labels = parse_segmentation(photo, found.points)
        corners = turned_corners(photo)
        dark = ((photo.min(2) < 235) & ~corners).astype(np.uint8)
        pieces, areas = cv2.connectedComponentsWithStats(dark)[1:3]
        person = pieces == 1 + areas[1:, cv2.CC_STAT_AREA].argmax()
        outside = cv2.connectedComponentsWithStats((~person).astype(np.uint8))[1]
        person = outside != outside[0, 0]
        above = np.s_[:200]  # below, some wear white
        agreement.append(iou(labels[above] > 0, person[above]))
        drawn_labels = parse_segmentation(sketch, sketch_found.points)
        partners.append(iou(labels[above] > 0, drawn_labels[above] > 0))
    assert min(agreement) > 0.95
    assert np.mean(partners) > 0.92
    assert min(partners) > 0.85
