"""Correlations of patches: those of OpenCV where something varies, 0 where nothing does."""

import cv2
import numpy as np
import pytest

from photosketch.warp.correlation import Picture, correlations

HALF, SEARCH = 6, 9
ROWS, COLUMNS = np.array([20, 31, 40]), np.array([17, 30, 25])


def textured(seed, shape=(60, 50)):
    noise = np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def found(here, there):
    pictures = (Picture(part, HALF) for part in (here, there))
    return correlations(*pictures, ROWS, COLUMNS, SEARCH)


def test_correlations_are_those_of_opencv_where_pictures_vary():
    here, there = textured(0), textured(1)
    for row, column, correlation in zip(ROWS, COLUMNS, found(here, there), strict=True):
        patch = here[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1]
        reach = HALF + SEARCH
        around = there[row - reach : row + reach + 1, column - reach : column + reach + 1]
        expected = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
        assert correlation == pytest.approx(expected, abs=0.01)


def test_a_moved_patch_is_found_where_it_went():
    here = textured(0)
    for correlation in found(here, np.roll(here, (3, -4), (0, 1))):
        assert np.unravel_index(correlation.argmax(), correlation.shape) == (SEARCH + 3, SEARCH - 4)
        assert correlation.max() == pytest.approx(1, abs=1e-12)


def test_a_patch_is_like_nothing_where_nothing_varies_and_hardly_like_grain():
    paper = np.full((60, 50), 250.3, np.float32)
    assert (found(textured(0), paper) == 0).all()
    assert (found(paper, textured(0)) == 0).all()
    grain = 250 + np.random.default_rng(0).normal(0, 0.05, paper.shape).astype(np.float32)
    assert np.abs(found(textured(0), grain)).max() < 0.1


def test_sums_are_whole_with_the_largest_values_that_a_picture_may_have():
    random = np.random.default_rng(0)
    here, there = (random.choice([0, 2000], (60, 50)).astype(np.float32) for _ in range(2))
    scores = found(here, there)
    patch = (here[14:27, 11:24] * 16).astype(np.int64)
    window = (there[5:18, 2:15] * 16).astype(np.int64)

    def covariance(one, other):
        return int(patch.size * (one * other).sum() - one.sum() * other.sum())

    spreads = np.sqrt(covariance(patch, patch)) * np.sqrt(covariance(window, window))
    assert scores[0, 0, 0] == covariance(patch, window) / spreads


def test_the_spread_is_the_standard_deviation_in_gray_levels():
    here = textured(0)
    spread = Picture(here, HALF).spread(ROWS, COLUMNS)
    assert spread[0] == pytest.approx(here[14:27, 11:24].std(), abs=0.02)
