"""Which of many images a figure with room for a few shows."""

import numpy as np


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most that many positions out of `count`, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()
