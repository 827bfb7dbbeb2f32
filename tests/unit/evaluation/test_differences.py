"""Intervals and verdicts: right where the truth is known."""

import numpy as np
import pytest

from photosketch.evaluation import differences, distances
from photosketch.evaluation.distances import InnerProducts
from photosketch.evaluation.metrics import METRICS

LOWER = [metric.key for metric in METRICS if metric.lower_is_better]

SUBSET = np.array(["CUHK"] * 24 + ["AR"] * 16)


def features(count: int = 40, dimensions: int = 64, seed: int = 0) -> np.ndarray:
    """Features of unequal scale."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dimensions)) * np.linspace(0.2, 2, dimensions)


def drawn_by(quality: float, real: np.ndarray, seed: int) -> np.ndarray:
    """Features of a method that is off by noise of the size `quality`, one epoch [1, N, d]."""
    return (real + quality * np.random.default_rng(seed).normal(size=real.shape))[None]


def paired_kid(real: np.ndarray, generated: np.ndarray) -> float:
    products = InnerProducts.of(real, generated)
    return distances.weighted_kid(products, np.ones(len(real), int))


def verdicts(a: np.ndarray, b: np.ndarray, real: np.ndarray) -> dict[str, str]:
    """The pooled verdict on runs a against runs b, by metric."""
    counts = differences.resample(SUBSET, draws=60)
    runs = {
        name: [differences.resampled_scores(real, run, {}, SUBSET, counts) for run in several]
        for name, several in (("b", b), ("a", a))
    }
    table = differences.against_reference(runs, "b", LOWER)
    return table[table["subset"] == "all"].set_index("metric")["run_verdict"].to_dict()


@pytest.mark.parametrize("counts", [np.ones(40, int), differences.resample(SUBSET, 1, seed=3)[1]])
def test_fid_of_a_resample_is_that_of_its_repeated_images(counts: np.ndarray) -> None:
    a, b = features(seed=1), features(seed=2) + 0.3
    rows = np.repeat(np.arange(40), counts)
    kept = counts > 0
    products = InnerProducts.of(a, b).select(np.flatnonzero(kept))
    found = distances.weighted_fid(products, counts[kept])
    assert found == pytest.approx(distances.fid(a[rows], b[rows]), rel=1e-9)


def test_resamples_keep_the_size_of_every_subset_and_begin_with_the_sample() -> None:
    counts = differences.resample(SUBSET, draws=20)
    assert (counts[0] == 1).all()
    assert (counts[:, :24].sum(axis=1) == 24).all()
    assert (counts[:, 24:].sum(axis=1) == 16).all()
    assert len({row.tobytes() for row in counts}) == 21
    pairs = differences.resample(np.array(["a", "a"]), draws=20)
    assert (pairs == 1).all()


def test_scores_are_means_over_epochs_and_start_with_those_of_the_sample() -> None:
    real = features()
    generated = np.concatenate([drawn_by(1.0, real, 1), drawn_by(0.5, real, 2)])
    ssim = np.random.default_rng(0).random((2, 40))
    counts = differences.resample(SUBSET, draws=3)
    scores = differences.resampled_scores(real, generated, {"ssim": ssim}, SUBSET, counts)
    expected = np.mean([distances.fid(real[24:], epoch[24:]) for epoch in generated])
    assert scores["AR", "fid"][0] == pytest.approx(expected)
    assert scores["all", "kid"][0] == pytest.approx(
        np.mean([paired_kid(real, epoch) for epoch in generated])
    )
    repeated = np.repeat(np.arange(40), counts[2])
    assert scores["all", "ssim"][2] == pytest.approx(ssim[:, repeated].mean())


def test_a_planted_better_method_is_called_better_and_the_other_worse() -> None:
    real = features()
    good, bad = [drawn_by(0.3, real, 1)], [drawn_by(1.0, real, 2) + 0.4]
    assert verdicts(np.stack(good), np.stack(bad), real) == {"fid": "better", "kid": "better"}
    assert verdicts(np.stack(bad), np.stack(good), real) == {"fid": "worse", "kid": "worse"}


def test_two_draws_of_one_method_are_called_undecided() -> None:
    undecided = {"fid": 0, "kid": 0}
    for trial in range(50):
        real = features(seed=1000 + trial)
        a, b = drawn_by(0.7, real, 2 * trial), drawn_by(0.7, real, 2 * trial + 1)
        for metric, found in verdicts(a[None], b[None], real).items():
            undecided[metric] += found == "undecided"
    assert min(undecided.values()) >= 45, undecided


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_of_one_method_that_scatter_are_called_undecided(seeds: int) -> None:
    random = np.random.default_rng(0)
    undecided = 0
    for _ in range(200):
        images = random.normal(0, 0.1, size=201)  # what a resample does to both methods
        runs = random.normal(30, 1, size=(2, seeds))[:, :, None] + images
        _, low, high = differences.difference(runs[0], runs[1])
        undecided += differences.verdict(low, high, lower_is_better=True) == "undecided"
    assert undecided >= 180


def test_a_difference_far_beyond_the_scatter_of_seeds_is_called() -> None:
    random = np.random.default_rng(0)
    images = random.normal(0, 0.1, size=(2, 1, 201))
    runs = random.normal(0, 0.3, size=(2, 3))[:, :, None] + images
    _, low, high = differences.difference(runs[0] + 25, runs[1] + 30)
    assert differences.verdict(low, high, lower_is_better=True) == "better"
    assert differences.verdict(low, high, lower_is_better=False) == "worse"


def test_with_one_seed_the_verdict_speaks_of_the_run_and_not_of_the_method() -> None:
    values = {("all", "fid"): np.array([1.0, 1.1, 0.9, 1.0])}
    other = {("all", "fid"): np.array([9.0, 9.1, 8.9, 9.1])}
    once = differences.against_reference({"a": [values], "b": [other]}, "b", LOWER).iloc[0]
    assert (once["run_verdict"], once["verdict"], once["seeds"]) == ("better", "undecided", 1)
    assert once["low"] <= once["difference"] <= once["high"]
    twice = differences.against_reference({"a": [values] * 2, "b": [other] * 2}, "b", LOWER).iloc[0]
    assert twice["verdict"] == "better"


def test_seeds_that_scatter_leave_the_verdict_on_the_runs_to_the_images() -> None:
    images = np.array([0.0, 0.1, -0.1, 0.05])
    method = [{("all", "fid"): value + images} for value in (10.0, 20.0)]
    other = [{("all", "fid"): value - images} for value in (14.0, 24.0)]
    row = differences.against_reference({"a": method, "b": other}, "b", LOWER).iloc[0]
    assert (row["run_verdict"], row["verdict"]) == ("better", "undecided")


def test_two_images_give_no_interval_and_no_verdict() -> None:
    same = np.full((1, 5), 3.0)
    estimate, low, high = differences.difference(same, same + 2)
    assert estimate == -2
    assert np.isnan(low)
    assert np.isnan(high)
    assert differences.verdict(low, high, lower_is_better=True) == "undecided"
    seeds = np.array([[3.0], [4.0]]) + np.zeros(5)
    assert np.isnan(differences.difference(seeds, same)[1:]).all()
