import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import ImageColor

from photosketch.demo.pair import draw_pair
from photosketch.landmarks import detection
from photosketch.landmarks.table import COLUMNS
from photosketch.pairs import index_pairs, read_image
from photosketch.parsing import grabcut
from photosketch.parsing.grabcut import parse_grabcut
from photosketch.parsing.labels import Parsings, write_parsings
from photosketch.runtime import InputError
from photosketch.sheets import ALARM
from photosketch.training.pack import pack, write_packed
from photosketch.warp.estimate import MODES
from photosketch.warp.files import (
    read_scores,
    read_warped,
    summarise,
    write_scores,
    write_warped,
)
from photosketch.warp.maps import apply, identity
from photosketch.warp.montage import COLUMNS as CELLS
from photosketch.warp.montage import overlay, warp_montage
from photosketch.warp.pack import with_warped_sketches
from photosketch.warp.subset import warp_pairs
from support.drawn_pairs import on_disk

SEEDS = (0, 1)


class Subset:
    """Two generated pairs on disk, with the truth for points and labels."""

    def __init__(self, folder):
        self.drawn = [draw_pair(seed, deformation=10) for seed in SEEDS]
        self.pairs = on_disk(folder, "pencil", "ab", self.drawn)
        rows = [
            (id, modality, *getattr(pair, f"{modality}_landmarks").ravel(), 0.9, "mtcnn")
            for id, pair in zip("ab", self.drawn, strict=True)
            for modality in ("photo", "sketch")
        ]
        self.table = pd.DataFrame(rows, columns=list(COLUMNS))
        self.parsings = Parsings(
            ("a", "b"),
            np.stack([pair.photo_labels for pair in self.drawn]),
            np.stack([pair.sketch_labels for pair in self.drawn]),
        )

    def warp(self, mode="face", parse=parse_grabcut, detect=None):
        return warp_pairs(
            self.pairs,
            self.table,
            self.parsings,
            mode,
            parse,
            parse_grabcut,
            detect or (lambda sketches: [pair.photo_landmarks for pair in self.drawn]),
        )


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    return Subset(tmp_path_factory.mktemp("pairs"))


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


@pytest.mark.parametrize("mode", MODES)
def test_a_pair_whose_masks_get_worse_keeps_its_sketch(subset, mode):
    def parse_nothing(image, points):
        return np.zeros(image.shape[:2], np.uint8)

    warped, scores = subset.warp(mode, parse=parse_nothing)
    assert scores["worse"].all()
    for index, pair in enumerate(subset.drawn):
        assert (warped.sketches[index] == pair.sketch).all()
    assert (warped.maps == identity((250, 200))).all()
    assert (scores["head_after"] == scores["head_before"]).all()
    assert (scores["tried"] == 0).all()
    assert (scores["points_after"] == scores["points_before"]).all()


def test_a_face_that_is_not_detected_again_has_no_distance(subset):
    _, scores = subset.warp(detect=lambda sketches: [None for _ in sketches])
    assert scores["points_after"].isna().all()
    summary = summarise("pencil", "face", scores)
    assert summary["undetected"] == summary["pairs"] == 2


def test_pairs_without_labels_are_named(subset):
    empty = Parsings(("b",), subset.parsings.photo[1:], subset.parsings.sketch[1:])
    with pytest.raises(InputError, match="pencil a"):
        warp_pairs(subset.pairs, subset.table, empty, "face", parse_grabcut, parse_grabcut, list)


