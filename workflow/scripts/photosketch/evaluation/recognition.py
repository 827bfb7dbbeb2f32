"""Sketch recognition: are people found by their drawn sketch? The task measure of the field.

Null-space linear discriminant analysis (Chen et al. 2000, "A new LDA-based face recognition system
which can solve the small sample size problem"), used as the literature on face sketches does: the
real and the generated sketch of a person are one class; some people train the subspace, the real
sketches of the others are looked up among their generated ones.
"""

import numpy as np
import scipy.linalg
import torch

SPLITS = 20
TRAINING_SHARE = 150 / 338  # of the people of CUFS' test set
MIN_PEOPLE = 40


def rank_one(
    real: np.ndarray,
    generated: np.ndarray,
    device: torch.device | str = "cpu",
    splits: int = SPLITS,
    seed: int = 0,
) -> float:
    """Share of people found at rank 1, 0 to 1, mean over random splits; missing below 40 people.

    real, generated: sketches [N, H, W] uint8 of the same N people.
    """
    count = len(real)
    if count < MIN_PEOPLE:
        return float("nan")
    coordinates = _coordinates(np.concatenate([real, generated]), device)
    real_points, generated_points = coordinates[:count], coordinates[count:]
    random = np.random.default_rng(seed)
    training = round(count * TRAINING_SHARE)
    shares = []
    for _ in range(splits):
        order = random.permutation(count)
        known, others = order[:training], order[training:]
        subspace = null_space_lda(real_points[known], generated_points[known])
        probes, gallery = real_points[others] @ subspace, generated_points[others] @ subspace
        distances = (
            (probes**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1) - 2 * probes @ gallery.T
        )
        shares.append((distances.argmin(axis=1) == np.arange(len(others))).mean())
    return float(np.mean(shares))


def null_space_lda(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The discriminating subspace [d, k] of classes with two samples each, first and second [C, d].

    Directions along which no class varies within itself, and of those the ones along which the
    class means differ; orthonormal.
    """
    within = _row_space(first - second)  # [d, <= C]
    means = (first + second) / 2
    means = means - means.mean(axis=0)
    return _row_space(means - (means @ within) @ within.T)


def _row_space(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis [d, k] of what the rows [n, d] span.

    By QR with column pivoting: any basis gives the same distances, and this is several times faster
    than singular vectors.
    """
    basis, triangle, _ = scipy.linalg.qr(rows.T, mode="economic", pivoting=True)
    sizes = np.abs(np.diag(triangle))  # falling
    return basis[:, sizes > 1e-6 * max(sizes[0], np.finfo(float).tiny)]


def _coordinates(images: np.ndarray, device: torch.device | str) -> np.ndarray:
    """Points [N, k] with the distances that the images [N, H, W] have from one another.

    N images span at most N dimensions, far fewer than they have pixels.
    """
    pixels = torch.from_numpy(images.reshape(len(images), -1)).to(device).double().div(255)
    pixels -= pixels.mean(dim=0)
    inner = (pixels @ pixels.T).cpu().numpy()  # [N, N]
    values, vectors = np.linalg.eigh(inner)
    spanned = values > 1e-10 * values[-1]
    return vectors[:, spanned] * np.sqrt(values[spanned])
