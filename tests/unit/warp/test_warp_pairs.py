"""Warping pairs: the better sketch is kept, scored by what is seen in it again, and shown."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import ImageColor

from photosketch.data.pairs import MODALITIES, index_pairs, read_image
from photosketch.figures.contact_sheet import ALARM
from photosketch.landmarks import detection
from photosketch.parsing.parse_pairs import parse_pairs
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.files import read_scores, read_warped, summarise, write_scores, write_warped
from photosketch.warp.maps import apply, identity
from photosketch.warp.montage import COLUMNS, overlay, warp_montage
from photosketch.warp.warp_pairs import warp_pairs
from support.problems import problems_of


def test_warped_sketches_agree_better_with_their_photos(subset):
    warped, scores = subset.warp()
    assert warped.ids == ("a", "b")
    assert warped.sketches.shape == (2, 250, 200) and warped.sketches.dtype == np.uint8
    assert warped.maps.shape == (2, 250, 200, 2) and warped.maps.dtype == np.float32
    assert not scores["worse"].any()
    assert (scores["head_after"] > scores["head_before"]).all()
    assert (scores["points_before"] > 1).all()
    assert (scores["points_after"] == 0).all()  # detected just where the photo's are
    assert (scores["min_jacobian"] > 0).all()
    assert (scores["sharpness"] > 0.6).all()
    assert (scores["inverse_consistency"] < 1.5).all()
    for index, pair in enumerate(subset.drawn):
        again, _ = apply(pair.sketch, warped.maps[index], pair.sketch_labels)
        assert (again == warped.sketches[index]).all()


@pytest.mark.parametrize("mode", ["face", "region"])
def test_a_pair_whose_masks_get_worse_keeps_its_sketch(subset, mode):
    def parse_nothing(image, points):
        return np.zeros(image.shape[:2], np.uint8)

    warped, scores = subset.warp(1, mode, parse=parse_nothing)
    assert scores["worse"].all()
    assert (warped.sketches[0] == subset.drawn[0].sketch).all()
    assert (warped.maps == identity((250, 200))).all()
    assert (scores["head_after"] == scores["head_before"]).all()
    assert (scores["tried"] == 0).all()
    assert (scores["points_after"] == scores["points_before"]).all()


def test_labels_by_hand_move_with_the_sketch_and_no_parser_is_asked(subset):
    def refuse(image, points):
        raise AssertionError("parsed again")

    warped, scores = subset.warp(1, parse=refuse, by_hand=(("a", "sketch"),))
    assert not scores["worse"].any()
    assert (scores["tried"] > scores["head_before"]).all()
    again, _ = subset.warp()
    assert (warped.sketches[0] == again.sketches[0]).all()


@pytest.mark.slow
def test_a_face_that_is_not_detected_again_has_no_distance(subset):
    _, scores = subset.warp(1, detect=lambda sketches: [None for _ in sketches])
    assert scores["points_after"].isna().all()
    summary = summarise("pencil", "face", scores)
    assert summary["undetected"] == summary["pairs"] == 1


@pytest.mark.parametrize(
    ("modality", "told"),
    [
        ("photo", ["no points for the photo of pencil a; delete the table of landmarks"]),
        ("sketch", ["no points for the sketch of pencil a, and the warp", "sketch of pencil b"]),
    ],
)
def test_every_image_without_points_or_labels_is_named(subset, modality, told):
    located = subset.table[(subset.table["id"] != "a") | (subset.table["modality"] != modality)]
    parsings = replace(subset.parsings, unparsed=("a", "b"))
    given = subset.pairs, located, parsings, "face", parse_segmentation, parse_segmentation, list
    for problem, words in zip(problems_of(warp_pairs, *given), told, strict=True):
        assert words in problem


def test_files_hold_what_was_computed(subset, tmp_path):
    warped, scores = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    again = read_warped(tmp_path / "w.npz", ["b", "a"])
    assert again.ids == warped.ids
    for name in ("sketches", "maps", "valid"):
        assert (getattr(again, name) == getattr(warped, name)).all()
    write_scores(scores, tmp_path / "w.csv")
    rounded = read_scores(tmp_path / "w.csv", ["a", "b"])
    summary = summarise("pencil", "face", rounded)
    assert summary["head_after"] == pytest.approx(scores["head_after"].mean(), abs=1e-3)
    assert summary["worse"] == 0


def test_the_montage_shows_the_ink_over_the_photo(subset):
    warped, scores = subset.warp()
    for worse in (False, True):
        told = scores.assign(worse=[False, worse])
        shown = warp_montage("pencil", "face", subset.pairs, subset.parsings, warped, told)
        assert shown.width > 2 * len(COLUMNS) * 130
        assert (np.asarray(shown) == ImageColor.getrgb(ALARM)).all(-1).any() == worse
    drawn = subset.drawn[0]
    laid = overlay(drawn.photo, np.zeros((250, 200), np.uint8), drawn.photo_labels)
    ink = drawn.sketch < 128
    assert (laid[ink][:, 2] > laid[ink][:, 0].astype(int) + 30).mean() > 0.9


def steady_points(images):
    """MTCNN's points [N, 5, 2], the median of three detections in slightly moved images."""
    found = []
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    for scale, shift in ((1, (0, 0)), (0.96, (2, -2)), (1.04, (-2, 1))):
        matrix = np.column_stack([scale * np.eye(2), shift])
        moved = [cv2.warpAffine(image, matrix, (200, 250), **how) for image in images]
        found.append([(face.points - shift) / scale for face in detection.detect(moved, "cpu")])
    return np.median(found, axis=0)


@pytest.mark.slow
def test_real_sketches_come_onto_their_photos_without_folds_or_blur(cufs):
    listed = index_pairs(cufs / "pairs.tsv", (200, 250))[::32]
    table = detection.detect_pairs(listed, "cpu")
    parsers = parse_segmentation, parse_segmentation
    given = listed, table, parse_pairs(listed, table), "face", *parsers
    warped, scores = warp_pairs(*given, detection.detector("cpu", 40))
    assert scores["head_after"].mean() >= 0.965 > scores["head_before"].mean()
    assert (scores["tried"] < scores["head_before"] - 0.01).mean() <= 0.05
    assert scores["sharpness"].mean() >= 0.78
    assert scores["min_jacobian"].min() > 0
    photos, sketches = (steady_points([read_image(p, m) for p in listed]) for m in MODALITIES)
    before, after = (
        np.linalg.norm(photos - points, axis=-1).mean()
        for points in (sketches, steady_points(warped.sketches))
    )
    assert after <= 1.15 < before
