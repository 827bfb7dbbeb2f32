"""The cascade of MTCNN over a whole batch (Zhang et al. 2016, "Joint Face Detection and Alignment
Using Multitask Cascaded Convolutional Networks").

The three networks and their weights are facenet-pytorch's. Its own driver crops and shrinks every
candidate window by itself; here the windows of a batch are shrunk together by lookups in a summed
area table, and the networks see channels-last tensors, whose pooling is many times faster on a CPU.
Windows, thresholds and rounding are as there, so the points are the same but for float rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import nn
from torchvision.ops import batched_nms

PYRAMID_FACTOR = 0.709  # sqrt(1/2): from one scale to the next the area halves
CELL, STRIDE = 12, 2  # pixels, the window of the first network and its step
WINDOWS_AT_ONCE = 128  # bounds the memory of the second and third network


@dataclass(frozen=True)
class Networks:
    """The three networks of the cascade, on one device."""

    proposal: nn.Module
    refinement: nn.Module
    output: nn.Module


@dataclass(frozen=True)
class Faces:
    """Faces found, in no particular order."""

    boxes: np.ndarray  # [N, 4] float32: left, top, right, bottom
    scores: np.ndarray  # [N] float32, probabilities
    points: np.ndarray  # [N, 5, 2] float32: x, y


NONE = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


@cache
def load_networks(device: torch.device | str) -> Networks:
    """facenet-pytorch's networks with their weights, read once for each device."""
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    return Networks(
        *(
            network().eval().to(device, memory_format=torch.channels_last)
            for network in (PNet, RNet, ONet)
        )
    )


@torch.inference_mode()
def find_faces(
    networks: Networks,
    images: torch.Tensor,
    min_face_size: int,
    thresholds: Sequence[float],
) -> list[Faces]:
    """The faces of each image. `images` are [B, H, W, 3] uint8 RGB on the networks' device.

    `min_face_size` in pixels, at most the shorter side; `thresholds` on the face probability, one
    for each network.
    """
    sums = _summed_areas(images)  # [B, H+1, W+1, 3]
    boxes, owners = _propose(networks.proposal, sums, min_face_size, thresholds[0])
    boxes, owners = _refine(networks.refinement, sums, boxes, owners, thresholds[1])
    faces, images_of = _finish(networks.output, sums, boxes, owners, thresholds[2])
    by_image = []
    for index in range(len(images)):
        mine = images_of == index
        separate = _without_contained(faces.boxes[mine], faces.scores[mine])
        parts = (
            faces.boxes[mine][separate],
            faces.scores[mine][separate],
            faces.points[mine][separate],
        )
        by_image.append(Faces(*parts))
    return by_image


def _summed_areas(images: torch.Tensor) -> torch.Tensor:
    """Sums over all pixels above and left: [B, H, W, 3] uint8 -> [B, H+1, W+1, 3] int32, exact."""
    batch, height, width, channels = images.shape
    sums = torch.zeros(
        (batch, height + 1, width + 1, channels), dtype=torch.int32, device=images.device
    )
    rows = torch.cumsum(images, dim=1, dtype=torch.int32)
    torch.cumsum(rows, dim=2, dtype=torch.int32, out=sums[:, 1:, 1:])
    return sums


