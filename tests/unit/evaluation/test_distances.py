"""FID and KID compared with other code, literal definitions and known answers."""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from pytorch_fid.fid_score import calculate_frechet_distance

from photosketch.evaluation import distances
from photosketch.evaluation.distances import SPLITS, InnerProducts, fid_of_others, halves
from photosketch.evaluation.files import Features


def some_features(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Non-negative, correlated and of unequal scale, like Inception's features."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(count, 8)) @ np.random.default_rng(0).normal(size=(8, dimensions))
    own = random.normal(size=(count, dimensions)) * np.linspace(0.1, 1, dimensions)
    return np.abs(own + 0.3 * common + 0.05 * seed).astype(np.float32)


def people(counts: dict[str, int]) -> np.ndarray:
    """The subset of each person, from the number of people of each subset."""
    return np.repeat(list(counts), list(counts.values()))


@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated")
@pytest.mark.parametrize(
    ("n1", "n2", "dimensions"), [(20, 20, 128), (43, 12, 128), (300, 150, 128), (43, 60, 192)]
)
def test_fid_equals_pytorch_fids_below_and_above_the_number_of_dimensions(n1, n2, dimensions):
    a, b = some_features(n1, dimensions, seed=1), some_features(n2, dimensions, seed=2)
    statistics = []  # as pytorch-fid's command line computes them
    for features in (a.astype(np.float64), b.astype(np.float64)):
        statistics += [features.mean(axis=0), np.cov(features, rowvar=False)]
    expected = float(calculate_frechet_distance(*statistics))
    assert distances.fid(a, b) == pytest.approx(expected, rel=1e-6)
    assert 0 <= distances.fid(a, a) < 1e-9
    assert 0 <= distances.weighted_fid(InnerProducts.of(a, a), np.ones(n1, int)) < 1e-9


def test_fid_of_gaussians_on_the_axes_is_the_analytic_one():
    # Symmetric pairs of points on each axis have exactly this mean and a diagonal covariance.
    def cloud(mean: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        axes = np.diag(deviations * np.sqrt((2 * len(mean) - 1) / 2))
        return mean + np.concatenate([axes, -axes])

    mean_a, mean_b = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, -1.0])
    sd_a, sd_b = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.1])
    expected = ((mean_a - mean_b) ** 2).sum() + ((sd_a - sd_b) ** 2).sum()
    found = distances.fid(cloud(mean_a, sd_a), cloud(mean_b, sd_b))
    assert found == pytest.approx(expected, rel=1e-12)


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    return (float(x @ y) / len(x) + 1) ** 3


def test_kid_of_one_subset_equals_a_double_loop_and_a_subset_of_one_row_has_none():
    a, b = (some_features(6, 16, seed).astype(np.float64) for seed in (1, 2))
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    within = np.mean([kernel(a[i], a[j]) + kernel(b[i], b[j]) for i, j in pairs])
    between = np.mean([kernel(x, y) for x in a for y in b])
    found = distances.kid(a, b, people({"AR": 6}))
    assert found == pytest.approx(within - 2 * between, rel=1e-12)
    assert np.isnan(distances.kid(a, b, people({"AR": 5, "CUHK": 1})))


def test_kid_is_unbiased_also_if_both_sets_have_fixed_numbers_of_each_subset():
    random = np.random.default_rng(0)
    subset, one = people({"AR": 3, "CUHK": 5}), people({"AR": 8})
    level = np.where(subset == "AR", 0.0, 2.0)[:, None]
    draws = []
    for _ in range(400):
        a, b = random.normal(size=(2, 8, 8)) + level
        plain = distances.kid(*random.normal(size=(2, 8, 32)), one)
        draws.append([plain, distances.kid(a, b, subset), distances.kid(a, b, one)])
    plain, with_subsets, without = np.mean(draws, axis=0)
    errors = np.std(draws, axis=0, ddof=1) / np.sqrt(400)
    assert np.min(draws, axis=0)[0] < 0
    assert (abs(plain) < 3 * errors[0]) and (abs(with_subsets) < 3 * errors[1])
    # fewer pairs within a set than between the sets are of one subset
    assert without < -3 * errors[2]


def literal_paired_kid(a: np.ndarray, b: np.ndarray, people: np.ndarray) -> float:
    """A double loop over people, who may occur several times."""
    pairs = [(i, j) for i in people for j in people if i != j]
    terms = [
        kernel(a[i], a[j]) + kernel(b[i], b[j]) - kernel(a[i], b[j]) - kernel(a[j], b[i])
        for i, j in pairs
    ]
    return float(np.mean(terms))


