"""Warping pairs: the better sketch is kept, and scored by what is seen in it again."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from photosketch.data.pairs import index_pairs, read_image
from photosketch.jobs.job import InputError
from photosketch.landmarks import detection
from photosketch.parsing.parse_pairs import parse_pairs
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.files import summarise
from photosketch.warp.maps import apply, identity
from photosketch.warp.warp_pairs import warp_pairs


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


def test_all_sketches_without_points_or_labels_are_named(subset):
    located = ~((subset.table["id"] == "a") & (subset.table["modality"] == "sketch"))
    parsings = replace(subset.parsings, unparsed=("a", "b"))
    with pytest.raises(InputError) as caught:
        warp_pairs(
            *(subset.pairs, subset.table[located], parsings),
            *("face", parse_segmentation, parse_segmentation, list),
        )
    without_points, without_labels = caught.value.problems
    assert "no points for the sketch of pencil a, and the warp needs them" in without_points
    assert "no face in the sketch of pencil b" in without_labels


def steady_points(images):
    """MTCNN's points [N, 5, 2], the median of three detections in slightly moved images."""
    found = []
    for scale, shift in ((1, (0, 0)), (0.96, (2, -2)), (1.04, (-2, 1))):
        matrix = np.column_stack([scale * np.eye(2), shift])
        moved = [
            cv2.warpAffine(
                image, matrix, (200, 250), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            for image in images
        ]
        found.append([(face.points - shift) / scale for face in detection.detect(moved, "cpu")])
    return np.median(found, axis=0)


@pytest.mark.slow
def test_real_sketches_come_onto_their_photos_without_folds_or_blur(cufs):
    listed = index_pairs(cufs / "pairs.tsv", (200, 250))[::16]
    table = detection.detect_pairs(listed, "cpu")
    parsed = parse_pairs(listed, table)
    warped, scores = warp_pairs(
        listed,
        table,
        parsed,
        "face",
        parse_segmentation,
        parse_segmentation,
        detection.detector("cpu", 40),
    )
    assert scores["head_after"].mean() >= 0.965 > scores["head_before"].mean()
    assert (scores["tried"] < scores["head_before"] - 0.01).mean() <= 0.05
    assert scores["sharpness"].mean() >= 0.78
    assert scores["min_jacobian"].min() > 0
    photos, sketches = (
        steady_points([read_image(pair, modality) for pair in listed])
        for modality in ("photo", "sketch")
    )
    before, after = (
        np.linalg.norm(photos - points, axis=-1).mean()
        for points in (sketches, steady_points(warped.sketches))
    )
    assert after <= 1.15 < before
