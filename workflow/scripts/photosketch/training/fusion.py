"""Fusions: four ways to make one sketch from the whole frame's sketch and the parts' sketches.

[1] Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait Drawings From Face Photos With
    Hierarchical GANs, CVPR 2019.

`apdrawing` is the fusion of [1]. The other three are ours, made to find out whether the fusion of
[1] causes the seams. Arguments of all: the whole frame's sketch [B, C, F, F], the parts' sketches
by name as `networks.LocalGenerators` draws them, and the parts' regions. All return the sketch
[B, C, F, F] in [-1, 1]. Nothing here waits for the device (so a CUDA graph can record it), and
gradients are deterministic.
"""

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photosketch.configuration.settings import FusionName
from photosketch.geometry.patches import PARTS
from photosketch.training.layers import HalfDropout, ReflectionPad
from photosketch.training.parts import Regions, compose, layers, masks

RAMP = 8  # pixels in a frame of 256, over which a part's weight rises from its region's edge


class Residual(nn.Module):
    """A residual block of two 3x3 convolutions, with dropout between them, as in [1]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            HalfDropout(),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


class NetworkFusion(nn.Sequential):
    """image = N(whole, second), with the fusion network N of [1]. `second` is, as in [1], the
    minimum of the parts, each white outside its region, so that a pixel of only one region is that
    part's pixel; if `feathered`, it is blend(whole, parts): ours."""

    def __init__(self, ngf: int, sketch_channels: int, *, feathered: bool) -> None:
        super().__init__(
            ReflectionPad(3),
            nn.Conv2d(2 * sketch_channels, ngf, 7, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(),
            Residual(ngf),
            Residual(ngf),
            ReflectionPad(3),
            nn.Conv2d(ngf, sketch_channels, 7),
            nn.Tanh(),
        )
        self.feathered = feathered

    def forward(  # type: ignore[override]
        self, whole: Tensor, parts: dict[str, Tensor], regions: Regions
    ) -> Tensor:
        second = blend(whole, parts, regions) if self.feathered else compose(parts, regions)
        return super().forward(torch.cat([whole, second], dim=1))


class BlendFusion(nn.Module):
    """image = blend(whole, parts), without parameters. Ours."""

    def forward(self, whole: Tensor, parts: dict[str, Tensor], regions: Regions) -> Tensor:
        return blend(whole, parts, regions)


class AttentionFusion(nn.Module):
    """image = sum over k of a_k sketch_k, the whole frame's sketch and the parts'. Ours. a is the
    softmax of A(whole, parts, masks) at each pixel, over the sketches that are defined there: the
    whole frame's sketch everywhere, a part only in its region. A has three convolutions (7x7, 3x3,
    3x3), and sees each part at its place in the frame, white around it."""

    def __init__(self, ngf: int, sketch_channels: int) -> None:
        super().__init__()
        seen = (1 + len(PARTS)) * sketch_channels + len(PARTS)
        self.network = nn.Sequential(
            ReflectionPad(3),
            nn.Conv2d(seen, ngf, 7, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(),
            ReflectionPad(1),
            nn.Conv2d(ngf, ngf, 3, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(),
            ReflectionPad(1),
            nn.Conv2d(ngf, 1 + len(PARTS), 3),
        )

    def forward(self, whole: Tensor, parts: dict[str, Tensor], regions: Regions) -> Tensor:
        sketches = [whole, *layers(parts, regions)]
        defined = masks(regions)
        logits = self.network(torch.cat([*sketches, defined.to(whole.dtype)], dim=1))
        defined = torch.cat([torch.ones_like(defined[:, :1]), defined], dim=1)  # [B, 7, H, W]
        weights = torch.where(defined, logits.float(), -torch.inf).softmax(dim=1)
        return weighted(sketches, weights)


def build_fusion(name: FusionName, ngf: int, sketch_channels: int) -> nn.Module:
    """The named fusion, with torch's default initial weights."""
    match name:
        case "apdrawing" | "feather":
            return NetworkFusion(ngf, sketch_channels, feathered=name == "feather")
        case "attention":
            return AttentionFusion(ngf, sketch_channels)
        case "blend":
            return BlendFusion()
    assert_never(name)


def blend(whole: Tensor, parts: dict[str, Tensor], regions: Regions) -> Tensor:
    """The parts feathered into the whole frame's sketch, [B, C, F, F]:
    (sum over k of r_k part_k + max(1 - s, 0) whole) / max(s, 1), with the `ramps` r_k of the
    regions and their sum s over k. The weights add up to 1. Where one part ends at another, all
    have faded into the whole frame's sketch. Overlapping rectangles share their weight."""
    rising = ramps(masks(regions))
    total = rising.sum(dim=1, keepdim=True)
    weights = torch.cat([(1 - total).clamp(min=0), rising], dim=1) / total.clamp(min=1)
    return weighted([whole, *layers(parts, regions)], weights)


def ramps(regions: Tensor) -> Tensor:
    """How much a pixel belongs to its region: masks [B, K, F, F] bool to float32 in [0, 1], by
    3 t^2 - 2 t^3 of t = d / (n + 1). d is the distance to the nearest pixel outside in rows or
    columns, whichever is larger, at most n + 1; n is `RAMP` in a frame of 256. A frame's edge ends
    no region."""
    values = RAMP * regions.shape[-1] // 256
    outside = (~regions).float()
    distance = 1 - outside
    for _ in range(values):
        outside = F.max_pool2d(outside, 3, stride=1, padding=1)
        distance = distance + (1 - outside)
    part_of_way = distance / (values + 1)
    return part_of_way.square() * (3 - 2 * part_of_way)


def weighted(sketches: list[Tensor], weights: Tensor) -> Tensor:
    """The sum of sketches, each [B, C, H, W], with their weights [B, K, H, W]."""
    return (weights[:, :, None] * torch.stack(sketches, dim=1)).sum(dim=1)
