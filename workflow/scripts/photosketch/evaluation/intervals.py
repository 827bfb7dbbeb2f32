"""Confidence intervals of estimates with several sources of scatter, and the verdicts on them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # the quantiles of Student's t

LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """A variance of a difference, and the degrees of freedom of its estimate."""

    variance: float
    freedom: float


def interval(estimate: float, level: float, *spreads: Spread) -> tuple[float, float]:
    """The interval (low, high) of an estimate with one or several sources of scatter; NaN if a
    variance is NaN.

    Each source alone has a half-width by Student's t; the squares of the half-widths are added
    (Howe 1974, "Approximate confidence limits on the mean of X + Y"). Satterthwaite's degrees of
    freedom of the summed variance would trust two seeds that are close together by chance.
    """
    quantile = (1 + level) / 2
    reach = sum(float(stdtrit(each.freedom, quantile)) ** 2 * each.variance for each in spreads)
    return estimate - reach**0.5, estimate + reach**0.5


def verdict(low: float, high: float, lower_is_better: bool) -> str:
    """`better`, `worse` or `undecided`: the verdict on a method from a difference's interval."""
    if low <= 0 <= high or np.isnan(low) or np.isnan(high):
        return "undecided"
    return "better" if (high < 0) == lower_is_better else "worse"
