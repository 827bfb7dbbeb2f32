"""Differences of pairs of methods, with intervals and verdicts: a bootstrap over test images.

All methods have the same resamples, so the effect of a resample on all methods cancels in a
difference. The bootstrap estimates only the standard error, for which 200 resamples are enough, and
Student's t gives the interval (docs/significance.md). FID itself has no interval, because repeated
images bias it upward.
"""

from collections.abc import Container, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from photosketch.evaluation.distances import InnerProducts, subset_masks, weighted_distances
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.intervals import LEVEL, Spread, interval, verdict
from photosketch.jobs.threads import workers

DRAWS = 200
COLUMNS = [
    *("ablation", "reference", "subset", "metric", "role", "seeds", "level", "difference"),
    *("run_low", "run_high", "run_verdict", "low", "high", "verdict"),
]
Scores = dict[tuple[str, str], np.ndarray]  # (subset or `all`, metric) -> [B], by resample


def resample(subset: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """How often each image is drawn, int [draws + 1, N]; the first row is the sample itself. Each
    subset keeps its number of images."""
    random = np.random.default_rng(seed)
    counts = np.ones((draws + 1, len(subset)), np.int64)
    for name in np.unique(subset):
        rows = np.flatnonzero(subset == name)
        counts[1:, rows] = random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), draws)
    return counts


def resampled_scores(
    real: np.ndarray,
    generated: np.ndarray,
    images: Mapping[str, np.ndarray],
    subset: np.ndarray,
    counts: np.ndarray,
    threads: int = 1,
) -> Scores:
    """Every metric of one run in every resample, the mean over its epochs.

    real [N, d], generated [E, N, d]: features; images: metrics of single images, [E, N] each;
    subset [N]; counts [B, N] as from `resample`. The first value is that of the sample itself.
    Distances are NaN in resamples of a single image. Means are over the images with a value (`seam`
    can be missing), as in the table of scores, and NaN in resamples without any.
    """
    masks = subset_masks(subset)
    epochs: dict[str, list[pd.DataFrame]] = {name: [] for name in masks}
    with workers(threads) as pool:  # numpy's decompositions run in parallel
        for features in generated:
            products = InnerProducts.of(real, features)
            for name, mask in masks.items():
                own = partial(_distances, products.select(np.flatnonzero(mask)))
                epochs[name].append(pd.DataFrame(list(pool.map(own, counts[:, mask]))))
    scores = {}
    for name, tables in epochs.items():
        alone = (counts[:, masks[name]] > 0).sum(axis=1) < 2  # [B]
        for metric, values in (sum(tables) / len(tables)).items():
            scores[name, metric] = np.where(alone, np.nan, values)
    for metric, values in images.items():
        by_image = values.mean(axis=0)  # [N]
        for name, mask in masks.items():
            measured = mask & ~np.isnan(by_image)
            weights = counts[:, measured]
            with np.errstate(invalid="ignore"):  # 0 / 0, without any value
                scores[name, metric] = weights @ by_image[measured] / weights.sum(axis=1)
    return scores


def _distances(products: InnerProducts, counts: np.ndarray) -> dict[str, float]:
    rows = np.flatnonzero(counts)
    return weighted_distances(products.select(rows), counts[rows])


def spread_over_images(
    method: np.ndarray, reference: np.ndarray, images: int, subsets: int = 1
) -> Spread:
    """The scatter of the difference of two means over runs if the test images were others.

    method [S, B], reference [R, B]: `resampled_scores`, one row per run, on a number of images in a
    number of subsets. The variance of resamples of n images of a subset is too small by the factor
    (n - 1) / n. The result is NaN if the resamples do not differ (two images, equal methods).
    """
    draws = method[:, 1:].mean(axis=0) - reference[:, 1:].mean(axis=0)  # [B - 1]
    draws = draws[np.isfinite(draws)]
    freedom = images - subsets
    largest = np.nan_to_num(np.abs(np.vstack([method, reference]))).max()
    if not freedom or len(draws) < 2 or np.ptp(draws) <= 1e-9 * largest:
        return Spread(np.nan, np.nan)
    variance = float(draws.var(ddof=1)) * images / freedom
    return Spread(variance, 1 / (1 / freedom + 1 / (len(draws) - 1)))


