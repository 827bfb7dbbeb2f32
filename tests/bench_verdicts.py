"""The share of tables with a false verdict if no methods differ.

Four methods have one distribution, and one of them is the reference. Every primary verdict except
undecided is false. With one seed the verdict on the runs counts, with three seeds the verdict on
the methods. Cases: with and without contrasts of the other methods, and runs paired by seed that
share part of their scatter or nothing. Also printed: the share of descriptive lines whose own 95%
interval gives a verdict.
"""

import numpy as np

import bench_common
from support.nothing_true import METHODS, nothing_true, says_something, tabulated

MOST = 0.06  # share of tables with a false primary verdict
PRIMARY = ("fid", "kid", "ssim")
CASES = {  # name: seeds, their scatter, what runs of a seed share, paired, the verdict's column
    "one seed, on these runs": (1, 0.0, 0.0, False, "run_verdict"),
    "three seeds, on the methods": (3, 0.3, 0.0, False, "verdict"),
    "three seeds, paired, nothing shared": (3, 0.3, 0.0, True, "verdict"),
    "three seeds, paired, 80% shared": (3, 0.3, 0.8, True, "verdict"),
}
CONTRASTS = {"": (), ", with contrasts": (METHODS[1:3], METHODS[2:4])}


def main(repeats: int = 400, images: int = 24, dimensions: int = 64) -> dict[str, float]:
    """Print and return the shares of false tables, by case and primary metric."""
    subset = np.repeat(["first", "second"], [images // 2, images - images // 2])
    shares = {}
    for name, (seeds, scatter, shared, paired, column) in CASES.items():
        kinds = [(primary, more) for primary in PRIMARY for more in CONTRASTS]
        false, said, lines = dict.fromkeys(kinds, 0), 0, 0
        for repeat in range(repeats):
            random = np.random.default_rng(repeat)
            runs = nothing_true(
                random,
                subset,
                dimensions=dimensions,
                seeds=seeds,
                scatter=scatter,
                shared=shared,
                draws=40,
            )
            for primary, more in kinds:
                table = tabulated(runs, subset, primary, CONTRASTS[more], paired)
                false[primary, more] += says_something(table, column)
            descriptive = table[table["role"] == "descriptive"]
            said += int((descriptive[column] != "undecided").sum())
            lines += len(descriptive)
        for (primary, more), count in false.items():
            share = shares[f"{primary}, {name}{more}"] = count / repeats
            print(
                f"{name}{more}, primary {primary}: {count} of {repeats} tables have a false verdict"
                + ("" if share <= MOST else f", MORE THAN {MOST:.0%}"),
                flush=True,
            )
        print(f"{name}: {said / lines:.1%} of the descriptive lines have a verdict", flush=True)
    return shares


if __name__ == "__main__":
    bench_common.start(main)
