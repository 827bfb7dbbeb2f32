"""The arrays that the image code passes around, by what they hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # uint8, a photo [H, W, 3] RGB or a sketch [H, W] gray
Labels = NDArray[Any]  # uint8 [H, W] or [N, H, W], by parsing.labels.CLASSES
Points = NDArray[Any]  # floating [N, 2], (x, y) in pixels, pixel centres at integers
Field = NDArray[Any]  # floating [H, W] or [H, W, C]
Mask = NDArray[np.bool_]  # [H, W]
