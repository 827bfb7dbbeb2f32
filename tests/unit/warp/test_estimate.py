"""The map of a pair: known deformations are found, and the map is one to one."""

from functools import cache

import cv2
import numpy as np
import pytest

from photosketch.data.pairs import MODALITIES
from photosketch.parsing.labels import BACKGROUND, CLOTHES, HAIR, SKIN
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.estimate import Face, _basis, estimate, feature_masks
from photosketch.warp.maps import at, identity, inverse_at, inverse_consistency, jacobian
from support.faces.looks import CHARCOAL, LOOKS, PENCIL, SANGUINE
from support.faces.pair import draw_pair

SHAPE = (250, 200)
MODES = ("face", "region")


@cache
def faces(seed, look=LOOKS[0], deformation=10.0):
    """A generated pair, and both faces as the workflow sees them: noisy points, parsed labels."""
    pair = draw_pair(seed, look, deformation=deformation)
    random = np.random.default_rng(seed)
    found = []
    for modality in MODALITIES:
        image, points, _ = pair.view(modality)
        points = (points + random.normal(0, 0.7, (5, 2))).astype(np.float32)
        found.append(Face(image, parse_segmentation(image, points), points))
    return pair, *found


@cache
def estimated(seed, look=LOOKS[0], deformation=10.0, mode="face"):
    _, photo, sketch = faces(seed, look, deformation)
    return estimate(photo, sketch, mode)


def error(seed, look=LOOKS[0], deformation=10.0, map=None, where=True):
    """Mean distance of the estimated map, or of another, to the true map within the head."""
    pair, _, _ = faces(seed, look, deformation)
    map = estimated(seed, look, deformation).map if map is None else map
    head = pair.photo_labels != BACKGROUND
    return np.linalg.norm(map - pair.map, axis=-1)[head & where].mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deformation", "pairs", "most"),
    [
        (6.0, [(10, look) for look in LOOKS[1:]], 0.7),
        (7.0, [(2, look) for look in LOOKS], 0.75),
        (10.0, [(0, PENCIL), (1, PENCIL), (1, CHARCOAL), (2, CHARCOAL), (2, SANGUINE)], 0.75),
    ],
)
def test_known_maps_are_found_to_a_pixel(deformation, pairs, most):
    before = np.array([error(*pair, deformation, identity(SHAPE)) for pair in pairs])
    after = np.array([error(*pair, deformation) for pair in pairs])
    assert before.min() >= 3
    assert after.mean() <= most
    assert after.max() <= 1.0
    assert (after < before / 2).all()


@pytest.mark.slow
def test_the_largest_deformations_are_found_to_a_pixel_where_neck_and_clothes_move_far():
    low = np.arange(SHAPE[0])[:, None] > 205
    assert np.mean([error(seed) for seed in range(905, 908)]) <= 1.0
    assert np.mean([error(seed, where=low) for seed in range(905, 908)]) <= 2.8


@pytest.mark.slow
def test_a_misplaced_collar_in_the_labels_pulls_nothing():
    _, photo, sketch = faces(1)
    without = np.where(sketch.labels == CLOTHES, SKIN, sketch.labels)
    moved = Face(sketch.image, without.astype(np.uint8), sketch.points)
    assert (without != sketch.labels).sum() > 500
    assert (estimate(photo, moved).map == estimated(1).map).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_map_is_one_to_one_and_keeps_the_border(mode):
    found = estimated(1, mode=mode)
    assert found.map.shape == (*SHAPE, 2)
    assert found.map.dtype == np.float32
    assert jacobian(found.map).min() == pytest.approx(found.smallest_jacobian)
    assert found.smallest_jacobian > 0
    down, across = np.gradient(found.map, axis=(0, 1))
    assert (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]).min() > 0
    moved = found.map - identity(SHAPE)
    for edge in (moved[0], moved[-1], moved[:, 0], moved[:, -1]):
        assert np.abs(edge).max() == 0
    assert not found.shrunk


