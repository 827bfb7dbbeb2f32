"""Runs with nothing true in them: all methods draw from one distribution."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from photosketch.evaluation import significance
from photosketch.evaluation.files import pairs_to_compare

METHODS = ("reference", "a", "b", "c")
Runs = dict[str, list[dict[tuple[str, str], np.ndarray]]]


def nothing_true(
    random: np.random.Generator,
    subset: np.ndarray,
    *,
    dimensions: int = 64,
    correlation: float = 0.5,
    seeds: int = 1,
    scatter: float = 0.0,
    shared: float = 0.0,
    draws: int = significance.DRAWS,
) -> Runs:
    """The resampled scores of four methods, none better than another.

    A run draws each person (subset [N]) by features of unequal scale and of the given correlation
    with the true sketch's, all off by one same step. With one seed the four runs are alike: what
    differs is the noise of the single image. With several, each run is off by a step of its own of
    the size `scatter` as well, of one distribution for all methods: runs differ, methods do not.
    `shared`: the share of a step's variance that the runs of one seed have in common.
    """
    scale = np.linspace(0.2, 2, dimensions)
    person = random.normal(size=(len(subset), dimensions))

    def drawn() -> np.ndarray:
        noise = random.normal(size=person.shape)
        return scale * (correlation**0.5 * person + (1 - correlation) ** 0.5 * noise)

    def step(common: np.ndarray) -> np.ndarray:
        own = random.normal(size=common.shape)
        return scatter * (shared**0.5 * common + (1 - shared) ** 0.5 * own)

    def run(common: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        moved = step(common)
        generated = drawn() + 0.3 + moved[1:]
        ssim = random.normal(person[:, 0]) + moved[0]
        images = {"ssim": ssim[None]}
        return significance.resampled_scores(real, generated[None], images, subset, counts)

    real, counts = drawn(), significance.resample(subset, draws, seed=int(random.integers(1 << 31)))
    steps = random.normal(size=(seeds, dimensions + 1))
    return {name: [run(common) for common in steps] for name in METHODS}


def tabulated(
    runs: Runs,
    subset: np.ndarray,
    primary: str = "fid",
    contrasts: Sequence[Sequence[str]] = (),
    paired: bool = False,
) -> pd.DataFrame:
    """Their table of differences, by a primary metric; `paired`: by seed, in all pairs."""
    pairs = pairs_to_compare(runs, METHODS[0], contrasts)
    together = pairs if paired else []
    return significance.differences(runs, subset, pairs, ["fid", "kid"], primary, paired=together)


def says_something(table: pd.DataFrame, column: str) -> bool:
    """Whether a primary line of the table says better or worse."""
    return bool((table.loc[table["role"] == "primary", column] != "undecided").any())