def test_files_hold_what_was_computed(subset, tmp_path):
    warped, scores = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as stored:
        assert stored["ids"].tolist() == ["a", "b"]
        for name in ("sketches", "maps", "valid"):
            assert (stored[name] == getattr(warped, name)).all()
    again = read_warped(tmp_path / "w.npz")
    assert again.ids == warped.ids
    for name in ("sketches", "maps", "valid"):
        assert (getattr(again, name) == getattr(warped, name)).all()
    write_scores(scores, tmp_path / "w.csv")
    rounded = read_scores(tmp_path / "w.csv")
    assert rounded["id"].tolist() == ["a", "b"]
    summary = summarise("pencil", "face", rounded)
    assert summary["head_after"] == pytest.approx(scores["head_after"].mean(), abs=1e-3)
    assert summary["worse"] == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_packing_replaces_the_sketches_alone(subset, tmp_path, channels):
    warped, _ = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    write_parsings(subset.parsings, tmp_path / "p.npz")
    subset.table.to_csv(tmp_path / "l.csv", index=False)
    files = {name: {"pencil": tmp_path / file} for name, file in
             (("warp", "w.npz"), ("parsing", "p.npz"), ("landmarks", "l.csv"))}  # fmt: skip
    packed = pack(
        subset.pairs[::-1],
        files["landmarks"],
        files["parsing"],
        pad_value=7,
        sketch_channels=channels,
    )
    write_packed(packed, tmp_path / "train.npz")
    with np.load(tmp_path / "train.npz") as archive:
        changed = with_warped_sketches(dict(archive), files["warp"], files["parsing"])
    for name, values in packed.items():
        if name != "sketch":
            assert (changed[name] == values).all(), name
    x, y = packed["offset"]
    inside = changed["sketch"][:, y : y + 250, x : x + 200]
    for channel in range(channels):
        assert (inside[..., channel] == warped.sketches[::-1]).all()
    assert (changed["sketch"][:, :y] == 7).all()


def test_packing_names_every_pair_that_is_missing(subset, tmp_path):
    warped, _ = subset.warp()
    write_warped(warped, tmp_path / "w.npz")
    write_parsings(subset.parsings, tmp_path / "p.npz")
    packed = {
        "ids": np.array(["a", "x"]),
        "subset": np.array(["pencil", "pencil"]),
        "sketch": np.zeros((2, 256, 256, 1), np.uint8),
        "size": np.array([200, 250]),
        "offset": np.array([28, 3]),
    }
    files = [{"pencil": tmp_path / name} for name in ("w.npz", "p.npz")]
    with pytest.raises(InputError, match="pencil x"):
        with_warped_sketches(packed, *files)


def test_the_montage_shows_the_ink_over_the_photo(subset):
    warped, scores = subset.warp()
    shown = warp_montage(
        "pencil",
        "face",
        subset.pairs,
        subset.parsings,
        warped,
        scores.assign(worse=[False, True]),
    )
    picture = np.asarray(shown)
    assert picture.shape[1] > 2 * len(CELLS) * 130
    assert (picture == ImageColor.getrgb(ALARM)).all(-1).any()  # the pair that got worse
    calm = np.asarray(warp_montage("pencil", "face", subset.pairs, subset.parsings, warped, scores))
    assert not (calm == ImageColor.getrgb(ALARM)).all(-1).any()
    drawn = subset.drawn[0]
    laid = overlay(drawn.photo, np.zeros((250, 200), np.uint8), drawn.photo_labels)
    ink = drawn.sketch < 128
    assert (laid[ink][:, 2] > laid[ink][:, 0].astype(int) + 30).mean() > 0.9


def steady_points(images):
    """MTCNN's points [N, 5, 2], the median of five detections in slightly moved images."""
    random = np.random.default_rng(0)
    found = []
    for scale, shift in zip(
        random.uniform(0.95, 1.05, 5), random.uniform(-3, 3, (5, 2)), strict=True
    ):
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
    listed = index_pairs(cufs / "pairs.tsv", (200, 250))[::8]
    table = detection.detect_pairs(listed, "cpu")
    parsed = grabcut.parse_pairs(listed, table, threads=1)
    warped, scores = warp_pairs(
        listed, table, parsed, "face", parse_grabcut, parse_grabcut, detection.detector("cpu", 40)
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
