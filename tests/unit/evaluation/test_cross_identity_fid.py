"""Halves of people, and distances of one half's drawn to the other half's true sketches."""

from itertools import combinations

import numpy as np
import pytest

from photosketch.evaluation import distances
from photosketch.evaluation.cross_identity_fid import SPLITS, fid_of_others, halves, true_halves
from photosketch.evaluation.distances import InnerProducts
from photosketch.evaluation.files import Features


def people(counts: dict[str, int]) -> np.ndarray:
    return np.repeat(list(counts), list(counts.values()))


def split_names(subset: np.ndarray) -> set[frozenset[frozenset[int]]]:
    return {frozenset(frozenset(half.tolist()) for half in split) for split in halves(subset)}


@pytest.mark.parametrize("count", [4, 5, 6, 7, 30])
def test_halves_are_disjoint_of_one_size_and_all_there_are_or_twenty(count: int) -> None:
    subset = people({"AR": count})
    splits = halves(subset)
    for first, second in splits:
        assert len(first) == len(second) == count // 2
        assert len({*first, *second}) == count // 2 * 2  # an odd person is left out
    assert len(splits) == len(split_names(subset))
    if count >= 7:
        assert len(splits) == SPLITS
        return
    every = {
        frozenset((frozenset(a), frozenset(b)))
        for a in combinations(range(count), count // 2)
        for b in combinations(sorted(set(range(count)) - set(a)), count // 2)
    }
    assert len(every) < SPLITS
    assert split_names(subset) == every


def test_every_subset_is_split_within_itself() -> None:
    subset = people({"AR": 7, "CUHK": 4})[np.random.default_rng(0).permutation(11)]
    splits = halves(subset)
    np.testing.assert_array_equal(halves(subset), splits)
    assert len(splits) == SPLITS
    for half in (half for split in splits for half in split):
        assert sorted(subset[half]) == ["AR"] * 3 + ["CUHK"] * 2
    assert len(split_names(people({"AR": 2, "CUHK": 2}))) == 2  # AR's first with either of CUHK's


@pytest.mark.parametrize("counts", [{"AR": 3}, {"AR": 3, "CUHK": 1}, {"a": 1, "b": 1, "c": 3}])
def test_fewer_than_two_people_a_half_are_no_half(counts: dict[str, int]) -> None:
    subset = people(counts)
    assert halves(subset) == []
    features = np.random.default_rng(0).normal(size=(len(subset), 8))
    assert np.isnan(fid_of_others(InnerProducts.of(features, features), subset)).all()
    truth = Features(np.arange(len(subset)).astype(str), subset, features)
    assert true_halves(truth).empty


def test_drawn_sketches_of_a_half_are_held_against_true_ones_of_the_other_both_ways() -> None:
    random = np.random.default_rng(0)
    subset = people({"AR": 5, "CUHK": 3})
    real, drawn = random.normal(size=(2, 8, 16))
    values = fid_of_others(InnerProducts.of(real, drawn), subset)
    found = dict(zip(distances.subset_masks(subset), values, strict=True))
    of_ar = [
        distances.fid(real[list(a)], drawn[list(b)])
        for a in combinations(range(5), 2)
        for b in combinations(sorted(set(range(5)) - set(a)), 2)
    ]
    assert found["AR"] == pytest.approx(np.mean(of_ar))
    assert np.isnan(found["CUHK"])
    both_ways = [pair for split in halves(subset) for pair in (split, split[::-1])]
    pooled = [distances.fid(real[a], drawn[b]) for a, b in both_ways]
    assert found["all"] == pytest.approx(np.mean(pooled))


def test_likeness_to_ones_own_true_sketch_earns_nothing_between_halves() -> None:
    random = np.random.default_rng(0)
    subset = people({"AR": 40})
    found = []
    for _ in range(30):
        real, own = random.normal(size=(2, 40, 16))
        for correlation in (0.0, 0.9):
            drawn = correlation * real + np.sqrt(1 - correlation**2) * own
            products = InnerProducts.of(real, drawn)
            same = distances.weighted_fid(products, np.ones(40, int))
            found.append([same, fid_of_others(products, subset)[0]])
    apart, alike = np.reshape(found, (30, 2, 2)).mean(axis=0)
    assert alike[0] < apart[0] / 2
    assert alike[1] == pytest.approx(apart[1], rel=0.03)


def test_kid_of_true_halves_is_zero_over_all_splits_also_where_subsets_differ() -> None:
    random = np.random.default_rng(0)
    subset = people({"AR": 4, "CUHK": 4})  # 6 x 6 / 2 = 18 splits
    level = np.where(subset == "AR", 0.0, 2.0)[:, None]
    kids = true_halves(Features(subset, subset, random.normal(size=(8, 8)) + level))["kid"]
    np.testing.assert_allclose(kids, 0, atol=1e-9)


def test_a_subset_of_one_person_a_half_leaves_kid_missing_and_fid_there() -> None:
    subset = people({"AR": 8, "CUHK": 2})
    features = np.random.default_rng(0).normal(size=(10, 8))
    pooled = true_halves(Features(subset, subset, features)).set_index("subset").loc["all"]
    assert np.isnan(pooled["kid"])
    assert pooled["fid_other"] > 0
