"""Distances between sets of features: FID and KID, per subset and pooled. All in float64."""

import numpy as np
import pandas as pd

POOLED = "all"  # the name, in tables, of all subsets together


def fid(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between gaussians fitted to features a [n1, d] and b [n2, d].

    |mean a - mean b|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances with n - 1 (Heusel et al.
    2017). The last trace is the nuclear norm of A B^T / sqrt((n1 - 1)(n2 - 1)), with A and B the
    centred features: an n1 x n2 matrix in place of the root of a d x d one (Mathiasen & Hvilshoj
    2020, "Backpropagating through Frechet Inception Distance"). Strongly biased upward at small
    n, and the bias depends on n. Both sets need at least two rows.
    """
    a, b = _checked(a, b)
    difference = a.mean(axis=0) - b.mean(axis=0)  # [d]
    a = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1)  # S1 = a^T a
    b = (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    nuclear_norm = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(difference @ difference + (a**2).sum() + (b**2).sum() - 2 * nuclear_norm)


def kid(a: np.ndarray, b: np.ndarray) -> float:
    """Squared maximum mean discrepancy of features a [n1, d] and b [n2, d], kernel (x.y/d + 1)^3.

    The unbiased estimator over the whole sets, without subsampling (Binkowski et al. 2018,
    "Demystifying MMD GANs"; Gretton et al. 2012, lemma 6): negative values are legitimate for
    sets that are alike. Both sets need at least two rows.
    """
    a, b = _checked(a, b)
    within_a = _cubic_kernel(a, a)  # [n1, n1]
    within_b = _cubic_kernel(b, b)  # [n2, n2]
    return float(
        (within_a.sum() - np.trace(within_a)) / (len(a) * (len(a) - 1))
        + (within_b.sum() - np.trace(within_b)) / (len(b) * (len(b) - 1))
        - 2 * _cubic_kernel(a, b).mean()
    )


def score(real: np.ndarray, generated: np.ndarray, subset: np.ndarray) -> pd.DataFrame:
    """FID and KID of generated [N, d] against real [N, d] features, a row per subset and pooled.

    `subset` [N] names the subset of each row. Columns: subset (in order of appearance, then
    `all`), n, fid, kid.
    """
    rows = []
    for name in [*dict.fromkeys(subset.tolist()), POOLED]:
        chosen = np.full(len(subset), True) if name == POOLED else subset == name
        a, b = real[chosen], generated[chosen]
        rows.append({"subset": name, "n": len(a), "fid": fid(a, b), "kid": kid(a, b)})
    return pd.DataFrame(rows)


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"FID and KID need two images a set at least, not {len(a)} and {len(b)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features that are not finite: the images or the network are broken")
    return np.asarray(a, np.float64), np.asarray(b, np.float64)


def _cubic_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
