"""How many tables hold a false verdict where nothing is true.

Four methods that draw from one distribution, one of them the reference: every primary verdict other
than undecided is false, and so is the table that holds one. With one seed the verdict on the runs
counts, with three seeds, which scatter, that on the methods. The share of lines that say better or
worse by their own 95% intervals is told too.
"""

import numpy as np

import bench_common
from support.nothing_true import nothing_true, says_something, tabulated

MOST = 0.06  # share of tables with a false primary verdict
PRIMARY = ("fid", "kid", "ssim")
CASES = {  # name: seeds, their scatter, the column of the verdict
    "one seed, on these runs": (1, 0.0, "run_verdict"),
    "three seeds, on the methods": (3, 0.3, "verdict"),
}


def main(repeats: int = 400, images: int = 24, dimensions: int = 64) -> dict[str, float]:
    """Print and return the shares of false tables, by case and primary metric."""
    subset = np.repeat(["first", "second"], [images // 2, images - images // 2])
    shares = {}
    for name, (seeds, scatter, column) in CASES.items():
        false, said, lines = dict.fromkeys(PRIMARY, 0), 0, 0
        for repeat in range(repeats):
            random = np.random.default_rng(repeat)
            runs = nothing_true(
                random, subset, dimensions=dimensions, seeds=seeds, scatter=scatter, draws=40
            )
            for primary in PRIMARY:
                table = tabulated(runs, subset, primary)
                false[primary] += says_something(table, column)
            descriptive = table[table["role"] == "descriptive"]
            said += int((descriptive[column] != "undecided").sum())
            lines += len(descriptive)
        for primary, count in false.items():
            share = shares[f"{primary}, {name}"] = count / repeats
            print(
                f"{name}, primary {primary}: {count} of {repeats} tables hold a false verdict"
                + ("" if share <= MOST else f", MORE THAN {MOST:.0%}"),
                flush=True,
            )
        print(f"{name}: {said / lines:.1%} of the descriptive lines say something", flush=True)
    return shares


if __name__ == "__main__":
    bench_common.start(main)
