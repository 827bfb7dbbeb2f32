"""How much each generated sketch is like the true one: SSIM, FSIM, SCOOT and LPIPS, image by image.

All take sketches [N, H, W] uint8 and give [N] float64. SSIM, FSIM and the distance behind LPIPS are
those of piq; SCOOT is not in any kept library.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import piq
import torch
import torchvision
from piq.perceptual import VGG16_LAYERS, ContentLoss

from photosketch.runtime import InputError

BLOCKS = 4  # a side, in SCOOT
LEVELS = 6  # gray levels, in SCOOT
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows down, columns right: half of the neighbours
_BATCH = 16

VGG_FILE = "vgg16-397923af.pth"  # torchvision's; its name holds the first digits of its sha256
LPIPS_FILE = "lpips_weights.pt"  # of piq's release v0.4.0
_LPIPS_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


def score_images(
    real: np.ndarray,
    generated: np.ndarray,
    device: torch.device | str = "cpu",
    lpips_network: ContentLoss | None = None,
) -> pd.DataFrame:
    """A row per image: ssim, fsim, scoot, and lpips where its network is given."""
    columns = {
        "ssim": ssim(real, generated, device),
        "fsim": fsim(real, generated, device),
        "scoot": scoot(real, generated),
    }
    if lpips_network is not None:
        columns["lpips"] = lpips(real, generated, lpips_network, device)
    return pd.DataFrame(columns)


def ssim(real: np.ndarray, generated: np.ndarray, device: torch.device | str = "cpu") -> np.ndarray:
    """Structural similarity (Wang et al. 2004), gaussian window of 11 pixels, sigma 1.5."""
    return _in_batches(
        lambda a, b: piq.ssim(a, b, data_range=1.0, downsample=False, reduction="none"),
        real,
        generated,
        device,
    )


def fsim(real: np.ndarray, generated: np.ndarray, device: torch.device | str = "cpu") -> np.ndarray:
    """Feature similarity (Zhang et al. 2011) of gray images: phase congruency and gradients."""
    return _in_batches(
        lambda a, b: piq.fsim(a, b, data_range=1.0, chromatic=False, reduction="none"),
        real,
        generated,
        device,
    )


def _in_batches(metric, real: np.ndarray, generated: np.ndarray, device, channels: int = 1):  # type: ignore[no-untyped-def]
    values = np.empty(len(real))
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for start in range(0, len(real), _BATCH):
            a, b = (
                torch.from_numpy(images[start : start + _BATCH])
                .to(device)[:, None]
                .expand(-1, channels, -1, -1)
                .float()
                .div(255)  # [B, channels, H, W] in 0..1
                for images in (real, generated)
            )
            values[start : start + _BATCH] = metric(a, b).double().cpu().numpy()
    return values


def scoot(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Structure co-occurrence texture (Fan et al. 2019, "Scoot: A Perceptual Metric for Facial
    Sketches"): 1 / (1 + |difference of the texture features|), from above 0 to 1 (equal)."""
    apart = scoot_features(real) - scoot_features(generated)  # [N, 2 * BLOCKS^2]
    return 1 / (1 + np.linalg.norm(apart, axis=1))


def scoot_features(sketches: np.ndarray) -> np.ndarray:
    """Contrast and energy of the co-occurrence matrices, [N, 2 * BLOCKS^2].

    Gray is cut into 6 levels of equal width and the image into 4 x 4 blocks. In each block, for
    each of four directions, the matrix P of the levels of neighbouring pixels (both in the block)
    is normalised to sum 1; contrast is the sum of P (i - j)^2, energy that of P^2; both are
    averaged over the directions.
    """
    count, height, width = sketches.shape
    levels = sketches.astype(np.int64) * LEVELS // 256
    block_row = np.arange(height) * BLOCKS // height
    block_column = np.arange(width) * BLOCKS // width
    gap = (np.arange(LEVELS)[:, None] - np.arange(LEVELS)) ** 2  # [LEVELS, LEVELS]
    features = np.zeros((count, BLOCKS**2, 2))
    for down, right in _DIRECTIONS:
        rows = slice(0, height - down)
        left, columns = max(0, -right), slice(max(0, -right), width - max(0, right))
        shifted = slice(left + right, left + right + (width - abs(right)))
        first, second = levels[:, rows, columns], levels[:, down:, shifted]
        same = (block_row[rows] == block_row[down:])[:, None] & (
            block_column[columns] == block_column[shifted]
        )
        block = block_row[rows][:, None] * BLOCKS + block_column[columns]  # [rows, columns]
        code = (block * LEVELS + first) * LEVELS + second  # [N, rows, columns]
        code += np.arange(count)[:, None, None] * (BLOCKS * LEVELS) ** 2
        matrices = np.bincount(code[:, same].ravel(), minlength=count * (BLOCKS * LEVELS) ** 2)
        shares = matrices.reshape(count, BLOCKS**2, LEVELS, LEVELS).astype(float)
        shares /= shares.sum(axis=(2, 3), keepdims=True)
        features[..., 0] += (shares * gap).sum(axis=(2, 3)) / len(_DIRECTIONS)
        features[..., 1] += (shares**2).sum(axis=(2, 3)) / len(_DIRECTIONS)
    return features.reshape(count, -1)


def load_lpips(folder: str | Path, device: torch.device | str = "cpu") -> ContentLoss:
    """The network of LPIPS (Zhang et al. 2018), VGG16, from the two weights files in `folder`.

    Raises InputError where a file is missing, or is not the published one or holds other things.
    """
    vgg_path, linear_path = Path(folder, VGG_FILE), Path(folder, LPIPS_FILE)
    problems = [
        f"{path}: no such weights file; put it there (torchvision's VGG16 and piq's LPIPS "
        "weights), or set evaluation.lpips to null"
        for path in (vgg_path, linear_path)
        if not path.is_file()
    ]
    if problems:
        raise InputError(problems)
    network = torchvision.models.vgg16(weights=None, init_weights=False).features
    try:
        state = torch.load(vgg_path, map_location="cpu", weights_only=True)
        network.load_state_dict(
            {name[9:]: value for name, value in state.items() if name.startswith("features.")}
        )
        linear = torch.load(linear_path, map_location="cpu", weights_only=True)
        if [tuple(weight.shape) for weight in linear] != [
            (1, channels, 1, 1) for channels in (64, 128, 256, 512, 512)
        ]:
            raise RuntimeError("other shapes than those of LPIPS on VGG16")
    except (RuntimeError, TypeError, AttributeError, EOFError) as error:
        reason, *_ = str(error).splitlines() or [type(error).__name__]
        raise InputError(
            [f"{folder}: {VGG_FILE} and {LPIPS_FILE} are not the weights of LPIPS ({reason})"]
        ) from error
    return ContentLoss(
        feature_extractor=network.eval().to(device),
        layers=[VGG16_LAYERS[name] for name in _LPIPS_LAYERS],
        weights=linear,
        normalize_features=True,
        reduction="none",
    )


def lpips(
    real: np.ndarray,
    generated: np.ndarray,
    network: ContentLoss,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Learned perceptual distance; 0: equal."""
    return _in_batches(network, real, generated, device, channels=3)


def lpips_digest(folder: str | Path) -> str:
    """The sha256 of both weights files together."""
    digest = hashlib.sha256()
    for name in (VGG_FILE, LPIPS_FILE):
        digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()
