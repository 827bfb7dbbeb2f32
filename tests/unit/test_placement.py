"""The usual place of a face, the similarity that brings it there, and the rectangles' range."""

import numpy as np
import pytest
import torch

from photosketch import placement
from photosketch.training import parts


def by_singular_values(points, target):
    """Umeyama 1991, equations 38 to 43, in any dimension."""
    x, y = points - points.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(y.T @ x / len(x))
    s = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ s @ vt
    scale = np.trace(np.diag(d) @ s) / x.var(axis=0).sum()
    return scale * rotation, target.mean(axis=0) - scale * rotation @ points.mean(axis=0)


@pytest.mark.parametrize("mirrored", [1, -1])
def test_the_similarity_is_umeyamas(mirrored):
    random = np.random.default_rng(1)
    for _ in range(20):
        points, noise = random.normal(0, 30, (2, 5, 2))
        target = points * (mirrored, 1) + noise
        found = placement.similarity(points, target)
        matrix, shift = by_singular_values(points, target)
        np.testing.assert_allclose(found.matrix, matrix, atol=1e-12)
        np.testing.assert_allclose(found.shift, shift, atol=1e-10)
        assert np.linalg.det(found.matrix) > 0


def test_a_face_that_was_moved_is_brought_back_and_the_way_back_is_the_inverse():
    face = placement.template((200, 250))
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = face @ (2.5 * turn).T + (100, -40)

    back = placement.similarity(moved, face)

    np.testing.assert_allclose(back(moved), face, atol=1e-9)
    np.testing.assert_allclose(back.inverse()(face), moved, atol=1e-9)
    assert back.scale == pytest.approx(0.4)
    np.testing.assert_allclose(placement.Similarity.from_array(back.array())(moved), face)


def test_the_template_is_as_large_as_fits_and_in_the_middle():
    cufs = placement.template((200, 250))
    np.testing.assert_allclose(cufs, placement.TEMPLATE)
    np.testing.assert_allclose(placement.template((256, 250)), cufs + (28, 0))
    twice = placement.template((400, 500))
    np.testing.assert_allclose(twice, 2 * cufs + 0.5)
    assert placement.problems(twice, (400, 500), frame=512) == []


def test_a_face_where_cufs_has_it_has_no_problems_and_others_are_told_apart():
    face = placement.template((200, 250))
    middle = face.mean(axis=0)
    turn = np.array([[0.9, -0.436], [0.436, 0.9]])  # by 26 degrees
    told = {
        "half as large": ((face - middle) / 2 + middle, "the eyes are 26 px apart instead of 40"),
        "tilted": ((face - middle) @ turn.T + middle, "tilted by 26 degrees"),
        "far left": (face - (90, 0), "too near the border: left eye"),
        "far down": (face + (0, 60), "too near the border: mouth"),
    }

    assert placement.problems(face, (200, 250)) == []
    for points, problem in told.values():
        (found,) = placement.problems(points, (200, 250))
        assert problem in found
    # the same face in a frame of twice the size is half as large
    assert "instead of 80 to 124" in placement.problems(face, (200, 250), frame=512)[0]


def test_the_rectangles_are_those_that_are_cut_for_the_local_networks():
    points = placement.template((256, 256)) + np.random.default_rng(0).normal(0, 3, (20, 5, 2))
    cut = parts.rectangles(torch.tensor(points), 256).numpy()
    judged = np.stack([placement.corners(face) for face in points])
    assert np.abs(judged - cut).max() <= 1  # rounded the other way where halves meet
    assert (judged == cut).mean() > 0.9
