"""FID, FID of other people, and KID if real and drawn sketches show the same people: a simulation.

The features of a true sketch are x ~ N(0, I). The features of the same person's drawn sketch are
made from x and correlate with x. docs/measurements.md has these figures.

SHARE: a smaller share of the draws, for a quick look.
"""

from collections.abc import Callable

import numpy as np

import bench_common
from photosketch.evaluation import distances
from photosketch.evaluation.distances import InnerProducts, fid_of_others, weighted_fid

PEOPLE = 100
DIMENSIONS = 40  # of the features for FID; those for KID have 8
CORRELATIONS = (0.0, 0.5, 0.9)
SHIFT = 0.5  # squared distance of the means in the cases with a true KID above 0
FID_DRAWS, KID_DRAWS = 40, 1000
Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]  # true features and noise -> drawn features


def correlated(correlation: float) -> Draw:
    """Drawn sketches with the distribution of the true sketches."""
    return lambda true, noise: correlation * true + np.sqrt(1 - correlation**2) * noise


def fids(draw: Draw, draws: int) -> tuple[float, float]:
    """FID of the same people, and FID, other people: the mean of each."""
    random = np.random.default_rng(0)
    everybody, once = np.full(PEOPLE, "people"), np.ones(PEOPLE, int)
    values = []
    for _ in range(draws):
        true, noise = random.normal(size=(2, PEOPLE, DIMENSIONS))
        products = InnerProducts.of(true, draw(true, noise))
        values.append([weighted_fid(products, once), fid_of_others(products, everybody)[0]])
    same, other = np.mean(values, axis=0)
    return float(same), float(other)


def shifted_kid(shift: float, dimensions: int = 8) -> float:
    """KID of N(0, I) and N(mu, I) with |mu|^2 = shift, from their first three moments."""
    third = shift**3 + 6 * shift**2 + (3 * dimensions + 6) * shift
    return 3 * shift / dimensions + 3 * shift**2 / dimensions**2 + third / dimensions**3


def kids(shift: float, correlation: float, draws: int) -> dict[str, float]:
    """The bias of KID with and without the terms of one person's two sketches, the bias's standard
    error, and the share of intervals that contain the truth."""
    random = np.random.default_rng(0)
    mean = np.zeros(8)
    mean[0] = np.sqrt(shift)
    truth, once = shifted_kid(shift), np.ones(PEOPLE, int)
    with_own, without, held = [], [], 0
    for _ in range(draws):
        true, noise = random.normal(size=(2, PEOPLE, 8))
        drawn = mean + correlated(correlation)(true, noise)
        products = InnerProducts.of(true, drawn)
        low, high = distances.kid_interval(products)
        held += low <= truth <= high
        with_own.append(distances.kid(true, drawn, once) - truth)
        without.append(distances.weighted_kid(products, once) - truth)
    return {
        "with_own": float(np.mean(with_own)),
        "bias": float(np.mean(without)),
        "error": float(np.std(without, ddof=1) / np.sqrt(draws)),
        "coverage": held / draws,
    }


def main(share: float = 1.0) -> dict[str, float]:
    """Print and return the means, biases and coverages."""
    results = {}
    sketches: dict[str, Draw] = {
        **{f"alike, correlation {value}": correlated(value) for value in CORRELATIONS},
        "true sketches, damaged": lambda true, noise: true + 0.5 * noise,
        "of less variety": lambda true, noise: 0.8 * noise,
    }
    for name, draw in sketches.items():
        same, other = fids(draw, max(2, round(share * FID_DRAWS)))
        results[f"fid, {name}"], results[f"fid_other, {name}"] = same, other
        print(f"{name}: FID {same:.1f}, FID, other people {other:.1f}", flush=True)
    for shift in (0.0, SHIFT):
        for correlation in CORRELATIONS:
            found = kids(shift, correlation, max(20, round(share * KID_DRAWS)))
            name = f"KID {1000 * shifted_kid(shift):.0f}, correlation {correlation}"
            results |= {f"{name}: {key}": value for key, value in found.items()}
            print(
                f"true {name} (×1000): bias {1000 * found['bias']:+.2f} "
                f"± {1000 * found['error']:.2f}, with a person's own two sketches "
                f"{1000 * found['with_own']:+.2f}; in the interval {found['coverage']:.1%}",
                flush=True,
            )
    return results


if __name__ == "__main__":
    bench_common.start(main)