def spread_over_seeds(sides: Sequence[np.ndarray], paired: bool = False) -> Spread:
    """The scatter of a difference of means over runs if the seeds were others.

    By Welch's test, or by the t-test of `paired` runs. Each side is [S, B], with at least two runs;
    only the values on the sample itself count. This scatter and `spread_over_images` both contain
    the interaction of run and image, so both together are rather too wide than too narrow.
    """
    if paired:
        sides = [sides[0] - sides[1]]
    parts = [Spread(float(runs[:, 0].var(ddof=1)) / len(runs), len(runs) - 1) for runs in sides]
    variance = sum(part.variance for part in parts)
    if not variance:
        return Spread(0.0, sum(part.freedom for part in parts))
    return Spread(variance, variance**2 / sum(part.variance**2 / part.freedom for part in parts))


def differences(
    runs: Mapping[str, Sequence[Scores]],
    subset: np.ndarray,
    pairs: Sequence[tuple[str, str]],
    lower_is_better: Container[str],
    primary: str,
    fixed: Container[str] = (),
    points: Container[str] = (),
    paired: Container[tuple[str, str]] = (),
) -> pd.DataFrame:
    """One row per pair of methods (the second is the reference), subset and metric.

    `runs`: for each method the `resampled_scores` of each seed; `subset` [N]: of each image;
    `lower_is_better`: the keys of metrics with that direction; `primary`: the key of the primary
    metric; `fixed`: methods that are only images, without seeds; `points`: methods that only belong
    to a sweep; `paired`: pairs whose runs of one seed start from the same weights.

    Columns: ablation, reference, subset, metric; role (primary: the primary metric over all subsets
    for pairs without fixed methods and points; otherwise descriptive); seeds (of the method, 0 for
    fixed methods); level (of both intervals: 0.95, in primary rows 1 - 0.05 / their number);
    difference; run_low, run_high, run_verdict (over test images: about this run); low, high,
    verdict (over test images and seeds: about the methods; NaN, and so undecided, if a side with
    seeds has only one seed).
    """
    family = [pair for pair in pairs if not any(name in fixed or name in points for name in pair)]
    sizes = {name: (int(mask.sum()), 1) for name, mask in subset_masks(subset).items()}
    sizes[POOLED] = (len(subset), len(sizes) - 1)
    rows = []
    for pair in pairs:
        for place, metric in runs[pair[0]][0]:
            method, other = (
                np.stack([scores[place, metric] for scores in runs[name]]) for name in pair
            )
            sides = zip(pair, (method, other), strict=True)
            trained = [own for name, own in sides if name not in fixed]
            is_primary = metric == primary and place == POOLED and pair in family
            level = 1 - (1 - LEVEL) / len(family) if is_primary else LEVEL
            estimate = float(method[:, 0].mean() - other[:, 0].mean())
            on_images = spread_over_images(method, other, *sizes[place])
            on_run, on_methods = interval(estimate, level, on_images), (np.nan, np.nan)
            if trained and min(map(len, trained)) > 1:
                on_seeds = spread_over_seeds(trained, pair in paired)
                on_methods = interval(estimate, level, on_images, on_seeds)
            role = "primary" if is_primary else "descriptive"
            seeds = 0 if pair[0] in fixed else len(method)
            lower = metric in lower_is_better
            found = [(*ends, verdict(*ends, lower)) for ends in (on_run, on_methods)]
            rows.append((*pair, place, metric, role, seeds, level, estimate, *found[0], *found[1]))
    return pd.DataFrame(rows, columns=COLUMNS)
