"""The six parts of a face that the local networks work on, cut out of the frame and put back.

The parts are those of APDrawingGAN (Yi, Liu, Lai, Rosin: APDrawingGAN: Generating Artistic Portrait
Drawings From Face Photos With Hierarchical GANs, CVPR 2019): four rectangles around facial points
(`photosketch.geometry.patches`), hair (the foreground outside the rectangles) and background (all
that is not foreground; padding counts as background).

Images are [B, C, F, F] in [-1, 1], F the side of the frame. As in APDrawingGAN, hair and background
are black (-1) outside their masks, in photos and sketches. When parts are composed, their
surroundings are white (+1), which a pixelwise minimum ignores. Nothing here waits for the device or
loops over samples, so all of it can be captured in a CUDA graph.
"""

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor

from photosketch.geometry.patches import patches_of, placed

BLACK, WHITE = -1.0, 1.0


@dataclasses.dataclass(frozen=True)
class Regions:
    """Where the parts lie in a batch of frames."""

    corners: Tensor  # [B, 4, 2] int64, the top left pixels (x, y) of the rectangles, as `PATCHES`
    hair: Tensor  # [B, 1, F, F] bool
    background: Tensor  # [B, 1, F, F] bool

    @property
    def frame(self) -> int:
        return self.hair.shape[-1]


def rectangles(landmarks: Tensor, frame: int) -> Tensor:
    """The top left corners (x, y) of the patches, int64 [B, 4, 2], for points [B, 5, 2], rounded
    and clamped by `patches.placed`."""
    places = [torch.stack(place, dim=-1) for place in placed(landmarks, frame)]
    return torch.stack(places, dim=1).long()


def find_regions(landmarks: Tensor, foreground: Tensor) -> Regions:
    """The parts of frames with points [B, 5, 2] and a head mask [B, 1, F, F] bool."""
    frame = foreground.shape[-1]
    corners = rectangles(landmarks, frame)
    covered = functools.reduce(torch.logical_or, _covered(corners, frame))
    return Regions(corners, foreground & ~covered, ~foreground)


def _covered(corners: Tensor, frame: int) -> list[Tensor]:
    """The pixels of each rectangle, bool [B, 1, F, F], in the order of `PATCHES`."""
    return [
        inside(corners[:, index], patch.height, patch.width, frame)
        for index, patch in enumerate(patches_of(frame))
    ]


def inside(corners: Tensor, height: int, width: int, frame: int) -> Tensor:
    """Bool [B, 1, F, F]: the pixels of rectangles with top left corners [B, 2]."""
    span = torch.arange(frame, device=corners.device)
    across = span - corners[:, 0, None]  # [B, F]
    down = span - corners[:, 1, None]  # [B, F]
    columns = (across >= 0) & (across < width)
    rows = (down >= 0) & (down < height)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


class Crop(torch.autograd.Function):
    """Rectangles [B, C, height, width] of images [B, C, F, F]; corners (x, y) [B, 2]. The gradient
    is placed on zeros. That of `gather` does not fit a CUDA graph: it adds atomically or, with
    deterministic algorithms, sorts and waits for the device."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, corners: Tensor, height: int, width: int) -> Tensor:
        ctx.save_for_backward(corners)
        ctx.frame = image.shape[-1]
        return _cut(image, corners, height, width)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (corners,) = ctx.saved_tensors
        return _place(gradients[0], corners, ctx.frame, 0.0), None, None, None


class Paste(torch.autograd.Function):
    """The inverse: patches [B, C, h, w] on white frames [B, C, F, F]; the gradient is cut out."""

    @staticmethod
    def forward(ctx: Any, patch: Tensor, corners: Tensor, frame: int) -> Tensor:
        ctx.save_for_backward(corners)
        ctx.size = patch.shape[2:]
        return _place(patch, corners, frame, WHITE)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (corners,) = ctx.saved_tensors
        return _cut(gradients[0], corners, *ctx.size), None, None


def _cut(image: Tensor, corners: Tensor, height: int, width: int) -> Tensor:
    """The pixels of rectangles, [B, C, height, width]."""
    columns = corners[:, 0, None] + torch.arange(width, device=corners.device)  # [B, w]
    rows = corners[:, 1, None] + torch.arange(height, device=corners.device)  # [B, h]
    return _pixels(image, rows, columns)


def _place(patch: Tensor, corners: Tensor, frame: int, fill: float) -> Tensor:
    """Rectangles [B, C, h, w] at their places in frames [B, C, F, F] of the value `fill`."""
    height, width = patch.shape[2:]
    span = torch.arange(frame, device=corners.device)
    columns = (span - corners[:, 0, None]).clamp(0, width - 1)  # [B, F]
    rows = (span - corners[:, 1, None]).clamp(0, height - 1)  # [B, F]
    return torch.where(inside(corners, height, width, frame), _pixels(patch, rows, columns), fill)


def _pixels(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels [B, C, h, w] of images [B, C, H, W] at rows [B, h] and columns [B, w]."""
    positions = rows[:, :, None] * image.shape[3] + columns[:, None]  # [B, h, w]
    taken = positions.flatten(1)[:, None].expand(-1, image.shape[1], -1)  # [B, C, h * w]
    return image.flatten(2).gather(2, taken).unflatten(2, (rows.shape[1], columns.shape[1]))


def split(image: Tensor, regions: Regions) -> dict[str, Tensor]:
    """The six parts of images: rectangles [B, C, h, w]; hair and background, whole frames."""
    parts = {
        patch.name: Crop.apply(image, regions.corners[:, index], patch.height, patch.width)
        for index, patch in enumerate(patches_of(regions.frame))
    }
    parts["hair"] = torch.where(regions.hair, image, BLACK)
    parts["background"] = torch.where(regions.background, image, BLACK)
    return parts


def layers(parts: dict[str, Tensor], regions: Regions) -> list[Tensor]:
    """Each part at its place in a white frame [B, C, F, F], in the order of `PARTS`."""
    placed = [
        Paste.apply(parts[patch.name], regions.corners[:, index], regions.frame)
        for index, patch in enumerate(patches_of(regions.frame))
    ]
    placed.append(torch.where(regions.hair, parts["hair"], WHITE))
    placed.append(torch.where(regions.background, parts["background"], WHITE))
    return placed


def compose(parts: dict[str, Tensor], regions: Regions) -> Tensor:
    """The parts on a white canvas [B, C, F, F]; the pixelwise minimum where they overlap."""
    return functools.reduce(torch.minimum, layers(parts, regions))


def masks(regions: Regions) -> Tensor:
    """The pixels of each part, bool [B, 6, F, F], in the order of `PARTS`."""
    covered = _covered(regions.corners, regions.frame)
    return torch.cat([*covered, regions.hair, regions.background], dim=1)
