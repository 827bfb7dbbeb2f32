"""Maps: applied, inverted, kept from folding."""

import cv2
import numpy as np
import pytest

from photosketch.parsing.labels import BACKGROUND, HAIR
from photosketch.warp.maps import (
    LEAST_JACOBIAN,
    apply,
    apply_labels,
    at,
    identity,
    jacobian,
    without_folds,
)

SHAPE = (250, 200)


def test_a_folding_displacement_is_shrunk_and_flagged():
    x = identity(SHAPE)[..., 0]
    folding = np.zeros((*SHAPE, 2), np.float32)
    folding[..., 0] = 20 * np.sin(x / 5)
    assert jacobian(identity(SHAPE) + folding).min() < 0
    found = without_folds(folding)
    assert found.shrunk
    assert jacobian(found.map).min() >= LEAST_JACOBIAN
    assert not without_folds(folding / 50).shrunk


def test_a_map_is_rounded_to_a_64th_of_a_pixel_and_its_determinants_are_of_that():
    random = np.random.default_rng(0)
    steep = cv2.GaussianBlur(random.normal(0, 25, (*SHAPE, 2)).astype(np.float32), (0, 0), 5)
    found = without_folds(steep)
    assert (found.map * 64 == np.rint(found.map * 64)).all()
    assert found.smallest_jacobian == jacobian(found.map).min() >= LEAST_JACOBIAN


@pytest.mark.parametrize("x", [-9, 0, 9])
@pytest.mark.parametrize("y", [-9, 0, 9])
def test_what_moves_across_a_border_or_corner_is_moved_whole_away_from_it(x, y):
    shift = np.array([x, y], np.float32)
    found = without_folds(np.broadcast_to(shift, (*SHAPE, 2)))
    assert not found.shrunk
    assert found.smallest_jacobian >= LEAST_JACOBIAN
    moved = found.map - identity(SHAPE)
    np.testing.assert_allclose(moved[25:-25, 25:-25], np.broadcast_to(shift, (200, 150, 2)))
    assert np.abs(moved[[0, -1]]).max() == np.abs(moved[:, [0, -1]]).max() == 0


def test_the_jacobian_sees_a_fold_that_central_differences_miss():
    map = identity((6, 6))
    map[:, 3, 0] = 1.5  # the column lies left of its left neighbour
    assert jacobian(map).min() < 0


def test_applying_samples_the_sketch_at_the_map_and_fills_with_paper():
    sketch = np.full((60, 50), 240, np.uint8)
    sketch[20:30, 20:30] = 10
    labels = np.zeros(sketch.shape, np.uint8)
    labels[20:30, 20:30] = HAIR
    map = identity(sketch.shape) + np.array([10, 5], np.float32)
    warped, valid = apply(sketch, map, labels)
    assert (warped[15:25, 10:20] == 10).all()
    assert not valid[:, 45:].any() and not valid[58:].any()
    assert valid[:54, :39].all()
    assert (warped[~valid] == 240).all()
    same, valid = apply(sketch, identity(sketch.shape), labels)
    assert (same == sketch).all() and valid.all()


def test_labels_go_with_the_sketch_unmixed_and_are_background_where_there_is_paper():
    labels = np.random.default_rng(0).integers(1, 8, SHAPE).astype(np.uint8)
    moved = apply_labels(labels, identity(SHAPE) + np.float32([30.4, -3.6]))
    assert (moved[4:, :-30] == labels[:-4, 30:]).all()
    assert (moved[:3] == BACKGROUND).all() and (moved[:, -30:] == BACKGROUND).all()
    assert (apply_labels(labels, identity(SHAPE)) == labels).all()


@pytest.mark.parametrize("count", [1, 255, 257, 50_000])
def test_fields_are_sampled_at_any_number_of_points(count):
    ramp = identity((250, 200))
    points = np.random.default_rng(0).uniform(0, 199, (count, 2)).astype(np.float32)
    np.testing.assert_allclose(at(ramp, points), points, atol=0.05)
    np.testing.assert_allclose(at(ramp[..., 1], points), points[:, 1], atol=0.05)
