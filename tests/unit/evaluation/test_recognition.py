"""Rank-1 recognition: found where sketches fit their person, at chance where they do not."""

import numpy as np
import pytest

from photosketch.evaluation import recognition


def people(count: int, seed: int = 0) -> np.ndarray:
    """Real sketches [count, 20, 16] uint8, each of its own random pattern."""
    return np.random.default_rng(seed).integers(60, 200, (count, 20, 16)).astype(np.uint8)


def drawn(real: np.ndarray, noise: float) -> np.ndarray:
    """Sketches with one style (a shading common to all) and some noise."""
    random = np.random.default_rng(9)
    style = 40 * np.sin(np.arange(20)[:, None] / 3)
    return np.clip(real + style + noise * random.normal(size=real.shape), 0, 255).astype(np.uint8)


def test_sketches_that_fit_their_person_are_all_found() -> None:
    real = people(60)
    assert recognition.rank_one(real, drawn(real, 5)) == 1
    assert recognition.rank_one(real, real) == 1


def test_sketches_of_somebody_else_are_found_by_chance() -> None:
    real = people(60)
    assert recognition.rank_one(real, people(60, seed=5)) < 0.15


def test_few_people_have_no_rate() -> None:
    assert np.isnan(recognition.rank_one(people(39), people(39)))
    assert recognition.rank_one(people(40), people(40)) == 1


def test_the_subspace_is_blind_to_the_variation_within_classes() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 8, 40))
    subspace = recognition.null_space_lda(first, second)
    assert subspace.shape == (40, 7)
    assert subspace.T @ subspace == pytest.approx(np.eye(7), abs=1e-9)
    assert first @ subspace == pytest.approx(second @ subspace, abs=1e-9)
