"""Frames for tests: noise, with a head and points where the aligned faces have them."""

import torch

from photosketch.config import FRAME
from photosketch.training.tensors import Batch, PackedSet

# The two eyes, nose and mouth corners of a 200x250 face in the frame.
POINTS = [[103.3, 129.0], [154.0, 129.0], [128.6, 157.2], [108.1, 183.4], [149.9, 183.4]]


def face_batch(count: int = 1, sketch_channels: int = 1, seed: int = 0) -> Batch:
    """`count` random frames; the image is 200x250 at (28, 3), the head a narrow box.

    Some of the eyes' rectangles lies in the background.
    """
    random = torch.Generator().manual_seed(seed)
    parsing = torch.zeros(count, FRAME, FRAME, dtype=torch.uint8)
    parsing[:, 40:253, 85:180] = 2
    valid = torch.zeros(count, 1, FRAME, FRAME, dtype=torch.bool)
    valid[:, :, 3:253, 28:228] = True
    return Batch(
        photo=torch.rand(count, 3, FRAME, FRAME, generator=random) * 2 - 1,
        sketch=torch.rand(count, sketch_channels, FRAME, FRAME, generator=random) * 2 - 1,
        landmarks=torch.tensor([POINTS] * count),
        parsing=parsing,
        valid=valid,
    )


def packed_pairs(device: torch.device | str = "cpu") -> PackedSet:
    """Three pairs of smooth random images."""
    random = torch.Generator().manual_seed(3)

    def images(channels: int) -> torch.Tensor:
        coarse = torch.rand(3, channels, 8, 8, generator=random)
        fine = torch.nn.functional.interpolate(coarse, FRAME, mode="bilinear")
        return (fine * 255).byte().permute(0, 2, 3, 1).contiguous().to(device)

    points = torch.tensor([[103.0, 129], [154, 129], [128, 160], [110, 185], [146, 185]])
    parsing = torch.zeros(3, FRAME, FRAME, dtype=torch.uint8)
    parsing[:, 40:220, 60:200] = 2
    return PackedSet(
        ids=["1", "2", "3"],
        subset=["a", "a", "b"],
        photo=images(3),
        sketch=images(1),
        landmarks=points.expand(3, -1, -1).contiguous().to(device),
        parsing=parsing.to(device),
        size=(200, 250),
        offset=(28, 3),
        pad_value=0,
    )
