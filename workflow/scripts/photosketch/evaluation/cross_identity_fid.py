"""FID, other people: drawn sketches of half of the people against true sketches of the other half.

FID of the same people rewards likeness to the own true sketch: the correlation of the two sets
lowers FID, and more so for fewer people. The halves are not correlated, so real sketches of other
people have values on the same scale as drawn sketches.
"""

from math import comb, prod

import numpy as np
import pandas as pd

from photosketch.evaluation.distances import InnerProducts, fid, kid, subset_masks, weighted_fid
from photosketch.evaluation.files import Features

SPLITS = 20


def halves(subset: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Splits of people in two: the rows of each half, the same splits for the same `subset` [N].

    Each half has floor(n / 2) people of each subset. If n is odd, one person is left out. There are
    `SPLITS` different splits, or all if there are fewer; the order of the halves does not count.
    There are none if a half would have fewer than two people.
    """
    groups = [np.flatnonzero(subset == name) for name in dict.fromkeys(subset.tolist())]
    if sum(len(rows) // 2 for rows in groups) < 2:
        return []
    ordered = prod(comb(n, n // 2) * comb(n - n // 2, n // 2) for n in map(len, groups))
    random = np.random.default_rng(0)
    splits: dict[frozenset[tuple[int, ...]], tuple[np.ndarray, np.ndarray]] = {}
    while len(splits) < min(SPLITS, ordered // 2):
        shuffled = [random.permutation(rows) for rows in groups]
        first = np.concatenate([rows[: len(rows) // 2] for rows in shuffled])
        second = np.concatenate([rows[len(rows) // 2 :][: len(rows) // 2] for rows in shuffled])
        people = frozenset(tuple(sorted(half.tolist())) for half in (first, second))
        splits.setdefault(people, (first, second))
    return list(splits.values())


def fid_of_others(products: InnerProducts, subset: np.ndarray) -> list[float]:
    """FID, other people, of each subset and of `all`, in the order of `subset_masks`.

    Drawn sketches of each half are compared with true sketches of the other half. The value is the
    mean over all `halves`, NaN if there are none. The halves have half as many sketches, so the
    value is more biased than `fid` of all.
    """
    values = []
    for mask in subset_masks(subset).values():
        rows = np.flatnonzero(mask)
        distances = [
            weighted_fid(products.crossed(rows[real], rows[drawn]), np.ones(len(real), int))
            for split in halves(subset[mask])
            for real, drawn in (split, split[::-1])
        ]
        values.append(float(np.mean(distances)) if distances else float("nan"))
    return values


def true_halves(truth: Features) -> pd.DataFrame:
    """True sketches of half of the people against true sketches of the other half: means over
    `halves`. They are the scale of `fid_of_others`.

    Columns: subset, n (all people), kid (`kid` of different people; 0 over all splits, because the
    same pairs occur within and between the halves), fid_other. Subsets without halves have no row.
    """
    rows = []
    for name, mask in subset_masks(truth.subset).items():
        features, subset = truth.features[mask], truth.subset[mask]
        splits = halves(subset)
        if splits:
            kids = [kid(features[a], features[b], subset[a]) for a, b in splits]
            fids = [fid(features[a], features[b]) for a, b in splits]
            means = {"kid": np.mean(kids), "fid_other": np.mean(fids)}
            rows.append({"subset": name, "n": len(features), **means})
    return pd.DataFrame(rows, columns=["subset", "n", "kid", "fid_other"])
