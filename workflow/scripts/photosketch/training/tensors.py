"""Packed frames on the device as 8-bit arrays, and batches of them with jitter and flips, made by
index arithmetic there, so that a training step can be captured in a CUDA graph.
"""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from photosketch.training.packed import read_packed

# For each point of a mirrored frame, the point of the packed frame: eyes and mouth corners change
# sides. The labels have no sides.
MIRRORED_POINTS = (1, 0, 2, 4, 3)


@dataclasses.dataclass(frozen=True)
class Batch:
    """The networks' input: frames with sides of F pixels and C sketch channels.

    photo     [B, 3, F, F] float32 in [-1, 1], RGB
    sketch    [B, C, F, F] float32 in [-1, 1]
    landmarks [B, 5, 2] float32, the photo's points (x, y) in frame pixels
    parsing   [B, F, F] uint8, the photo's labels; padding is background (0)
    valid     [B, 1, F, F] bool, the pixels of the image, without padding
    """

    photo: Tensor
    sketch: Tensor
    landmarks: Tensor
    parsing: Tensor
    valid: Tensor

    @property
    def foreground(self) -> Tensor:
        """The head mask of the photo, bool [B, 1, F, F]: everything but background."""
        return (self.parsing > 0)[:, None]


@dataclasses.dataclass(frozen=True)
class PackedSet:
    """One split on one device: the arrays of `photosketch.training.pack`. photo [N, F, F, 3],
    sketch [N, F, F, C] and parsing [N, F, F] are uint8, landmarks [N, 5, 2] float32. An image of
    `size` (width, height) lies at `offset` (x, y) in the frame; the rest of photo and sketch has
    the value `pad_value`."""

    ids: list[str]
    subset: list[str]
    photo: Tensor
    sketch: Tensor
    landmarks: Tensor
    parsing: Tensor
    size: tuple[int, int]
    offset: tuple[int, int]
    pad_value: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def frame(self) -> int:
        return self.photo.shape[1]

    @property
    def sketch_channels(self) -> int:
        return self.sketch.shape[-1]

    def batch(
        self, indices: Tensor, shift: Tensor | None = None, flips: Tensor | None = None
    ) -> Batch:
        """The frames `indices` (int64 [B], on the device of the set), moved left and up by the
        `shift` from `sample_jitter`, then mirrored by the `flips` from `sample_flips`, which make
        the left points the right points. Pixels beyond the frame are padding."""
        device = self.photo.device
        if shift is None:
            shift = torch.zeros(len(indices), 2, dtype=torch.int64, device=device)
        span = torch.arange(self.frame, device=device)
        columns = span + shift[:, 0, None]  # [B, F], where each column was in the packed frame
        rows = span + shift[:, 1, None]  # [B, F]
        landmarks = self.landmarks[indices] - shift[:, None]
        if flips is not None:
            columns = torch.where(flips[:, None], columns.flip(1), columns)
            mirrored = torch.stack([self.frame - 1 - landmarks[..., 0], landmarks[..., 1]], dim=-1)
            mirrored = torch.stack([mirrored[:, point] for point in MIRRORED_POINTS], dim=1)
            landmarks = torch.where(flips[:, None, None], mirrored, landmarks)

        (x, y), (width, height) = self.offset, self.size
        valid = _within(rows, y, y + height)[:, :, None] & _within(columns, x, x + width)[:, None]
        return Batch(
            photo=_normalise(_window(self.photo, indices, rows, columns, self.pad_value)),
            sketch=_normalise(_window(self.sketch, indices, rows, columns, self.pad_value)),
            landmarks=landmarks,
            parsing=_window(self.parsing[..., None], indices, rows, columns, 0)[..., 0],
            valid=valid[:, None],
        )


def load_packed(path: Path | str, device: torch.device) -> PackedSet:
    """A file that `photosketch.training.packed.write_packed` wrote, its arrays on `device`."""
    arrays = read_packed(path)
    names = ("photo", "sketch", "landmarks", "parsing")
    return PackedSet(
        ids=arrays["ids"].tolist(),
        subset=arrays["subset"].tolist(),
        size=tuple(arrays["size"].tolist()),
        offset=tuple(arrays["offset"].tolist()),
        pad_value=int(arrays["pad_value"]),
        **{name: torch.from_numpy(arrays[name]).to(device) for name in names},
    )


def sample_jitter(batch_size: int, jitter: int, frame: int, device: torch.device) -> Tensor | None:
    """Shifts (x, y) of frames, int64 [B, 2], from torch's global random state. The augmentation of
    pix2pix (Isola et al., CVPR 2017): padding a frame to sides of `jitter` pixels and cropping a
    frame at any place of it, each equally likely. None if `jitter` is 0 (off)."""
    if not jitter:
        return None
    assert jitter >= frame
    offsets = torch.randint(jitter - frame + 1, (batch_size, 2), device=device)
    return offsets - (jitter - frame) // 2


def sample_flips(batch_size: int, flip: bool, device: torch.device) -> Tensor | None:
    """Which frames are mirrored, bool [B], each with probability 1/2, from torch's random state;
    None without `flip`. Call it after `sample_jitter`, whose numbers are then the same without."""
    return torch.rand(batch_size, device=device) < 0.5 if flip else None


def _within(positions: Tensor, start: int, stop: int) -> Tensor:
    return (positions >= start) & (positions < stop)


def _window(images: Tensor, indices: Tensor, rows: Tensor, columns: Tensor, fill: int) -> Tensor:
    """Pixels [B, F, F, C] of `images` [N, F, F, C]; `fill` outside the frame."""
    frame = images.shape[1]
    pixels = images[
        indices[:, None, None],
        rows.clamp(0, frame - 1)[:, :, None],
        columns.clamp(0, frame - 1)[:, None, :],
    ]
    inside = _within(rows, 0, frame)[:, :, None] & _within(columns, 0, frame)[:, None, :]
    return torch.where(inside[..., None], pixels, fill)


def _normalise(pixels: Tensor) -> Tensor:
    """8-bit [B, H, W, C] to float32 [B, C, H, W] in [-1, 1]."""
    return (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()
