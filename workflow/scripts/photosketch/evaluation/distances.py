"""Distances between sets of features: FID and KID, per subset and pooled. All in float64."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # the quantiles of Student's t

from photosketch.evaluation.files import POOLED


def subset_masks(subset: np.ndarray) -> dict[str, np.ndarray]:
    """Which of the images are in each subset (in order of appearance) and in `all`: bool [N]."""
    masks = {name: subset == name for name in dict.fromkeys(subset.tolist())}
    return {**masks, POOLED: np.full(len(subset), True)}


def fid(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between gaussians fitted to features a [n1, d] and b [n2, d].

    |mean a - mean b|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances with n - 1 (Heusel et al.
    2017). The last trace is the nuclear norm of A B^T / sqrt((n1 - 1)(n2 - 1)), with the centred
    features A and B: an n1 x n2 matrix instead of the root of a d x d matrix (Mathiasen & Hvilshoj
    2020, "Backpropagating through Frechet Inception Distance"). FID has a strong upward bias at
    small n, and the bias depends on n. Both sets need at least two rows.
    """
    a, b = _checked(a, b)
    difference = a.mean(axis=0) - b.mean(axis=0)  # [d]
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)  # S1 = a^T a
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    nuclear_norm = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = difference @ difference + (a**2).sum() + (b**2).sum() - 2 * nuclear_norm
    return max(float(distance), 0.0)  # rounding can make a distance of 0 negative


def kid(a: np.ndarray, b: np.ndarray, subset: np.ndarray | None = None) -> float:
    """Squared maximum mean discrepancy of features a [n1, d] and b [n2, d], kernel (x.y/d + 1)^3.

    The unbiased estimator over the whole sets, without subsampling (Binkowski et al. 2018,
    "Demystifying MMD GANs"; Gretton et al. 2012, lemma 6). Similar sets can have negative values.
    The two sets must show different people. For the same people the estimator is biased; use
    `weighted_kid`. Both sets need at least two rows.

    `subset` [N] names the subset of row i of both sets, if the number of rows per subset is fixed.
    Then too few pairs within a set are of one subset, so those pairs get more weight. NaN if a
    subset has a single row.
    """
    a, b = _checked(a, b)
    of_a, of_b, mixed = (_cubic(x @ y.T, x.shape[1]) for x, y in ((a, a), (b, b), (a, b)))
    return float(_mean_within(of_a, subset) + _mean_within(of_b, subset) - 2 * mixed.mean())


def _mean_within(kernel: np.ndarray, subset: np.ndarray | None) -> float:
    """The expected kernel of two independent rows, estimated from the pairs i != j of a kernel
    [N, N]."""
    n = len(kernel)
    same = np.full((n, n), True) if subset is None else subset[:, None] == subset
    count = same.sum(axis=1)  # [N] rows of the subset of row i
    if count.min() == 1:
        return float("nan")
    np.fill_diagonal(kernel, 0)
    return float((kernel * np.where(same, count / (count - 1), 1)).sum() / n**2)


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

    def against(self, real: np.ndarray, generated: np.ndarray) -> "InnerProducts":
        """The inner products with other generated features [N, d]; those of `real` are kept."""
        a, b = _checked(real, generated)
        return InnerProducts(self.real, b @ b.T, a @ b.T, self.dimensions)

    def select(self, rows: np.ndarray) -> "InnerProducts":
        """The inner products of some of the images."""
        return self.crossed(rows, rows)

    def crossed(self, real: np.ndarray, generated: np.ndarray) -> "InnerProducts":
        """The inner products of some real and equally many generated images, perhaps of other
        people."""
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

    Kernel k and the unbiased estimator of `kid`, over pairs of different people i and j: the mean
    of k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i) (Gretton et al. 2012, "A kernel
    two-sample test", lemma 6; x_i and y_i of a pair may depend on each other). `kid` also has the
    terms k(x_i, y_i). A person's two sketches are similar, so these terms make the mean of two
    equal distributions negative.

    Person i occurs `counts[i]` times. Copies of one person are not compared. NaN if all are copies
    of one person.
    """
    apart = counts.sum() ** 2 - (counts**2).sum()  # ordered pairs of different people
    if not apart:
        return float("nan")
    return float(counts @ _between_people(products) @ counts / apart)


def weighted_distances(products: InnerProducts, counts: np.ndarray) -> dict[str, float]:
    """Every distance of two sets, by its key in `metrics`; image i occurs `counts[i]` times."""
    return {"fid": weighted_fid(products, counts), "kid": weighted_kid(products, counts)}


def kid_interval(products: InnerProducts) -> tuple[float, float]:
    """The 95% interval of `weighted_kid` with all counts 1, by the jackknife over people.

    Two NaN if there are fewer than three people.
    """
    n = len(products.real)
    if n < 3:
        return float("nan"), float("nan")
    terms = _between_people(products)
    left_out = (terms.sum() - 2 * terms.sum(axis=0)) / ((n - 1) * (n - 2))  # [n]: without person i
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(stdtrit(n - 1, 0.975) * error)
    centre = float(terms.sum() / (n * (n - 1)))
    return centre - reach, centre + reach


def _between_people(products: InnerProducts) -> np.ndarray:
    """The terms of `weighted_kid` for each pair of people [N, N]: symmetric, zero for i = j."""
    real, generated, mixed = (
        _cubic(inner, products.dimensions)
        for inner in (products.real, products.generated, products.mixed)
    )
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
        once = np.ones(len(block.real), int)
        scores = {**weighted_distances(block, once), "kid_low": low, "kid_high": high}
        rows.append({"subset": name, "n": len(once), **scores})
    return pd.DataFrame(rows)


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"FID and KID need at least two images per set, not {len(a)} and {len(b)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("some features are not finite: the images or the network are broken")
    return np.asarray(a, np.float64), np.asarray(b, np.float64)


def _cubic(inner: np.ndarray, dimensions: int) -> np.ndarray:
    return (inner / dimensions + 1) ** 3
