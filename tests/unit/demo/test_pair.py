"""Generated pairs: what is drawn, what is said about it, and what detectors make of it."""

import cv2
import numpy as np
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.demo.looks import CHARCOAL, LOOKS, SANGUINE, Look, colour_sketch
from photosketch.demo.pair import DemoPair, draw_pair
from photosketch.demo.people import HAIR_STYLES
from photosketch.parsing.labels import BROWS, CLASSES, EYES, HAIR, MOUTH, NOSE, SKIN
from support.sides import view

CUFS_EYES = np.array([[75.3, 126.0], [126.0, 126.0]])


def jacobian_determinant(backward: np.ndarray) -> np.ndarray:
    dy, dx = np.gradient(backward.astype(np.float64), axis=(0, 1))
    return dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]


@pytest.fixture(scope="module")
def pairs() -> list[DemoPair]:
    """One pair for every hair style, with the looks taking turns."""
    return [draw_pair(seed, LOOKS[seed % 3]) for seed in range(len(HAIR_STYLES))]


def test_the_same_arguments_draw_the_same_pair() -> None:
    first, second = draw_pair(5, CHARCOAL), draw_pair(5, CHARCOAL)
    for field in DemoPair.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))


def test_shapes_and_types_follow_the_conventions(pairs: list[DemoPair]) -> None:
    for pair in pairs:
        assert pair.photo.shape == (250, 200, 3) and pair.photo.dtype == np.uint8
        assert pair.sketch.shape == (250, 200) and pair.sketch.dtype == np.uint8
        assert pair.map.shape == (250, 200, 2) and pair.map.dtype == np.float32
        for modality in MODALITIES:
            _, points, labels = view(pair, modality)
            assert points.shape == (5, 2) and points.dtype == np.float32
            assert labels.shape == (250, 200) and labels.dtype == np.uint8


def test_a_seed_is_the_same_face_in_every_look() -> None:
    pencil, charcoal = draw_pair(2), draw_pair(2, CHARCOAL)
    np.testing.assert_array_equal(pencil.photo_landmarks, charcoal.photo_landmarks)
    np.testing.assert_array_equal(pencil.map, charcoal.map)
    same = pencil.photo_labels == charcoal.photo_labels
    assert same.mean() > 0.99  # strands of hair end differently
    assert np.abs(pencil.photo.astype(int) - charcoal.photo).mean() > 30


def test_neighbouring_seeds_are_different_people(pairs: list[DemoPair]) -> None:
    hair = [pair.photo_labels == HAIR for pair in pairs]
    for index, mask in enumerate(hair):
        for other in hair[index + 1 :]:
            assert (mask & other).sum() / (mask | other).sum() < 0.93


def test_eyes_lie_where_cufs_has_them(pairs: list[DemoPair]) -> None:
    for pair in pairs:
        for points in (pair.photo_landmarks, pair.sketch_landmarks):
            np.testing.assert_allclose(points[:2], np.broadcast_to(CUFS_EYES, (2, 2)), atol=1.5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_labels_agree_with_points(pairs: list[DemoPair], modality: str) -> None:
    for pair in pairs:
        _, points, labels = view(pair, modality)
        assert set(np.unique(labels)) == set(range(len(CLASSES)))
        columns, rows = np.rint(points[:3]).astype(int).T
        assert labels[rows, columns].tolist() == [EYES, EYES, NOSE]
        for (x, y), half in zip(points[:2], np.split(labels, [100], axis=1), strict=True):
            rows, columns = np.nonzero(half == EYES)
            offset = 100 if x > 100 else 0
            centre = [columns.mean() + offset, rows.mean()]
            np.testing.assert_allclose(centre, [x, y], atol=2.5)
            assert np.nonzero(half == BROWS)[0].max() < y
        rows, columns = np.nonzero(labels == MOUTH)
        for (x, y), end in zip(points[3:], (columns.min(), columns.max()), strict=True):
            assert abs(end - x) < 2.5
            assert abs(rows[columns == end].mean() - y) < 2.5


def test_labels_agree_with_pixels(pairs: list[DemoPair]) -> None:
    """The photo's colour at a label is that of the part: eyes have dark pupils, lips are red."""
    for pair in pairs:
        photo = pair.photo.astype(np.float32)
        light = photo.mean(-1)
        skin = np.median(photo[pair.photo_labels == SKIN], axis=0)
        lips = np.median(photo[pair.photo_labels == MOUTH], axis=0)
        assert lips[0] / lips[1] > skin[0] / skin[1]
        assert light[pair.photo_labels == EYES].min() < 60
        assert np.median(light[pair.photo_labels == BROWS]) < np.median(
            light[pair.photo_labels == SKIN]
        )
        drawn = pair.sketch.astype(np.float32)
        assert drawn[pair.sketch_labels == BROWS].mean() < drawn[pair.sketch_labels == SKIN].mean()


@pytest.mark.parametrize("amplitude", [6.0, 10.0])
def test_the_map_is_smooth_and_free_of_folds(amplitude: float) -> None:
    grid = np.stack(np.meshgrid(np.arange(200.0), np.arange(250.0)), axis=-1)
    for seed in range(12):
        backward = draw_pair(seed, deformation=amplitude).map
        shift = np.linalg.norm(backward - grid, axis=-1)
        assert shift.max() == pytest.approx(amplitude, abs=1e-3)
        assert jacobian_determinant(backward).min() > 0.3
        bend = max(np.abs(np.diff(backward, n=2, axis=axis)).max() for axis in (0, 1))
        assert bend < 0.05


def test_the_map_takes_photo_points_to_sketch_points(pairs: list[DemoPair]) -> None:
    for pair in pairs:
        x, y = pair.photo_landmarks.T[:, :, None]
        found = cv2.remap(pair.map, x, y, cv2.INTER_LINEAR)[:, 0]
        np.testing.assert_allclose(found, pair.sketch_landmarks, atol=0.05)


def test_the_map_takes_photo_labels_to_sketch_labels(pairs: list[DemoPair]) -> None:
    for pair in pairs:
        columns, rows = np.rint(pair.map).astype(int).transpose(2, 0, 1)
        inside = (columns >= 0) & (columns < 200) & (rows >= 0) & (rows < 250)
        moved = pair.sketch_labels[rows.clip(0, 249), columns.clip(0, 199)]
        assert (moved == pair.photo_labels)[inside].mean() > 0.97  # rounding, along the edges
        assert (pair.sketch_labels == pair.photo_labels)[inside].mean() < 0.97


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_map_undoes_the_deformation_of_the_sketch(look: Look) -> None:
    straight = draw_pair(4, look, deformation=0.0).sketch.astype(np.float32)
    pair = draw_pair(4, look, deformation=8.0)
    laid = cv2.remap(pair.sketch, pair.map[..., 0], pair.map[..., 1], cv2.INTER_CUBIC)
    core = np.s_[12:-12, 12:-12]
    blurred = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.5)[core] for image in
               (straight, laid, pair.sketch)]  # fmt: skip
    undone, left = (np.abs(other - blurred[0]).mean() for other in blurred[1:])
    assert undone < 1.0
    assert left > 5 * undone


