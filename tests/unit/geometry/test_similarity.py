"""The usual place of a face, and the similarity transform that moves it there."""

import numpy as np
import pytest

from photosketch.geometry import similarity


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
        found = similarity.similarity(points, target)
        matrix, shift = by_singular_values(points, target)
        np.testing.assert_allclose(found.matrix, matrix, atol=1e-12)
        np.testing.assert_allclose(found.shift, shift, atol=1e-10)
        assert np.linalg.det(found.matrix) > 0


def test_a_face_that_was_moved_is_brought_back_and_the_way_back_is_the_inverse():
    face = similarity.template((200, 250))
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = face @ (2.5 * turn).T + (100, -40)

    back = similarity.similarity(moved, face)

    np.testing.assert_allclose(back(moved), face, atol=1e-9)
    np.testing.assert_allclose(back.inverse()(face), moved, atol=1e-9)
    assert back.scale == pytest.approx(0.4)
    np.testing.assert_allclose(similarity.Similarity.from_array(back.array())(moved), face)


def test_the_template_is_as_large_as_fits_and_in_the_middle():
    cufs = similarity.template((200, 250))
    np.testing.assert_allclose(cufs, similarity.TEMPLATE)
    np.testing.assert_allclose(similarity.template((256, 250)), cufs + (28, 0))
    twice = similarity.template((400, 500))
    np.testing.assert_allclose(twice, 2 * cufs + 0.5)
    sizes = {(200, 250): 1, (256, 256): 1.024, (400, 500): 2, (512, 300): 1.2}
    assert {size: similarity.enlargement(size) for size in sizes} == pytest.approx(sizes)
