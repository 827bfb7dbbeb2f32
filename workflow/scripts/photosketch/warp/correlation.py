"""How alike patches of two pictures are: normalised cross-correlation in whole numbers.

Sums of whole numbers are the same in any order, so a correlation is the same to the last bit with
every processor, library and memory layout. If nothing varies, the correlation is 0, where OpenCV's
`matchTemplate` divides one rounding error by another.
"""

import cv2
import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from photosketch.data.array_types import Field

_STEPS = 16  # per gray level, to which pictures are rounded
_LEAST_SPREAD = 0.5  # gray levels: a smaller spread is grain and counts as this
_AT_ONCE = 64  # patches, so that their transforms stay in the cache

Pixels = NDArray[np.int64]
Values = NDArray[np.float64]


class Picture:
    """A picture of gray levels [H, W] between -2,000 and 2,000, in whole numbers.

    values [H, W]: gray levels in sixteenths. A patch is a square of `count` values that reaches
    `half` pixels from its middle. sums, spreads [H - 2 half, W - 2 half]: a patch's sum, and
    `count` times its standard deviation.
    """

    def __init__(self, gray: Field, half: int) -> None:
        self.half, self.count = half, (2 * half + 1) ** 2
        self.values: Values = np.rint(gray * _STEPS).astype(np.float64)
        inner, patch = np.s_[half:-half, half:-half], (2 * half + 1,) * 2
        self.sums, squares = (
            summed(self.values, cv2.CV_64F, patch, normalize=False)[inner]
            for summed in (cv2.boxFilter, cv2.sqrBoxFilter)
        )
        self.spreads: Values = np.sqrt(self.count * squares - self.sums**2)

    def spread(self, rows: Pixels, columns: Pixels) -> Values:
        """The standard deviation [M] of the patches around pixels, in gray levels."""
        return self.spreads[rows - self.half, columns - self.half] / (self.count * _STEPS)


def correlations(
    here: Picture, there: Picture, rows: Pixels, columns: Pixels, search: int
) -> Values:
    """The correlations [M, S, S] of patches of one picture with patches of another nearby.

    The patches lie around the pixels (rows, columns) [M] of `here`. S is 2 search + 1, and
    [m, search + y, search + x] is the correlation with the patch of `there` that lies x to the
    right and y down. Both pictures must reach `half + search` pixels or more around all places.
    """
    half, count = here.half, here.count
    shifts = 2 * search + 1
    size = (scipy.fft.next_fast_len(2 * (half + search) + 1, real=True),) * 2
    least = count * _STEPS * _LEAST_SPREAD
    own, others = (np.maximum(picture.spreads, least) for picture in (here, there))
    patches, windows = _squares(here.values, half), _squares(there.values, half + search)
    sums, spreads = _squares(there.sums, search), _squares(others, search)
    upper, left = rows - half, columns - half  # squares are indexed by their upper left pixels
    found = np.empty((len(rows), shifts, shifts))
    for start in range(0, len(rows), _AT_ONCE):
        y, x = upper[start : start + _AT_ONCE], left[start : start + _AT_ONCE]
        first = y - search, x - search
        spectrum = scipy.fft.rfft2(windows[first], size)
        spectrum *= scipy.fft.rfft2(patches[y, x], size).conj()
        products = scipy.fft.irfft2(spectrum, size)[:, :shifts, :shifts]
        # Rounding is exact: with values below 2^15 the error is at most 2e-3.
        covariances = count * np.rint(products)
        covariances -= here.sums[y, x, None, None] * sums[first]
        found[start : start + _AT_ONCE] = covariances / (own[y, x, None, None] * spreads[first])
    return found


def _squares(values: Values, reach: int) -> Values:
    """A view of all squares in [H, W]: [H - 2 reach, W - 2 reach, 2 reach + 1, 2 reach + 1]."""
    return sliding_window_view(values, (2 * reach + 1,) * 2)
