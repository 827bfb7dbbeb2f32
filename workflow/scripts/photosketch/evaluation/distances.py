"""Distances between sets of features, in float64: FID, KID, and FID of other people.

FID of other people compares drawn sketches of half of the people with true sketches of the other
half. The halves are not correlated, so likeness to the own true sketch is not rewarded, and real
sketches of other people have values on the same scale as drawn sketches.
"""

from dataclasses import dataclass
from math import comb, nan, prod

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # the quantiles of Student's t

from photosketch.evaluation.files import POOLED, Features

SPLITS = 20  # of people in two halves


def subset_masks(subset: np.ndarray) -> dict[str, np.ndarray]:
    """Which of the images are in each subset (in order of appearance) and in `all`: bool [N]."""
    masks = {name: subset == name for name in dict.fromkeys(subset.tolist())}
    return {**masks, POOLED: np.full(len(subset), True)}


def fid(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between gaussians fitted to features a [n1, d] and b [n2, d], n1, n2 > 1.

    |mean a - mean b|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances with n - 1 (Heusel et al.
    2017). The last trace is the nuclear norm of A B^T / sqrt((n1 - 1)(n2 - 1)), with the centred
    features A and B: an n1 x n2 matrix instead of the root of a d x d matrix (Mathiasen & Hvilshoj
    2020, "Backpropagating through Frechet Inception Distance").
    """
    a, b = _checked(a, b)
    difference = a.mean(axis=0) - b.mean(axis=0)  # [d]
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)  # S1 = a^T a
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    nuclear_norm = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = difference @ difference + (a**2).sum() + (b**2).sum() - 2 * nuclear_norm
    return max(float(distance), 0.0)  # rounding can make a distance of 0 negative


def kid(a: np.ndarray, b: np.ndarray, subset: np.ndarray) -> float:
    """Squared maximum mean discrepancy of features a and b [N, d] of different people, N > 1,
    kernel (x.y/d + 1)^3. For the same people use `weighted_kid`.

    The unbiased estimator over the whole sets, without subsampling (Binkowski et al. 2018,
    "Demystifying MMD GANs"; Gretton et al. 2012, lemma 6). Similar sets can have negative values.

    `subset` [N] names the subset of row i of both sets. The number of rows per subset is fixed, so
    too few pairs within a set are of one subset, and those pairs get more weight. NaN if a subset
    has a single row.
    """
    a, b = _checked(a, b)
    same = subset[:, None] == subset
    count = same.sum(axis=1)  # [N] rows of the subset of row i
    if count.min() == 1:
        return nan
    weights = np.where(same, count / (count - 1), 1)
    np.fill_diagonal(weights, 0)  # only pairs i != j
    of_a, of_b, mixed = (_cubic(x @ y.T, x.shape[1]) for x, y in ((a, a), (b, b), (a, b)))
    within = (of_a * weights).sum() / len(a) ** 2 + (of_b * weights).sum() / len(a) ** 2
    return float(within - 2 * mixed.mean())


@dataclass(frozen=True)
class InnerProducts:
    """Inner products [N, N] of the features of N images (real x real, generated x generated,
    real x generated), and the length of a feature vector."""

    real: np.ndarray
    generated: np.ndarray
    mixed: np.ndarray
    dimensions: int

    @classmethod
    def of(cls, real: np.ndarray, generated: np.ndarray) -> "InnerProducts":
        """From features [N, d] of the same people, real and generated."""
        a, b = _checked(real, generated)
        return cls(a @ a.T, b @ b.T, a @ b.T, a.shape[1])

    def select(self, real: np.ndarray, generated: np.ndarray | None = None) -> "InnerProducts":
        """The inner products of some real and equally many generated images, by default the same
        rows."""
        generated = real if generated is None else generated
        return InnerProducts(
            self.real[np.ix_(real, real)],
            self.generated[np.ix_(generated, generated)],
            self.mixed[np.ix_(real, generated)],
            self.dimensions,
        )


def weighted_fid(products: InnerProducts, counts: np.ndarray) -> float:
    """`fid` if image i occurs `counts[i]` times; counts int [N], all above 0."""
    n = counts.sum()
    share = counts / n
    means = share @ np.stack(
        [products.real @ share, products.generated @ share, products.mixed @ share], axis=1
    )  # |mean real|^2, |mean generated|^2, their inner product
    traces = (
        counts @ (np.diag(products.real) + np.diag(products.generated)) - n * (means[0] + means[1])
    ) / (n - 1)
    mixed = products.mixed
    centred = mixed - (share @ mixed) - (mixed @ share)[:, None] + means[2]
    root = np.sqrt(counts / (n - 1))
    nuclear_norm = np.linalg.svd(root[:, None] * centred * root, compute_uv=False).sum()
    distance = means[0] + means[1] - 2 * means[2] + traces - 2 * nuclear_norm
    return max(float(distance), 0.0)  # rounding can make a distance of 0 negative


def weighted_kid(products: InnerProducts, counts: np.ndarray) -> float:
    """Squared maximum mean discrepancy of real and generated sketches of the same people.

    With the kernel k of `kid`, the mean of k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)
    over pairs of different people i and j (Gretton et al. 2012, "A kernel two-sample test", lemma
    6; x_i and y_i may depend on each other). Person i occurs `counts[i]` times. Copies of one
    person are not compared. NaN if all are copies of one person.
    """
    apart = counts.sum() ** 2 - (counts**2).sum()  # ordered pairs of different people
    return float(counts @ _between_people(products) @ counts / apart) if apart else nan


def weighted_distances(products: InnerProducts, counts: np.ndarray) -> dict[str, float]:
    """Every distance of two sets, by its key in `metrics`; image i occurs `counts[i]` times."""
    return {"fid": weighted_fid(products, counts), "kid": weighted_kid(products, counts)}


def kid_interval(products: InnerProducts) -> tuple[float, float]:
    """The 95% interval of `weighted_kid` with all counts 1, by the jackknife over people; NaN below
    three people."""
    n = len(products.real)
    if n < 3:
        return nan, nan
    terms = _between_people(products)
    left_out = (terms.sum() - 2 * terms.sum(axis=0)) / ((n - 1) * (n - 2))  # [n]: without person i
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(stdtrit(n - 1, 0.975) * error)
    centre = float(terms.sum() / (n * (n - 1)))
    return centre - reach, centre + reach


def _between_people(products: InnerProducts) -> np.ndarray:
    """The terms of `weighted_kid` for each pair of people [N, N]: symmetric, zero for i = j."""
    sides = (products.real, products.generated, products.mixed)
    real, generated, mixed = (_cubic(inner, products.dimensions) for inner in sides)
    terms = real + generated - mixed - mixed.T
    np.fill_diagonal(terms, 0)
    return terms


def score(products: InnerProducts, subset: np.ndarray) -> pd.DataFrame:
    """FID and KID of generated against real sketches: one row per subset, then one for `all`.

    `subset` [N] names the subset of each image. Columns: subset, n, fid, kid, kid_low, kid_high.
    """
    rows = []
    for name, mask in subset_masks(subset).items():
        block = products.select(np.flatnonzero(mask))
        low, high = kid_interval(block)
        scores = weighted_distances(block, np.ones(len(block.real), int))
        scores |= {"kid_low": low, "kid_high": high}
        rows.append({"subset": name, "n": len(block.real), **scores})
    return pd.DataFrame(rows)


def halves(subset: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Splits of people in two: the rows of each half, the same splits for the same `subset` [N].

    Each half has floor(n / 2) people of each subset. There are `SPLITS` different splits, or all if
    there are fewer; none if a half would have fewer than two people.
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

    The mean over all `halves` and both directions, NaN if there are none. The halves have half as
    many sketches, so the value is more biased than `fid` of all.
    """
    values = []
    for mask in subset_masks(subset).values():
        rows = np.flatnonzero(mask)
        distances = [
            weighted_fid(products.select(rows[real], rows[drawn]), np.ones(len(real), int))
            for split in halves(subset[mask])
            for real, drawn in (split, split[::-1])
        ]
        values.append(float(np.mean(distances)) if distances else nan)
    return values


def true_halves(truth: Features) -> pd.DataFrame:
    """True sketches of half of the people against true sketches of the other half, the scale of
    `fid_of_others`: means over `halves`.

    Columns: subset, n (all people), kid (of different people; 0 over all splits, because the same
    pairs occur within and between the halves), fid_other. Subsets without halves have no row.
    """
    rows = []
    for name, mask in subset_masks(truth.subset).items():
        features, subset = truth.features[mask], truth.subset[mask]
        if splits := halves(subset):
            kids = [kid(features[a], features[b], subset[a]) for a, b in splits]
            fids = [fid(features[a], features[b]) for a, b in splits]
            means = {"kid": np.mean(kids), "fid_other": np.mean(fids)}
            rows.append({"subset": name, "n": len(features), **means})
    return pd.DataFrame(rows, columns=["subset", "n", "kid", "fid_other"])


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("some features are not finite: the images or the network are broken")
    return np.asarray(a, np.float64), np.asarray(b, np.float64)


def _cubic(inner: np.ndarray, dimensions: int) -> np.ndarray:
    return (inner / dimensions + 1) ** 3
