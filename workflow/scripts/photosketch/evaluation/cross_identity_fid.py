"""FID, other people: drawn sketches of half of the people against true sketches of the other half.

FID of the same people rewards a drawn sketch for likeness to its own true one: the correlation of
the two sets lowers it, the more so the fewer people. Between halves there is no such correlation,
so that real sketches of other people stand on the same scale as drawn ones.
"""

from math import comb, prod

import numpy as np
import pandas as pd

from photosketch.evaluation.distances import InnerProducts, fid, kid, subset_masks, weighted_fid
from photosketch.evaluation.files import Features

SPLITS = 20


def halves(subset: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Splits of people in two: rows of a half and of the other, the same for the same `subset` [N].

    floor(n / 2) people of each subset on either side, subset by subset: one is left out if n is
    odd. `SPLITS` different ones, or all if there are fewer; which half comes first makes no
    difference. None if a half would have fewer than two people.
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

    Drawn sketches of one half against true ones of the other and the other way round, the mean over
    all `halves`; missing if there are none. Of half as many sketches, and so more biased than
    `fid` of all.
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
    """True sketches of half of the people against those of the other half: means over `halves`.

    The scale of `fid_of_others`, by true sketches in the place of the drawn ones. Columns: subset,
    n (people of both halves and who was left out), kid (`kid` of different people; over all splits
    always 0, because pairs within the halves and between them are the same ones),
    fid_other. Subsets that have no halves are left out.
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
