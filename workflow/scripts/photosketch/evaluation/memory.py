"""Memory: whether drawn sketches lie nearer to training sketches than true ones do.

How near is relative: the distance to the nearest training sketch over that to the nearest true
sketch of another test person, both by the feature network. Noise and blur move a sketch away from
both alike, so that a blurred copy is still nearer to the one that it was copied from.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from photosketch.evaluation.distances import subset_masks
from photosketch.evaluation.files import POOLED, Features

ONE_IN = 20  # of the sketches that copy nothing is below the limit


@dataclass(frozen=True)
class Memory:
    """Features of training and of true test sketches; limits [N]: the ratio of distances that a
    drawn sketch of test person i has to reach; NaN in a subset of fewer than 19 people."""

    training: Features
    real: Features
    limits: np.ndarray

    @classmethod
    def of(cls, training: Features, real: Features) -> "Memory":
        """The limits are such that a true sketch of one more person would be below that of its
        subset in at most one case of `ONE_IN`, as for any split into test and training people."""
        memory = cls(training, real, np.full(len(real.ids), np.nan))
        _, ratios = memory.nearest(real.features)
        for name, mask in subset_masks(real.subset).items():
            rank = (int(mask.sum()) + 1) // ONE_IN
            if name != POOLED and rank:
                memory.limits[mask] = np.sort(ratios[mask])[rank - 1]
        return memory

    def nearest(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of drawn sketches' features [N, D], in the order of the true ones: the position [N] of
        the nearest training sketch, and the ratio of distances [N], about 1 without a copy."""
        to_training = cdist(features, self.training.features)
        to_others = cdist(features, self.real.features)
        np.fill_diagonal(to_others, np.inf)
        return to_training.argmin(axis=1), to_training.min(axis=1) / to_others.min(axis=1)

    def copied(self, ratios: np.ndarray) -> np.ndarray:
        """1 if a drawn sketch lies below its limit, else 0; NaN without a limit. [N]"""
        return np.where(np.isnan(self.limits), np.nan, ratios < self.limits)

    def names(self, positions: np.ndarray) -> list[str]:
        """SUBSET/ID of training sketches."""
        subsets, ids = self.training.subset[positions], self.training.ids[positions]
        return [f"{subset}/{id}" for subset, id in zip(subsets, ids, strict=True)]
