"""Packed frames on the device, and batches of them with the training's jitter and flips.

The whole set lies on the device as 8-bit arrays. A batch is made there by index arithmetic, without
work on the host, so that a training step can be captured in a CUDA graph.
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
    """One split on one device: the arrays of `photosketch.training.pack`.

    photo [N, F, F, 3], sketch [N, F, F, C] and parsing [N, F, F] are uint8,
    landmarks [N, 5, 2] float32. An image of `size` (width, height) lies at `offset` (x, y) in the
    frame; the rest of photo and sketch has the value `pad_value`.
    """

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
        """The side of the frames in pixels."""
        return self.photo.shape[1]

    @property
    def sketch_channels(self) -> int:
        return self.sketch.shape[-1]

    def batch(
        self,
        indices: Tensor,
        jitter: int = 0,
        offsets: Tensor | None = None,
        flips: Tensor | None = None,
    ) -> Batch:
        """The frames `indices` (int64 [B], on the device of the set).

        With `offsets` from `sample_jitter`, each frame is padded to sides of `jitter` pixels, and a
        new frame is cropped at the offset. With `flips` from `sample_flips`, frames are mirrored
        after that, and the left points become the right points. Photo, sketch, labels, points and
        valid pixels move together. Pixels from beyond the frame are padding.
        """
        device = self.photo.device
        if offsets is None:
            shift = torch.zeros(len(indices), 2, dtype=torch.int64, device=device)
        else:
            shift = offsets - (jitter - self.frame) // 2
        span = torch.arange(self.frame, device=device)
        columns = span + shift[:, 0, None]  # [B, F], where each column was in the packed frame
        rows = span + shift[:, 1, None]  # [B, F]
        landmarks = self.landmarks[indices] - shift[:, None]
        if flips is not None:
            columns = torch.where(flips[:, None], columns.flip(1), columns)
            mirrored = _mirrored(landmarks, self.frame)
            landmarks = torch.where(flips[:, None, None], mirrored, landmarks)

        x, y = self.offset
        width, height = self.size
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
    width, height = arrays["size"].tolist()
    x, y = arrays["offset"].tolist()
    return PackedSet(
        ids=arrays["ids"].tolist(),
        subset=arrays["subset"].tolist(),
        size=(width, height),
        offset=(x, y),
        pad_value=int(arrays["pad_value"]),
        **{name: torch.from_numpy(arrays[name]).to(device) for name in names},
    )


def sample_jitter(batch_size: int, jitter: int, frame: int, device: torch.device) -> Tensor | None:
    """Offsets (x, y) of random crops, int64 [B, 2], from torch's global random state.

    Padding to sides of `jitter` pixels and cropping a frame is pix2pix's augmentation (Isola, Zhu,
    Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017). Each
    place from 0 to `jitter` - `frame` is equally likely. None if `jitter` is 0 (off).
    """
    if not jitter:
        return None
    assert jitter >= frame
    return torch.randint(jitter - frame + 1, (batch_size, 2), device=device)


def sample_flips(batch_size: int, flip: bool, device: torch.device) -> Tensor | None:
    """Which frames are mirrored, bool [B], each with probability 1/2, from torch's random state.

    None without `flip`, which uses no random number. Call `sample_jitter` first, so that its
    numbers are the same with flips and without.
    """
    return torch.rand(batch_size, device=device) < 0.5 if flip else None


def _mirrored(points: Tensor, frame: int) -> Tensor:
    """Points [B, 5, 2] of mirrored frames; the eye on the left is the left eye again."""
    x, y = points.unbind(-1)  # [B, 5] each
    swapped = torch.stack([frame - 1 - x, y], dim=-1).unbind(1)  # five of [B, 2]
    return torch.stack([swapped[index] for index in MIRRORED_POINTS], dim=1)


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
