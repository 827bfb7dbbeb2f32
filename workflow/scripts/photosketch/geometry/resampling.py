"""Move a picture by a similarity transform, with a low-pass filter if it shrinks."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image as Pillow

from photosketch.data.array_types import Image
from photosketch.geometry.similarity import Similarity


def resampled(
    image: Image, transform: Similarity, size: Sequence[int], fill: Sequence[float] | None = None
) -> Image:
    """An image [H, W, 3] or [H, W] uint8, moved by `transform` into a picture of `size` (width,
    height). Pixels that the image does not cover get the colour `fill`, by default `background`.

    An image that grows is interpolated cubically. An image that shrinks is first interpolated on a
    finer grid, whose pixels are no larger than the image's, then reduced by a Lanczos filter of
    three lobes. A zone plate was shrunk to half and turned by 20 degrees: of the 90 gray levels of
    the frequencies that can't be kept, 17 remain. Means over areas: 39. No filter: 81.
    """
    finer = max(1, math.ceil(1 / transform.scale))
    matrix = transform.array() * finer
    matrix[:, 2] += (finer - 1) / 2  # pixel centres are at integers in both grids
    width, height = size
    colour = background(image).tolist() if fill is None else fill
    finer_size = width * finer, height * finer
    fine = cv2.warpAffine(image, matrix, finer_size, flags=cv2.INTER_CUBIC, borderValue=colour)
    if finer == 1:
        return fine
    resampling = Pillow.Resampling.LANCZOS
    return np.asarray(Pillow.fromarray(fine).resize((width, height), resampling))


def background(image: Image) -> Image:
    """The colour [3] (the level, if gray) behind a face [H, W, 3] or [H, W]: each channel's median
    along the upper border and the upper halves of the sides, away from hair and clothes."""
    half = max(1, image.shape[0] // 2)
    border = np.concatenate([image[0], image[:half, 0], image[:half, -1]])
    return np.median(border, axis=0)
