"""Differences between methods with 95% intervals: a bootstrap over test images, paired by image.

FID, KID and means over images are computed for 200 resamples of the test images, the same ones for
every method, so that what a resample does to all methods cancels in a difference. FID itself gets
no interval: with repeated images it is biased upward beyond the estimate.
"""

from collections.abc import Container, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import t as student

from photosketch.evaluation.distances import InnerProducts, subset_masks, weighted_distances
from photosketch.workers import workers

DRAWS = 200
LEVEL = 0.95


def resample(subset: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """How often each image is drawn, int [draws + 1, N]; the first row is the sample itself.

    Each subset keeps its number of images. A subset is never drawn as one single image.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((draws + 1, len(subset)), np.int64)
    counts[0] = 1
    for name in np.unique(subset):
        rows = np.flatnonzero(subset == name)
        for draw in range(1, draws + 1):
            while True:
                drawn = random.integers(0, len(rows), len(rows))
                if len(set(drawn.tolist())) > 1:
                    break
            counts[draw, rows] = np.bincount(drawn, minlength=len(rows))
    return counts


def resampled_scores(
    real: np.ndarray,
    generated: np.ndarray,
    images: Mapping[str, np.ndarray],
    subset: np.ndarray,
    counts: np.ndarray,
    threads: int = 1,
) -> dict[tuple[str, str], np.ndarray]:
    """Every metric of one run in every resample, the mean over its epochs.

    real [N, d], generated [E, N, d]: features; images: metrics of single images, [E, N] each;
    subset [N]; counts [B, N] as `resample` gives them. The result: (subset or `all`, metric) ->
    [B], the first value that of the sample itself.
    """
    masks = subset_masks(subset)
    products = InnerProducts.of(real, real)
    with workers(threads) as pool:  # the decompositions in numpy run side by side
        epochs = [
            pd.DataFrame(
                list(pool.map(partial(_distances, products.against(real, features), masks), counts))
            )
            for features in generated
        ]
    means = sum(epochs) / len(epochs)
    scores = {key: values.to_numpy() for key, values in means.items()}
    for metric, values in images.items():
        by_image = values.mean(axis=0)  # [N]
        for name, mask in masks.items():
            weights = counts[:, mask]
            scores[name, metric] = weights @ by_image[mask] / weights.sum(axis=1)
    return scores


def _distances(
    products: InnerProducts, masks: Mapping[str, np.ndarray], counts: np.ndarray
) -> dict[tuple[str, str], float]:
    """The distances of one resample by (subset, metric)."""
    scores = {}
    for name, mask in masks.items():
        rows = np.flatnonzero(mask & (counts > 0))
        distances = weighted_distances(products.select(rows), counts[rows])
        scores.update({(name, metric): value for metric, value in distances.items()})
    return scores


def difference(
    method: np.ndarray, reference: np.ndarray, seed: int = 0
) -> tuple[float, float, float]:
    """Method minus reference with its 95% interval: (difference, low, high).

    method [S, B], reference [R, B]: one row per training run (seed), of `resampled_scores`. The
    interval is the spread of the resampled differences about their mean, laid around the
    difference of the samples themselves, which resampling would shift. Where a side has several
    seeds, they are resampled as well; a resample of S values spreads too little by (S - 1) / S,
    and few seeds say little about their spread, so that their part is widened by that and by
    Student's t. Resamples that do not differ (of subsets with two images) give no interval.
    """
    random = np.random.default_rng(seed)
    estimate = float(method[:, 0].mean() - reference[:, 0].mean())
    draws = method[:, 1:].mean(axis=0) - reference[:, 1:].mean(axis=0)  # [B - 1]
    if np.ptp(draws) <= 1e-9 * abs(estimate):
        return estimate, float("nan"), float("nan")
    freedom = len(method) + len(reference) - 2
    for sign, runs in ((1, method[:, 0]), (-1, reference[:, 0])):
        count = len(runs)
        if count > 1:
            picked = random.integers(0, count, (len(draws), count))
            widening = np.sqrt(count / (count - 1)) * student.ppf(0.975, freedom) / 1.96
            draws = draws + sign * widening * (runs[picked].mean(axis=1) - runs.mean())
    low, high = np.quantile(draws - draws.mean(), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return estimate, estimate + float(low), estimate + float(high)


def verdict(low: float, high: float, lower_is_better: bool) -> str:
    """`better`, `worse` or `undecided`: what an interval of a difference says of the method."""
    if low <= 0 <= high or np.isnan(low) or np.isnan(high):
        return "undecided"
    return "better" if (high < 0) == lower_is_better else "worse"


def against_reference(
    runs: Mapping[str, Sequence[Mapping[tuple[str, str], np.ndarray]]],
    reference: str,
    lower_is_better: Container[str],
) -> pd.DataFrame:
    """One row per method other than `reference`, subset and metric.

    `runs`: for each method the `resampled_scores` of each of its seeds; `lower_is_better`: the keys
    of the metrics of which less is better. Columns: ablation, reference, subset, metric,
    difference, low, high, seeds (of the method), run_verdict (of these very runs, by the test
    images alone), verdict (of the methods, by the interval: undecided unless both sides have two
    seeds at least).
    """
    rows = []
    for name, own in runs.items():
        if name == reference:
            continue
        for subset, metric in own[0]:
            method = np.stack([scores[subset, metric] for scores in own])
            other = np.stack([scores[subset, metric] for scores in runs[reference]])
            estimate, low, high = difference(method, other)
            on_images = difference(*(side.mean(axis=0, keepdims=True) for side in (method, other)))
            several = min(len(method), len(other)) > 1
            lower = metric in lower_is_better
            rows.append(
                {
                    "ablation": name,
                    "reference": reference,
                    "subset": subset,
                    "metric": metric,
                    "difference": estimate,
                    "low": low,
                    "high": high,
                    "seeds": len(method),
                    "run_verdict": verdict(*on_images[1:], lower),
                    "verdict": verdict(low, high, lower) if several else "undecided",
                }
            )
    columns = ["ablation", "reference", "subset", "metric", "difference", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=[*columns, "run_verdict", "verdict"])
