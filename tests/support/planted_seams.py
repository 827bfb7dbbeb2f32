"""Seams planted into sketches: one part of a face made darker than the true sketch has it."""

from functools import reduce

import numpy as np

from photosketch.geometry.patches import PATCHES, corners


def part_masks(points: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The six parts of a face, bool [H, W] each, as training cuts them out."""
    height, width = labels.shape
    y, x = np.ogrid[:height, :width]
    masks = {}
    for patch, (left, top) in zip(PATCHES, corners(points, (width, height)), strict=True):
        columns = (x >= left) & (x < left + patch.width)
        masks[patch.name] = columns & (y >= top) & (y < top + patch.height)
    covered = reduce(np.logical_or, masks.values())
    return masks | {"hair": (labels > 0) & ~covered, "background": labels == 0}


def planted(sketch: np.ndarray, mask: np.ndarray, contrast: float) -> np.ndarray:
    """A sketch [H, W] uint8, darker by `contrast` gray levels where `mask` is true."""
    return np.clip(np.where(mask, sketch - float(contrast), sketch), 0, 255).astype(np.uint8)
