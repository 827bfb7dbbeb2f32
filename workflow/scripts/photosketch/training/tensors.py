"""Packed frames on the device, and batches of them with the training's jitter and flips.

The whole set lies on the device as 8-bit arrays; a batch is made there by index arithmetic, without
work on the host, so that a training step can be captured in a CUDA graph.
"""

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from photosketch.training.packed import read_packed

# which point of the packed frame each point of a mirrored one is: eyes and mouth corners have
# changed sides. Labels of parsings know no sides.
MIRRORED_POINTS = (1, 0, 2, 4, 3)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Frames as the networks see them, F pixels a side; C is the number of sketch channels.

    photo     [B, 3, F, F] float32 in [-1, 1], RGB
    sketch    [B, C, F, F] float32 in [-1, 1]
    landmarks [B, 5, 2] float32, the photo's points (x, y) in frame pixels
    parsing   [B, F, F] uint8, the photo's labels; padding is background (0)
    valid     [B, 1, F, F] bool, the pixels that show the image and not padding
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
    """One split, as `photosketch.training.pack` wrote it, on one device.

    photo [N, F, F, 3], sketch [N, F, F, C] and parsing [N, F, F] are uint8,
    landmarks [N, 5, 2] float32. The image, `size` (width, height) pixels large, lies at `offset`
    (x, y) in the frame; the rest of photo and sketch has the value `pad_value`.
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
        """How many channels the sketches have."""
        return self.sketch.shape[-1]

    def batch(
        self,
        indices: Tensor,
        jitter: int = 0,
        offsets: Tensor | None = None,
        flips: Tensor | None = None,
    ) -> Batch:
        """The frames `indices` (int64 [B], on the device of the set).

        With `jitter` and the `offsets` that `draw_jitter` gave for it, the frame is padded to
        `jitter` pixels a side, and a frame is cropped from that with its top left pixel at the
        offset. With the `flips` of `draw_flips`, the frames where they are true are mirrored after
        that, left to right, so that the left eye is the right one's image. Photo, sketch, labels,
        points and valid pixels move together; what comes in from beyond the frame is padding.
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
            landmarks = torch.where(
                flips[:, None, None], _mirrored(landmarks, self.frame), landmarks
            )

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
    """A file of `photosketch.training.packed.write_packed`, its arrays on `device`."""
    arrays = read_packed(path)
    photo, sketch, landmarks, parsing = (
        torch.from_numpy(arrays[name]).to(device)
        for name in ("photo", "sketch", "landmarks", "parsing")
    )
    width, height = arrays["size"].tolist()
    x, y = arrays["offset"].tolist()
    return PackedSet(
        ids=arrays["ids"].tolist(),
        subset=arrays["subset"].tolist(),
        photo=photo,
        sketch=sketch,
        landmarks=landmarks,
        parsing=parsing,
        size=(width, height),
        offset=(x, y),
        pad_value=int(arrays["pad_value"]),
    )


def draw_jitter(batch_size: int, jitter: int, frame: int, device: torch.device) -> Tensor | None:
    """Offsets (x, y) of random crops, int64 [B, 2], from torch's global random state.

    Padding to `jitter` pixels a side and cropping a frame is pix2pix's augmentation (Isola, Zhu,
    Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017); each
    place from 0 to `jitter` - `frame` is equally likely. None for `jitter` 0, which switches it
    off.
    """
    if not jitter:
        return None
    assert jitter >= frame
    return torch.randint(jitter - frame + 1, (batch_size, 2), device=device)


def draw_flips(batch_size: int, flip: bool, device: torch.device) -> Tensor | None:
    """Which frames are mirrored, bool [B], each with probability 1/2, from torch's random state.

    None without `flip`; nothing is drawn then. To be called after `draw_jitter`, whose numbers are
    then the same with flips and without.
    """
    return torch.rand(batch_size, device=device) < 0.5 if flip else None


def _mirrored(points: Tensor, frame: int) -> Tensor:
    """Points [B, 5, 2] of frames of that side seen in a mirror; the eye on the left is the left
    one again."""
    x, y = points.unbind(-1)  # [B, 5] each
    swapped = torch.stack([frame - 1 - x, y], dim=-1).unbind(1)  # five of [B, 2]
    return torch.stack([swapped[index] for index in MIRRORED_POINTS], dim=1)


def _within(positions: Tensor, start: int, stop: int) -> Tensor:
    return (positions >= start) & (positions < stop)


def _window(images: Tensor, indices: Tensor, rows: Tensor, columns: Tensor, fill: int) -> Tensor:
    """Pixels [B, F, F, C] of `images` [N, F, F, C]; `fill` where they lie outside."""
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
