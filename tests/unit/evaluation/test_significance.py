"""Intervals and verdicts in cases with a known truth."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from photosketch.evaluation import distances, intervals, significance
from photosketch.evaluation.distances import InnerProducts
from photosketch.evaluation.files import pairs_to_compare
from photosketch.evaluation.metrics import METRICS
from support.nothing_true import nothing_true, says_something, tabulated

LOWER = [metric.key for metric in METRICS if metric.lower_is_better]

SUBSET = np.array(["CUHK"] * 24 + ["AR"] * 16)


@pytest.fixture(autouse=True)
def _no_pool(monkeypatch):
    """A pool takes longer than a few resamples."""
    without_threads = nullcontext(SimpleNamespace(map=map))
    monkeypatch.setattr(significance, "workers", lambda _: without_threads)


def features(count: int = 40, dimensions: int = 64, seed: int = 0) -> np.ndarray:
    """Features of unequal scale."""
    random = np.random.default_rng(seed)
    return random.normal(size=(count, dimensions)) * np.linspace(0.2, 2, dimensions)


def drawn_by(quality: float, real: np.ndarray, seed: int) -> np.ndarray:
    """Features of a method with noise of the size `quality`, one epoch [1, N, d]."""
    return (real + quality * np.random.default_rng(seed).normal(size=real.shape))[None]


def compared(real: np.ndarray, a: np.ndarray, b: np.ndarray, images=({}, {}), subset=SUBSET):
    """The table of differences of a run a to a run b (features [1, N, d] each), also in metrics of
    single images; rows are named by subset and metric."""
    counts = significance.resample(subset, draws=30)
    runs = {
        name: [significance.resampled_scores(real, run, own, subset, counts)]
        for name, run, own in zip("ab", (a, b), images, strict=True)
    }
    table = significance.differences(runs, subset, [("a", "b")], LOWER, "fid")
    return table.set_index(["subset", "metric"])


def row(method: list, reference: list, **more) -> pd.Series:
    """The line of FID over all of 40 images; method, reference: scores [B] of each seed."""
    runs = {
        name: [{("all", "fid"): np.asarray(scores)} for scores in several]
        for name, several in (("b", reference), ("a", method))
    }
    return significance.differences(runs, SUBSET, [("a", "b")], LOWER, "fid", **more).iloc[0]


def scattered(value: float, seed: int, size: float = 0.1) -> np.ndarray:
    """A score on the sample itself and in 60 resamples that scatter by `size`: [61]."""
    noise = np.random.default_rng(seed).normal(0, size, 60)
    return np.array([value, *(value + noise)])


@pytest.mark.parametrize("counts", [np.ones(40, int), significance.resample(SUBSET, 1, seed=3)[1]])
def test_fid_of_a_resample_is_that_of_its_repeated_images(counts):
    a, b = features(seed=1), features(seed=2) + 0.3
    rows = np.repeat(np.arange(40), counts)
    kept = counts > 0
    products = InnerProducts.of(a, b).select(np.flatnonzero(kept))
    found = distances.weighted_fid(products, counts[kept])
    assert found == pytest.approx(distances.fid(a[rows], b[rows]), rel=1e-9)


def test_resamples_keep_the_size_of_every_subset_and_begin_with_the_sample():
    counts = significance.resample(SUBSET, draws=20)
    assert (counts[0] == 1).all()
    assert (counts[:, :24].sum(axis=1) == 24).all()
    assert (counts[:, 24:].sum(axis=1) == 16).all()
    assert len({row.tobytes() for row in counts}) == 21


def test_a_subset_drawn_as_one_image_has_no_distance_and_counts_for_all_subsets():
    subset = np.array(["a"] * 3 + ["b"] * 20)
    counts = significance.resample(subset, draws=60)
    alone = (counts[:, :3] > 0).sum(axis=1) == 1
    assert 1 < alone.sum() < 20
    real = features(23)
    ssim = {"ssim": np.random.default_rng(0).random((1, 23))}
    scores = significance.resampled_scores(real, drawn_by(1, real, 1), ssim, subset, counts)
    for metric in ("fid", "kid"):
        assert np.array_equal(np.isnan(scores["a", metric]), alone)
        assert np.isfinite(scores["all", metric]).all()
    assert np.isfinite(scores["a", "ssim"]).all()


def test_scores_are_means_over_epochs_and_start_with_those_of_the_sample():
    real = features()
    generated = np.concatenate([drawn_by(1.0, real, 1), drawn_by(0.5, real, 2)])
    ssim = np.random.default_rng(0).random((2, 40))
    counts = significance.resample(SUBSET, draws=3)
    scores = significance.resampled_scores(real, generated, {"ssim": ssim}, SUBSET, counts)
    expected = np.mean([distances.fid(real[24:], epoch[24:]) for epoch in generated])
    assert scores["AR", "fid"][0] == pytest.approx(expected)
    once = np.ones(40, int)
    kids = [distances.weighted_kid(InnerProducts.of(real, each), once) for each in generated]
    assert scores["all", "kid"][0] == pytest.approx(np.mean(kids))
    repeated = np.repeat(np.arange(40), counts[2])
    assert scores["all", "ssim"][2] == pytest.approx(ssim[:, repeated].mean())


def test_images_without_a_value_are_left_out_as_in_the_table_of_scores():
    """`seam` is missing for people without a measurable border, for every method."""
    real = features()
    seams = 1 + np.random.default_rng(0).random((2, 1, 40))  # of two methods
    seams[0] += 1
    seams[:, :, [3, 30]] = np.nan
    table = compared(real, real[None], real[None], [{"seam": own} for own in seams])
    for place, mask in {"CUHK": SUBSET == "CUHK", "AR": SUBSET == "AR", "all": True}.items():
        means = seams[:, 0, mask & ~np.isnan(seams[0, 0])].mean(axis=1)
        line = table.loc[(place, "seam")]
        assert line["difference"] == pytest.approx(means[0] - means[1])
        assert line["run_verdict"] == "worse"
    none = [{"seam": own} for own in np.where(SUBSET == "AR", np.nan, seams)]
    table = compared(real, real[None], real[None], none)
    found = table.xs("seam", level="metric")["run_verdict"].to_dict()
    assert found == {"CUHK": "worse", "AR": "undecided", "all": "worse"}
    assert np.isnan(table.loc[("AR", "seam"), "difference"])


def test_a_planted_better_method_is_called_better_and_the_other_worse():
    real = features()
    good, bad = drawn_by(0.3, real, 1), drawn_by(1.0, real, 2) + 0.4
    for runs, verdict in (((good, bad), "better"), ((bad, good), "worse")):
        verdicts = compared(real, *runs).loc["all", "run_verdict"]
        assert verdicts.to_dict() == {"fid": verdict, "kid": verdict}


def test_the_standard_error_of_a_mean_over_images_is_the_textbooks():
    values = {"all": np.random.default_rng(0).normal(size=(2, 40))}
    counts = significance.resample(SUBSET, draws=20000)
    draws = [counts @ one / 40 for one in values["all"]]
    found = significance.spread_over_images(draws[0][None], draws[1][None], 40, subsets=2)
    gaps = values["all"][0] - values["all"][1]
    expected = sum(len(own) * own.var(ddof=1) for own in (gaps[:24], gaps[24:])) / 40**2
    assert found.variance == pytest.approx(expected, rel=0.04)
    assert found.freedom == pytest.approx(38, rel=0.01)


def test_seeds_alone_give_the_interval_of_welchs_test():
    first, second = np.array([[1.0], [2.0], [4.0]]), np.array([[3.0], [5.0], [10.0]])
    spread = significance.spread_over_seeds([first, second])
    estimate = float(first.mean() - second.mean())
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = intervals.interval(estimate, 0.95, spread)
    assert found == pytest.approx((expected.low[0], expected.high[0]))
    alike = significance.spread_over_seeds([np.full((3, 1), 2.0), np.full((2, 1), 5.0)])
    assert intervals.interval(-3, 0.95, alike) == (-3, -3)


def test_half_widths_of_images_and_seeds_add_as_squares():
    images, seeds = intervals.Spread(4.0, 50), intervals.Spread(9.0, 3)
    halves = [intervals.interval(0, 0.9, spread)[1] for spread in (images, seeds)]
    low, high = intervals.interval(1, 0.9, images, seeds)
    assert (low, high) == pytest.approx((1 - np.hypot(*halves), 1 + np.hypot(*halves)))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_of_one_method_that_scatter_are_called_undecided(seeds):
    random = np.random.default_rng(0)
    said = 0
    for _ in range(200):
        images = random.normal(0, 0.3, size=(2, seeds, 201))
        runs = random.normal(30, 1, size=(2, seeds))[:, :, None] + images
        found = row(list(runs[0]), list(runs[1]))
        said += found["verdict"] != "undecided"
    assert said <= 12


def seeds_of(noise: int, *values: float) -> list[np.ndarray]:
    return [scattered(value, noise) for value in values]


def test_every_verdict_follows_from_the_interval_beside_it():
    once = row(seeds_of(1, 1.0), seeds_of(2, 9.0))
    assert once["run_low"] < once["difference"] < once["run_high"] < 0
    assert (once["run_verdict"], once["verdict"], once["seeds"]) == ("better", "undecided", 1)
    assert np.isnan(once["low"]) and np.isnan(once["high"])
    apart = row(seeds_of(1, 10.0, 20.0), seeds_of(2, 14.0, 24.0))
    assert (apart["run_verdict"], apart["verdict"]) == ("better", "undecided")
    assert apart["low"] < apart["run_low"] < apart["run_high"] < 0 < apart["high"]


def test_a_difference_far_beyond_the_scatter_of_seeds_is_called_also_for_fixed_images():
    method, other = seeds_of(1, 24.8, 25.0, 25.1), seeds_of(2, 29.9, 30.0, 30.3)
    assert row(method, other)["verdict"] == "better"
    assert row(other, method)["verdict"] == "worse"
    image, seeds = seeds_of(1, 20.0), seeds_of(2, 29.7, 30.0, 30.3)
    found = row(image, seeds, fixed=["a"])
    assert (found["verdict"], found["seeds"], found["role"]) == ("better", 0, "descriptive")
    assert row(image, seeds[:1], fixed=["a"])["verdict"] == "undecided"
    assert row(image, seeds)["verdict"] == "undecided"


def test_fixed_images_points_and_subsets_have_no_part_in_the_level_of_primary_lines():
    score = {("AR", "fid"), ("all", "fid"), ("all", "kid")}
    runs = {
        name: [{key: scattered(float(place), place) for key in score}]
        for place, name in enumerate(("base", "a", "b", "a-lr0p1", "theirs"))
    }
    pairs = pairs_to_compare(runs, "base", [])
    fixed, points = ["theirs"], ["a-lr0p1"]
    table = significance.differences(runs, SUBSET, pairs, LOWER, "fid", fixed, points)
    primary = table[table["role"] == "primary"]
    assert primary["ablation"].tolist() == ["a", "b"]
    assert set(primary["metric"]) == {"fid"} and set(primary["subset"]) == {"all"}
    assert primary["level"].tolist() == [0.975, 0.975]
    others = table[table["role"] == "descriptive"]
    assert len(others) == 10
    assert set(others.loc[others["ablation"] == "a-lr0p1", "seeds"]) == {1}
    assert set(others["level"]) == {0.95}
    width = table["run_high"] - table["run_low"]
    pooled = table["subset"] == "all"
    of_a = width[(table["ablation"] == "a") & pooled].to_numpy()
    assert of_a.max() > 1.1 * of_a.min()  # the same scores; the primary FID has wider intervals


def test_a_contrast_is_decided_where_the_reference_scatters_too_much():
    fids = {"base": (125.0, 159.0, 144.0), "local": (146.0, 147.0, 148.0)}
    fids |= {"warp": (107.0, 108.0, 109.0), "theirs": (30.0,)}
    runs = {
        name: [{("all", "fid"): scores} for scores in seeds_of(noise, *values)]
        for noise, (name, values) in enumerate(fids.items())
    }
    contrasts = [["warp", "local"], ["local", "base"], ["local", "theirs"]]
    pairs = pairs_to_compare(runs, "base", contrasts)
    to_base = [("local", "base"), ("warp", "base"), ("theirs", "base")]
    assert pairs == [*to_base, ("warp", "local"), ("local", "theirs")]
    table = significance.differences(runs, SUBSET, pairs, LOWER, "fid", fixed=["theirs"])
    table = table.set_index(["ablation", "reference"])
    primary = table[table["role"] == "primary"]
    assert list(primary.index) == [("local", "base"), ("warp", "base"), ("warp", "local")]
    assert set(primary["level"].round(6)) == {round(1 - 0.05 / 3, 6)}
    assert table.loc[("warp", "base"), "verdict"] == "undecided"
    assert table.loc[("warp", "local"), "verdict"] == "better"
    assert table.loc[("local", "theirs"), "verdict"] == "worse"


def test_runs_that_share_a_seed_are_compared_pair_by_pair_on_request():
    values = (20.0, 30.0, 40.0), (21.0, 31.1, 40.9)
    runs = [[scattered(one, noise, 1e-3) for one in own] for noise, own in enumerate(values)]
    lines = [row(*runs, paired=pairs) for pairs in ([], [("a", "b")])]
    assert [one["verdict"] for one in lines] == ["undecided", "better"]
    assert lines[0]["difference"] == lines[1]["difference"] == pytest.approx(-1.0)
    expected = 4.303 * 0.1 / 3**0.5  # t(2) times the standard error of -1, -1.1, -0.9
    assert lines[1]["high"] + 1 == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "column"), [(1, "run_verdict"), (3, "verdict")])
def test_with_nothing_true_few_tables_hold_a_false_primary_verdict(seeds, column):
    false, subset = {"fid": 0, "kid": 0}, SUBSET[4:28]
    for trial in range(25):
        random, scatter = np.random.default_rng(trial), 0.3 * (seeds > 1)
        runs = nothing_true(random, subset, dimensions=16, seeds=seeds, scatter=scatter, draws=10)
        for primary in false:
            false[primary] += says_something(tabulated(runs, subset, primary), column)
    assert max(false.values()) <= 4  # with 6% false tables, one in 60 such counts is larger


@pytest.mark.slow
def test_a_true_difference_of_a_few_standard_errors_is_found():
    said = 0
    for trial in range(20):
        real = features(seed=trial)
        runs = [drawn_by(size, real, 50 + trial) for size in (0.5, 0.9)]
        said += compared(real, *runs).loc[("all", "fid"), "run_verdict"] == "better"
    assert said >= 18


@pytest.mark.parametrize(
    ("method", "reference", "which"),
    [
        ([np.full(61, 3.0)], [np.full(61, 5.0)], "run_"),
        ([scattered(30.0, 1) * (1 + 1e-15)], [scattered(30.0, 1)], "run_"),
        ([np.full(61, 3.0), np.full(61, 4.0)], [np.full(61, 8.0), np.full(61, 8.5)], ""),
    ],
    ids=["without scatter", "equal but for rounding", "of several seeds"],
)
def test_scores_that_do_not_differ_give_no_interval_and_no_verdict(method, reference, which):
    found = row(method, reference)
    assert found["difference"] == pytest.approx(np.mean(method) - np.mean(reference), abs=1e-9)
    assert np.isnan(found[f"{which}low"]) and found[f"{which}verdict"] == "undecided"


def test_two_images_have_no_interval_of_a_distance_and_a_wide_one_of_a_mean():
    real = features(4)
    images = [{"ssim": features(1, 4, seed)} for seed in (1, 0)]
    drawn = [drawn_by(1, real, seed) for seed in (1, 0)]
    table = compared(real, *drawn, images, subset=np.array(["a"] * 2 + ["b"] * 2))
    for (place, metric), low in table["run_low"].items():
        assert np.isfinite(low) == (place == "all" or metric == "ssim")
    assert len(table) == 9
