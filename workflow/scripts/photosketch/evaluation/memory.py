"""The metric `memory`: are drawn sketches closer to training sketches than true sketches are?

docs/metrics.md defines it. Noise and blur increase both distances of the ratio.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from photosketch.evaluation.files import Features

ONE_IN = 20  # one in so many sketches that copy nothing is below the limit


@dataclass(frozen=True)
class Memory:
    """Features of training and of true test sketches, and limits [N]: a drawn sketch of test person
    i counts as copied below that ratio of distances. NaN in a subset of fewer than 19 people."""

    training: Features
    real: Features
    limits: np.ndarray

    @classmethod
    def of(cls, training: Features, real: Features) -> "Memory":
        """Each subset's limit is such that a true sketch of one more person would be below it in at
        most one of `ONE_IN` cases, for any split into test and training people."""
        memory = cls(training, real, np.full(len(real.ids), np.nan))
        _, ratios = memory.nearest(real.features)
        for name in np.unique(real.subset):
            mask = real.subset == name
            if rank := (mask.sum() + 1) // ONE_IN:
                memory.limits[mask] = np.sort(ratios[mask])[rank - 1]
        return memory

    def nearest(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The position [N] of the nearest training sketch, and the ratio of distances [N]; features
        [N, D]: of drawn sketches, in the order of the true sketches."""
        to_training = cdist(features, self.training.features)
        to_others = cdist(features, self.real.features)
        np.fill_diagonal(to_others, np.inf)
        return to_training.argmin(axis=1), to_training.min(axis=1) / to_others.min(axis=1)

    def copied(self, ratios: np.ndarray) -> np.ndarray:
        """[N]: 1 if a drawn sketch is below its limit, else 0; NaN without a limit."""
        return np.where(np.isnan(self.limits), np.nan, ratios < self.limits)