def _bins(length: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where `count` bins over 0..length begin and end; neighbours overlap by the shared pixel.

    `length` [K] int64 gives [K, count] each: the bins of PyTorch's adaptive average pooling.
    """
    steps = torch.arange(count, device=length.device)  # [count]
    start = steps * length[:, None] // count
    end = -(-(steps + 1) * length[:, None] // count)
    return start, end


def _shrunk_whole(sums: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Every image averaged to height x width, network range: [B, 3, height, width]."""
    size = torch.tensor(sums.shape[1:3], device=sums.device) - 1
    top, bottom = (edge[0] for edge in _bins(size[:1], height))
    left, right = (edge[0] for edge in _bins(size[1:], width))
    rows = sums[:, bottom] - sums[:, top]  # [B, height, W+1, 3]
    total = rows[:, :, right] - rows[:, :, left]  # [B, height, width, 3]
    area = (bottom - top)[:, None] * (right - left)  # [height, width]
    return _network_range(total, area[..., None])


def _shrunk_windows(
    sums: torch.Tensor, windows: torch.Tensor, owners: torch.Tensor, side: int
) -> torch.Tensor:
    """Windows of images averaged to side x side, network range: [K, 3, side, side].

    `windows` [K, 4] int64 are left, top, right, bottom in pixels, ends excluded.
    """
    _, height, width, channels = sums.shape
    left, right = (e + windows[:, :1] for e in _bins(windows[:, 2] - windows[:, 0], side))
    top, bottom = (e + windows[:, 1:2] for e in _bins(windows[:, 3] - windows[:, 1], side))
    table = sums.view(-1, channels)
    first = owners[:, None] * height  # [K, 1], the first row of each window's image

    def corner(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        index = ((first + row) * width)[:, :, None] + column[:, None, :]  # [K, side, side]
        return table.index_select(0, index.flatten()).view(*index.shape, channels)

    total = corner(bottom, right) - corner(bottom, left) - corner(top, right) + corner(top, left)
    area = (bottom - top)[:, :, None] * (right - left)[:, None, :]  # [K, side, side]
    return _network_range(total, area[..., None])


def _network_range(total: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    """Sums of gray levels [..., h, w, 3] as means in [-1, 1], channels first in shape only."""
    return ((total / area - 127.5) / 128).permute(0, 3, 1, 2)


def _propose(
    network: nn.Module, sums: torch.Tensor, min_face_size: int, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Square candidate boxes [K, 4] at all scales, and the image [K] of each."""
    height, width = sums.shape[1] - 1, sums.shape[2] - 1
    by_scale, images = [], []
    scale = CELL / min_face_size
    while min(height, width) * scale >= CELL:
        small = _shrunk_whole(sums, int(height * scale + 1), int(width * scale + 1))
        shifts, probabilities = network(small)  # [B, 4, h, w], [B, 2, h, w]
        faces = probabilities[:, 1]
        image, row, column = torch.nonzero(faces >= threshold, as_tuple=True)
        corner = torch.stack([column, row], dim=1).to(shifts.dtype) * STRIDE  # [K, 2]
        candidates = torch.cat(
            [
                ((corner + 1) / scale).floor(),
                ((corner + CELL) / scale).floor(),
                faces[image, row, column, None],
                shifts[image, :, row, column],
            ],
            dim=1,
        )  # [K, 9]: box, score, shifts
        best = batched_nms(candidates[:, :4], candidates[:, 4], image, 0.5)
        by_scale.append(candidates[best])
        images.append(image[best])
        scale *= PYRAMID_FACTOR
    candidates, owners = torch.cat(by_scale), torch.cat(images)
    best = batched_nms(candidates[:, :4], candidates[:, 4], owners, 0.7)
    candidates, owners = candidates[best], owners[best]
    sides = (candidates[:, 2:4] - candidates[:, :2]).repeat(1, 2)  # [K, 4]
    return _squared(candidates[:, :4] + candidates[:, 5:] * sides), owners


def _refine(
    network: nn.Module,
    sums: torch.Tensor,
    boxes: torch.Tensor,
    owners: torch.Tensor,
    threshold: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The candidates that the second network takes for faces, shifted by it."""
    boxes, owners, (shifts, probabilities) = _judged(network, sums, boxes, owners, 24)
    passed = probabilities[:, 1] > threshold
    boxes, owners, shifts = boxes[passed], owners[passed], shifts[passed]
    best = batched_nms(boxes, probabilities[passed, 1], owners, 0.7)
    return _squared(_shifted(boxes[best], shifts[best])), owners[best]


def _finish(
    network: nn.Module,
    sums: torch.Tensor,
    boxes: torch.Tensor,
    owners: torch.Tensor,
    threshold: float,
) -> tuple[Faces, np.ndarray]:
    """What the third network takes for faces in all images, and the image [K] of each."""
    boxes, owners, (shifts, relative, probabilities) = _judged(network, sums, boxes, owners, 48)
    scores = probabilities[:, 1]
    passed = scores > threshold
    boxes = boxes[passed]
    sides = boxes[:, 2:] - boxes[:, :2] + 1  # [K, 2]
    relative = relative[passed].view(-1, 2, 5).transpose(1, 2)  # [K, 5, 2], of the box
    points = boxes[:, None, :2] + relative * sides[:, None] - 1
    boxes = _shifted(boxes, shifts[passed])
    values = (value.cpu().numpy() for value in (boxes, scores[passed], points))
    return Faces(*values), owners[passed].cpu().numpy()


def _judged(
    network: nn.Module, sums: torch.Tensor, boxes: torch.Tensor, owners: torch.Tensor, side: int
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    """The boxes that overlap their image, their images, and what a network says of them."""
    height, width = sums.shape[1] - 1, sums.shape[2] - 1
    limits = torch.tensor([width, height], device=boxes.device)
    corners = boxes.trunc().long()  # counted from 1, ends included
    start = (corners[:, :2] - 1).clamp(min=0)
    end = torch.minimum(corners[:, 2:], limits)
    inside = (end > start).all(dim=1)
    boxes, owners = boxes[inside], owners[inside]
    windows = torch.cat([start, end], dim=1)[inside]
    if not len(windows):  # the networks refuse an empty batch
        blank = torch.zeros((1, sums.shape[3], side, side), device=boxes.device)
        return boxes, owners, tuple(answer[:0] for answer in network(blank))
    parts = [
        network(
            _shrunk_windows(
                sums,
                windows[first : first + WINDOWS_AT_ONCE],
                owners[first : first + WINDOWS_AT_ONCE],
                side,
            )
        )
        for first in range(0, len(windows), WINDOWS_AT_ONCE)
    ]
    return boxes, owners, tuple(torch.cat(part) for part in zip(*parts, strict=True))


def _shifted(boxes: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Boxes moved by `shifts` [K, 4] in units of their sides, which count both end pixels."""
    return boxes + shifts * (boxes[:, 2:] - boxes[:, :2] + 1).repeat(1, 2)


def _squared(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes widened to squares about their centres."""
    sides = boxes[:, 2:] - boxes[:, :2]  # [K, 2]
    longest = sides.amax(dim=1, keepdim=True)
    start = boxes[:, :2] + sides * 0.5 - longest * 0.5
    return torch.cat([start, start + longest], dim=1)


def _without_contained(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """The boxes of one image by falling score, without those mostly inside a better one."""
    separate: list[int] = []
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    areas = sides.prod(axis=1)
    for index in np.argsort(-scores, kind="stable").tolist():
        start = np.maximum(boxes[separate, :2], boxes[index, :2])
        end = np.minimum(boxes[separate, 2:], boxes[index, 2:])
        shared = np.maximum(end - start + 1, 0).prod(axis=1)
        if (shared <= 0.7 * np.minimum(areas[separate], areas[index])).all():
            separate.append(index)
    return separate
