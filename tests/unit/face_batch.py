"""A batch of frames for tests: noise, with a head and points where the aligned faces have them."""

import torch

from photosketch.config import FRAME
from photosketch.tensors import Batch

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