def test_without_deformation_sketch_and_photo_coincide() -> None:
    pair = draw_pair(7, deformation=0.0)
    grid = np.stack(np.meshgrid(np.arange(200.0), np.arange(250.0)), axis=-1)
    np.testing.assert_allclose(pair.map, grid, atol=1e-4)
    np.testing.assert_array_equal(pair.sketch_landmarks, pair.photo_landmarks)
    np.testing.assert_array_equal(pair.sketch_labels, pair.photo_labels)


def test_moving_the_mouth_moves_pixels_label_and_points() -> None:
    rest = draw_pair(3, deformation=0.0)
    moved = draw_pair(3, deformation=0.0, mouth_shift=(2.0, 4.0))
    for modality in MODALITIES:
        before, points, labels = view(rest, modality)
        after, new_points, new_labels = view(moved, modality)
        np.testing.assert_allclose(new_points - points, [[0, 0]] * 3 + [[2, 4]] * 2, atol=1e-4)
        shifted = np.roll(labels == MOUTH, (4, 2), axis=(0, 1))
        np.testing.assert_array_equal(new_labels == MOUTH, shifted)
        # The dark line between the lips goes along; the eyes stay as they were.
        x, y = np.rint(points[3:].mean(0)).astype(int)
        column = np.s_[y - 12 : y + 16, x - 6 : x + 7]
        darkest, new_darkest = (
            image.reshape(250, 200, -1).mean(-1)[column].mean(1).argmin()
            for image in (before, after)
        )
        assert abs(new_darkest - darkest - 4) <= 1
        assert np.abs(after[:140].astype(int) - before[:140]).max() <= 1  # light on the cheeks


def test_moving_the_mouth_leaves_the_map_alone() -> None:
    np.testing.assert_array_equal(draw_pair(3, mouth_shift=(0, 4)).map, draw_pair(3).map)


def test_fading_keeps_the_drawing_at_less_ink() -> None:
    full, faded, bare = (draw_pair(1, ink=ink).sketch.astype(float) for ink in (1.0, 0.12, 0.0))
    assert bare.std() < 2
    contrast = (bare.mean() - faded.mean()) / (bare.mean() - full.mean())
    assert contrast == pytest.approx(0.12, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"deformation": 10.5}, "deformation is 10.5"),
        ({"deformation": -1}, "deformation is -1"),
        ({"ink": 1.2}, "ink is 1.2"),
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draw_pair(0, **wrong)


def test_a_coloured_sketch_has_the_gray_of_the_sketch() -> None:
    gray = draw_pair(0, SANGUINE).sketch
    coloured = colour_sketch(gray, SANGUINE)
    assert np.ptp(coloured.astype(int), axis=-1).min() > 20
    luma = coloured @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - gray).max() < 2.5