@pytest.mark.parametrize("counts", [[1] * 6, [3, 1, 2, 1, 1, 4]])
def test_kid_of_paired_people_equals_a_literal_double_loop(counts):
    a, b = (some_features(6, 16, seed).astype(np.float64) for seed in (1, 2))
    products = InnerProducts.of(a, b)
    np.fill_diagonal(products.mixed, 1e6)  # a person's two sketches are not compared
    found = distances.weighted_kid(products, np.array(counts))
    people = np.repeat(np.arange(6), counts)
    assert found == pytest.approx(literal_paired_kid(a, b, people), rel=1e-12)


def test_the_interval_of_kid_is_the_jackknife_that_leaves_a_person_out_of_both_sets():
    a, b = (some_features(8, 16, seed).astype(np.float64) for seed in (1, 2))
    left_out = [literal_paired_kid(a, b, np.delete(np.arange(8), person)) for person in range(8)]
    error = np.sqrt(7 * np.var(left_out))
    low, high = distances.kid_interval(InnerProducts.of(a, b))
    assert high - low == pytest.approx(2 * 2.364624 * error, rel=1e-6)  # Student's t, 7 degrees
    assert (low + high) / 2 == pytest.approx(literal_paired_kid(a, b, np.arange(8)))
    two = InnerProducts.of(a[:2], b[:2])
    assert np.isnan(distances.kid_interval(two)).all()
    assert np.isnan(distances.weighted_kid(two.select(np.array([1])), np.array([2])))  # copies


SHIFT = 0.5  # squared distance of the means


def shifted_kid(dimensions: int) -> float:
    """KID of N(0, I) and N(mu, I) with |mu|^2 = SHIFT: the sum over m of C(3, m) / d^m times the
    squared distance of the m-th moment tensors, which the cubic kernel compares."""
    third = SHIFT**3 + 6 * SHIFT**2 + (3 * dimensions + 6) * SHIFT
    return 3 * SHIFT / dimensions + 3 * SHIFT**2 / dimensions**2 + third / dimensions**3


@pytest.mark.parametrize(
    ("apart", "correlation"), [(False, 0.0), (False, 0.9), (True, 0.0), (True, 0.5), (True, 0.9)]
)
def test_kid_of_paired_people_is_unbiased_and_its_interval_holds_the_truth(apart, correlation):
    people, dimensions, trials = 40, 8, 300
    mean = np.zeros(dimensions)
    mean[0] = np.sqrt(SHIFT) if apart else 0
    truth = shifted_kid(dimensions) if apart else 0.0
    random = np.random.default_rng(0)
    values, held = [], 0
    for _ in range(trials):
        real, own = random.normal(size=(2, people, dimensions))
        generated = mean + correlation * real + np.sqrt(1 - correlation**2) * own
        products = InnerProducts.of(real, generated)
        values.append(distances.weighted_kid(products, np.ones(people, int)))
        low, high = distances.kid_interval(products)
        held += low <= truth <= high
    assert abs(np.mean(values) - truth) < 3 * np.std(values, ddof=1) / np.sqrt(trials)
    assert held / trials >= 0.9
    if apart:
        assert 0.92 <= held / trials <= 0.98


def test_scores_have_a_row_per_subset_in_order_and_one_for_all():
    real, generated = some_features(11, 32, seed=1), some_features(11, 32, seed=2)
    subset = np.array(["XM2VTS"] * 3 + ["AR"] * 4 + ["XM2VTS"] * 4)
    scores = distances.score(InnerProducts.of(real, generated), subset)
    assert scores["subset"].tolist() == ["XM2VTS", "AR", "all"]
    assert scores["n"].tolist() == [7, 4, 11]
    assert scores["fid"][1] == pytest.approx(distances.fid(real[3:7], generated[3:7]))
    paired = literal_paired_kid(real.astype(float), generated.astype(float), np.arange(11))
    assert scores["kid"][2] == pytest.approx(paired)
    assert (scores["kid_low"] < scores["kid"]).all()


@pytest.mark.parametrize(
    "metric", [distances.fid, lambda a, b: distances.kid(a, b, np.zeros(4)), InnerProducts.of]
)
def test_broken_features_are_refused(metric):
    a = some_features(4, 8, seed=1)
    with pytest.raises(ValueError, match="not finite"):
        metric(a, np.where(a == a[0, 0], np.nan, a))