@pytest.mark.slow
def test_a_region_warp_moves_the_features_and_leaves_the_outline():
    pair, photo, _ = faces(2)
    found = estimated(2, mode="region")
    moved = np.linalg.norm(found.map - identity(SHAPE), axis=-1)
    features = np.any(feature_masks(photo), axis=0)
    far = cv2.distanceTransform((~features).astype(np.uint8), cv2.DIST_L2, 5) > 25
    assert moved[far].max() == 0
    away = np.linalg.norm(pair.map - identity(SHAPE), axis=-1)[features].mean()
    left = np.linalg.norm(found.map - pair.map, axis=-1)[features].mean()
    assert left < 0.6 * away


def test_features_far_from_their_place_are_moved_whole_and_without_folds():
    _, photo, _ = faces(2)
    shift = np.array([9, 0])
    moved = Face(
        np.roll(photo.image, 9, axis=1),
        np.roll(photo.labels, 9, axis=1),
        (photo.points + shift).astype(np.float32),
    )
    found = estimate(photo, moved, "region")
    assert not found.shrunk
    features = np.any(feature_masks(photo), axis=0)
    left = np.linalg.norm((found.map - identity(SHAPE) - shift)[features], axis=1)
    assert left.mean() < 0.5


def test_the_prior_of_a_displacement_is_as_wide_everywhere():
    grid = identity(SHAPE)[::10, ::10].reshape(-1, 2)
    deviation = np.linalg.norm(_basis(grid, SHAPE), axis=1)  # at weights of deviation 1
    assert deviation == pytest.approx(1, abs=0.01)


def test_equal_faces_stay_where_they_are():
    _, photo, _ = faces(1)
    found = estimate(photo, photo)
    moved = np.linalg.norm(found.map - identity(SHAPE), axis=-1)
    assert moved[photo.labels != BACKGROUND].mean() < 0.25


@pytest.mark.slow
def test_faces_without_matching_patches_or_features_are_warped_by_what_is_left():
    _, photo, sketch = faces(0)
    blank = Face(np.full(SHAPE, 255, np.uint8), sketch.labels, sketch.points)
    assert estimate(photo, blank).smallest_jacobian > 0
    bald = [
        Face(f.image, np.where(f.labels > HAIR, HAIR, f.labels).astype(np.uint8), f.points)
        for f in (photo, sketch)
    ]
    assert estimate(*bald, "region").map == pytest.approx(identity(SHAPE))


@pytest.mark.parametrize("mode", MODES)
def test_a_pair_twice_as_large_is_moved_twice_as_far(mode):
    _, photo, sketch = faces(1)
    twice = [
        Face(
            face.image.repeat(2, axis=0).repeat(2, axis=1),
            face.labels.repeat(2, axis=0).repeat(2, axis=1),
            2 * face.points + 0.5,
        )
        for face in (photo, sketch)
    ]
    moved = estimated(1, mode=mode).map - identity(SHAPE)
    large = estimate(*twice, mode, shrink=2)
    assert not large.shrunk
    shape = tuple(2 * side for side in SHAPE)
    halves = (large.map - identity(shape)).reshape(SHAPE[0], 2, SHAPE[1], 2, 2).mean(axis=(1, 3))
    assert np.linalg.norm(moved, axis=-1).max() > 4
    away = np.abs(halves / 2 - moved)
    assert away.max() <= 0.5  # at the border, where displacements are held by the pixel
    assert away.mean() < 0.03


def test_a_map_is_inverted_at_points():
    _, _, sketch = faces(1)
    map = estimated(1).map
    places = inverse_at(map, sketch.points)
    assert np.abs(at(map, places) - sketch.points).max() < 0.1
    forth = identity(SHAPE) + 3
    back = identity(SHAPE) - 2
    middle = np.zeros(SHAPE, bool)
    middle[100:150, 50:150] = True
    assert inverse_consistency(forth, back, middle) == pytest.approx(np.sqrt(2), abs=1e-3)
