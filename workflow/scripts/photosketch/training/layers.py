"""Layers of several networks: dropout of half of the values, padding by reflection."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HalfDropout(nn.Dropout):
    """Dropout of half of the values; the other half is doubled. Off in `eval()`. On a CPU one
    random bit decides, which is ten times as fast as torch's number for each value. The bits belong
    to positions in the order [B, H, W, C], so that every memory format drops the same values."""

    random: torch.Generator | None = None  # of the features' device; None: torch's global state

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return features
        if features.device.type != "cpu":
            if self.random is None:
                return F.dropout(features, 0.5)
            return features * torch.empty_like(features).bernoulli_(generator=self.random).mul_(2)
        batch, channels, height, width = features.shape
        shape = (features.numel() // 64 + 1,)
        words = torch.randint(-(2**63), 2**63 - 1, shape, generator=self.random)
        places = torch.arange(8, dtype=torch.uint8)
        bits = ((words.view(torch.uint8)[:, None] >> places) & 1).flatten()[: features.numel()]
        passed = bits.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return features * passed.to(features.dtype).mul_(2)


class ReflectionPad(nn.Module):
    """Padding by the image mirrored at its border pixels, like `nn.ReflectionPad2d`, whose gradient
    is not deterministic on CUDA."""

    def __init__(self, margin: int) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, H + 2 margin, W + 2 margin]; sides must exceed `margin`."""
        for dim in (2, 3):
            size = image.shape[dim]
            before = image.narrow(dim, 1, self.margin).flip(dim)
            after = image.narrow(dim, size - 1 - self.margin, self.margin).flip(dim)
            image = torch.cat([before, image, after], dim=dim)
        return image