def every_split(count: int) -> list[tuple[list[int], list[int]]]:
    """Two halves of so many people, both ways; of an odd number of people one is left out."""
    size = count // 2
    return [
        (list(first), list(second))
        for first in combinations(range(count), size)
        for second in combinations(sorted(set(range(count)) - set(first)), size)
    ]


def unordered(splits: Iterable) -> set[frozenset[frozenset[int]]]:
    return {frozenset(frozenset(map(int, half)) for half in split) for split in splits}


@pytest.mark.parametrize("count", [4, 5, 6, 7, 30])
def test_halves_are_disjoint_of_one_size_and_all_there_are_or_twenty(count):
    subset = people({"AR": count})
    splits = halves(subset)
    for first, second in splits:
        assert len(first) == len(second) == count // 2
        assert len({*first, *second}) == count // 2 * 2  # an odd person is left out
    assert len(splits) == len(unordered(splits)) <= SPLITS
    if count < 7:
        assert unordered(splits) == unordered(every_split(count))
    else:
        assert len(splits) == SPLITS


def test_every_subset_is_split_within_itself():
    subset = people({"AR": 7, "CUHK": 4})[np.random.default_rng(0).permutation(11)]
    splits = halves(subset)
    np.testing.assert_array_equal(halves(subset), splits)
    assert len(splits) == SPLITS
    for half in (half for split in splits for half in split):
        assert sorted(subset[half]) == ["AR"] * 3 + ["CUHK"] * 2
    few = halves(people({"AR": 2, "CUHK": 2}))
    assert len(few) == len(unordered(few)) == 2  # AR's first with either of CUHK's


@pytest.mark.parametrize("counts", [{"AR": 3}, {"AR": 3, "CUHK": 1}, {"a": 1, "b": 1, "c": 3}])
def test_fewer_than_two_people_a_half_are_no_half(counts):
    subset = people(counts)
    assert halves(subset) == []
    features = np.random.default_rng(0).normal(size=(len(subset), 8))
    assert np.isnan(fid_of_others(InnerProducts.of(features, features), subset)).all()
    truth = Features(np.arange(len(subset)).astype(str), subset, features)
    assert distances.true_halves(truth).empty


def test_drawn_sketches_of_a_half_are_held_against_true_ones_of_the_other_both_ways():
    random = np.random.default_rng(0)
    subset = people({"AR": 5, "CUHK": 3})
    real, drawn = random.normal(size=(2, 8, 16))
    values = fid_of_others(InnerProducts.of(real, drawn), subset)
    found = dict(zip(distances.subset_masks(subset), values, strict=True))
    of_ar = [distances.fid(real[a], drawn[b]) for a, b in every_split(5)]
    assert found["AR"] == pytest.approx(np.mean(of_ar))
    assert np.isnan(found["CUHK"])
    both_ways = [pair for split in halves(subset) for pair in (split, split[::-1])]
    pooled = [distances.fid(real[a], drawn[b]) for a, b in both_ways]
    assert found["all"] == pytest.approx(np.mean(pooled))


@pytest.mark.slow
def test_likeness_to_ones_own_true_sketch_earns_nothing_between_halves():
    random = np.random.default_rng(0)
    subset = people({"AR": 40})
    found = []
    for _ in range(15):
        real, own = random.normal(size=(2, 40, 16))
        for correlation in (0.0, 0.9):
            drawn = correlation * real + np.sqrt(1 - correlation**2) * own
            products = InnerProducts.of(real, drawn)
            same = distances.weighted_fid(products, np.ones(40, int))
            found.append([same, fid_of_others(products, subset)[0]])
    apart, alike = np.reshape(found, (15, 2, 2)).mean(axis=0)
    assert alike[0] < apart[0] / 2
    assert alike[1] == pytest.approx(apart[1], rel=0.03)


def test_kid_of_true_halves_is_zero_over_all_splits_also_where_subsets_differ():
    random = np.random.default_rng(0)
    subset = people({"AR": 4, "CUHK": 4})  # 6 x 6 / 2 = 18 splits
    level = np.where(subset == "AR", 0.0, 2.0)[:, None]
    truth = Features(subset, subset, random.normal(size=(8, 8)) + level)
    np.testing.assert_allclose(distances.true_halves(truth)["kid"], 0, atol=1e-9)


def test_a_subset_of_one_person_a_half_leaves_kid_missing_and_fid_there():
    subset = people({"AR": 8, "CUHK": 2})
    truth = Features(subset, subset, np.random.default_rng(0).normal(size=(10, 8)))
    pooled = distances.true_halves(truth).set_index("subset").loc["all"]
    assert np.isnan(pooled["kid"])
    assert pooled["fid_other"] > 0
