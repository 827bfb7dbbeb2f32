"""How often the intervals of the votes' scores contain the true score.

Panels of several sizes vote on four methods of known strength (1, 0.5, 0, -0.5), with and without
scatter of the strength between voters and between people. With one voter the interval is over
people only, so voters do not scatter.
"""

import numpy as np

import bench_common
from support.panels import coverage

STRENGTHS = np.array([1.0, 0.5, 0.0, -0.5])
LEAST = 0.93
SIZES = ((1, 12), (2, 12), (3, 12), (5, 12), (10, 12), (10, 24))  # voters, people
SCATTERS = ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0))  # of voters, of people


def main(repeats: int = 200) -> dict[tuple[float, ...], tuple[float, float]]:
    """Print and return coverage and median half-width, by size and scatter."""
    found = {}
    for voters, people in SIZES:
        for scatter in SCATTERS:
            own = (0.0 if voters == 1 else scatter[0], scatter[1])
            case = (voters, people, *own)
            found[case] = coverage(repeats, STRENGTHS, *case)
            covered, width = found[case]
            print(
                f"{voters} voters, {people} people, scatter {own[0]} and {own[1]}: "
                f"{covered:.1%} of the intervals contain the true score, half-width {width:.2f}"
                + ("" if covered >= LEAST else f", LESS THAN {LEAST:.0%}"),
                flush=True,
            )
    return found


if __name__ == "__main__":
    bench_common.start(main)
