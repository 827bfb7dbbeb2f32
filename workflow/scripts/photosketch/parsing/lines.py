"""Dark lines in a picture: the best path through the columns, and where a line ends."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data.array_types import Field

Rows = NDArray[np.int64]


def trace(score: Field, stiffness: float) -> Rows:
    """The row in each column [W] of the path that gathers the most of a score [H, W]. From one
    column to the next it rises or falls by d rows, at most 2, which costs stiffness * d^2."""
    height, width = score.shape
    leap = 2
    steps = np.arange(-leap, leap + 1)
    price = (stiffness * steps**2).astype(np.float32)[:, None]
    rows = np.arange(height)
    sources = rows + steps[:, None]  # [steps, H]
    padded = np.full(height + 2 * leap, -np.inf, np.float32)
    came = np.zeros((width, height), np.int64)
    best = score[:, 0]
    for column in range(1, width):
        padded[leap:-leap] = best
        options = padded[sources + leap] - price
        choice = options.argmax(0)
        came[column] = sources[choice, rows]
        best = options[choice, rows] + score[:, column]
    path = np.empty(width, np.int64)
    path[-1] = int(best.argmax())
    for column in range(width - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path


def ridge(field: Field, reach: float) -> Field:
    """How far a field [H, W] rises above the pixels `reach` rows over and under, the larger."""
    steps = max(1, round(reach))
    rows = np.arange(len(field))
    over, under = np.maximum(rows - steps, 0), np.minimum(rows + steps, len(field) - 1)
    return field - np.maximum(field[over], field[under])


def ends(values: Field, middle: int, level: float, nearest: float, farthest: float) -> list[int]:
    """The first positions left and right of `middle` at which values [W] fall below a level. Both
    lie within the line, and between `nearest` and `farthest` away from the middle."""
    positions = []
    for direction in (-1, 1):
        away = np.arange(round(nearest), round(farthest) + 1)
        places = np.clip(middle + direction * away, 0, len(values) - 1)
        faded = np.flatnonzero(values[places] < level)
        positions.append(int(places[faded[0] if len(faded) else -1]))
    return positions


def blurred(values: Field, deviation: float) -> Field:
    """A line of values [W] blurred by a Gaussian of that standard deviation."""
    return cv2.GaussianBlur(values[None], (0, 0), deviation)[0]


def smoothed(values: NDArray[Any], width: float) -> NDArray[np.float64]:
    """The moving average of a line [W] over about `width` positions; its ends are repeated."""
    half = max(0, round((width - 1) / 2))
    padded = np.pad(values.astype(np.float64), half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")
