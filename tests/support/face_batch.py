"""Frames for tests: noise, with a head and points where the aligned faces have them."""

import torch

from photosketch.training.tensors import Batch, PackedSet

FRAME = 256
# The two eyes, nose and mouth corners of a 200x250 face in the frame.
POINTS = [[103.3, 129.0], [154.0, 129.0], [128.6, 157.2], [108.1, 183.4], [149.9, 183.4]]


def face_batch(
    count: int = 1, sketch_channels: int = 1, seed: int = 0, frame: int = FRAME
) -> Batch:
    """`count` random frames; the image is 200x250 at (28, 3), the head a narrow box.

    Some of the eyes' rectangles lies in the background. In a frame of 512 all is twice as large.
    """
    random = torch.Generator().manual_seed(seed)
    scale = frame // FRAME
    parsing = torch.zeros(count, frame, frame, dtype=torch.uint8)
    parsing[:, 40 * scale : 253 * scale, 85 * scale : 180 * scale] = 2
    valid = torch.zeros(count, 1, frame, frame, dtype=torch.bool)
    valid[:, :, 3 * scale : 253 * scale, 28 * scale : 228 * scale] = True
    return Batch(
        photo=torch.rand(count, 3, frame, frame, generator=random) * 2 - 1,
        sketch=torch.rand(count, sketch_channels, frame, frame, generator=random) * 2 - 1,
        landmarks=torch.tensor([POINTS] * count) * scale,
        parsing=parsing,
        valid=valid,
    )


def packed_pairs(device: torch.device | str = "cpu", frame: int = FRAME) -> PackedSet:
    """Three pairs of smooth random images; in a frame of 512 all is twice as large."""
    random = torch.Generator().manual_seed(3)
    scale = frame // FRAME

    def images(channels: int) -> torch.Tensor:
        coarse = torch.rand(3, channels, 8, 8, generator=random)
        fine = torch.nn.functional.interpolate(coarse, frame, mode="bilinear")
        return (fine * 255).byte().permute(0, 2, 3, 1).contiguous().to(device)

    points = torch.tensor([[103.0, 129], [154, 129], [128, 160], [110, 185], [146, 185]])
    parsing = torch.zeros(3, frame, frame, dtype=torch.uint8)
    parsing[:, 40 * scale : 220 * scale, 60 * scale : 200 * scale] = 2
    return PackedSet(
        ids=["1", "2", "3"],
        subset=["a", "a", "b"],
        photo=images(3),
        sketch=images(1),
        landmarks=(scale * points).expand(3, -1, -1).contiguous().to(device),
        parsing=parsing.to(device),
        size=(200 * scale, 250 * scale),
        offset=(28 * scale, 3 * scale),
        pad_value=0,
    )
