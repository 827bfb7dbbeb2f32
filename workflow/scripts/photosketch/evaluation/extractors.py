"""Inception features of sketches, which FID and KID compare.

Three networks, all ending in 2048 features per image: `inception-tf`, pytorch-fid's port of the
TensorFlow network that FID is defined by (Heusel et al. 2017, "GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium"); `inception-imagenet`, torchvision's, the one
behind the report's numbers; `inception-random`, torchvision's architecture with random weights,
which needs no file and measures nothing that others have published.
"""

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torchvision
from pytorch_fid.inception import InceptionV3
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.inception import BasicConv2d

from photosketch.runtime import InputError
from photosketch.weights import FEATURE_WEIGHTS, verify_weights

RANDOM_NOTE = "random features, not comparable with published FID"
RANDOM_SEED = 0
DIMENSIONS = 2048
_SIDE = 299  # pixels, the input side of Inception


def comparable(features: str) -> bool:
    """Whether distances in these features can be held against published ones."""
    return features in FEATURE_WEIGHTS


def note(features: str) -> str:
    """What every table and figure made with these features must say; empty where nothing."""
    return "" if comparable(features) else RANDOM_NOTE


def load(features: str, weights: str | Path | None = None, sha256: str | None = None) -> nn.Module:
    """The network named `features`, in test mode: [N, 3, H, W] in 0..1 -> [N, 2048].

    Images are resized to 299 x 299 (bilinear) and scaled to -1..1 as in pytorch-fid, whichever the
    network. `weights` is the local weights file, checked against `sha256` (by default the
    published one) before it is opened. Never uses the network connection.

    Raises InputError where the file is missing, differs from the hash, or holds something else.
    """
    if not comparable(features):
        return _folded(_random_inception())
    expected = FEATURE_WEIGHTS[features]
    if weights is None:
        raise InputError([f"evaluation.features: {features} needs weights. {expected.remedy()}"])
    path = Path(weights)
    verify_weights(expected, path, sha256)
    try:
        if features == "inception-tf":
            return _folded(_tensorflow_inception(path))
        return _folded(_imagenet_inception(path))
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason, *_ = str(error).splitlines() or [type(error).__name__]  # torch lists every layer
        raise InputError(
            [f"{path}: not the weights of {features} ({reason}). {expected.remedy()}"]
        ) from error


class _PytorchFid(nn.Module):
    """pytorch-fid's network, which resizes and scales by itself, with a flat output."""

    def __init__(self) -> None:
        super().__init__()
        self.inception = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inception(images)[0].flatten(1)  # [N, 2048, 1, 1] -> [N, 2048]


class _Torchvision(nn.Module):
    """torchvision's network without its classifier, preceded by pytorch-fid's preprocessing."""

    def __init__(self, inception: nn.Module) -> None:
        super().__init__()
        self.inception = inception
        self.inception.fc = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        resized = nn.functional.interpolate(
            images, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False
        )
        return self.inception(2 * resized - 1)  # [N, 2048]


def _tensorflow_inception(path: Path) -> nn.Module:
    """pytorch-fid's constructor takes no path, but looks into torch's hub folder before the net."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Path(folder, "checkpoints")
        checkpoints.mkdir()
        (checkpoints / FEATURE_WEIGHTS["inception-tf"].name).symlink_to(path.resolve())
        with _hub_folder(folder):
            return _PytorchFid().eval()


@contextmanager
def _hub_folder(folder: str) -> Iterator[None]:
    previous = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    try:
        yield
    finally:
        torch.hub.set_dir(previous)


def _imagenet_inception(path: Path) -> nn.Module:
    # transform_input would undo ImageNet's mean and deviation, which pytorch-fid never applies.
    inception = torchvision.models.inception_v3(
        weights=None, transform_input=False, init_weights=False
    )
    inception.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _Torchvision(inception).eval()


def _random_inception() -> nn.Module:
    """He et al. 2015, "Delving Deep into Rectifiers": keeps the signal's scale through the depth.

    With torchvision's default weights the features come out near 1e-8.
    """
    inception = torchvision.models.inception_v3(
        weights=None, transform_input=False, init_weights=False, aux_logits=False
    )
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    for module in inception.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
    return _Torchvision(inception).eval()


def _folded(network: nn.Module) -> nn.Module:
    """The network with each BatchNorm in the convolution before it: the same function in fewer
    passes, to the last digits."""
    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()
    return network


def extract(
    sketches: np.ndarray,
    network: nn.Module,
    device: torch.device | str = "cpu",
    batch_size: int | None = None,
) -> np.ndarray:
    """Features [N, 2048] float32 of sketches [N, H, W] uint8 (8-bit gray, at their own size).

    Gray is repeated to three channels, 0..255 becomes 0..1. `network` must be on `device`.
    Convolutions keep full float32 precision, so that CPU and GPU agree. On a CPU small batches
    with channels last take half the time of large ones in torch's usual order.
    """
    on_cpu = torch.device(device).type == "cpu"
    batch_size = batch_size or (8 if on_cpu else 32)
    order = torch.channels_last if on_cpu else torch.contiguous_format
    features = np.empty((len(sketches), DIMENSIONS), np.float32)
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for start in range(0, len(sketches), batch_size):
            batch = torch.from_numpy(sketches[start : start + batch_size]).to(device)
            images = batch[:, None].float().div(255).expand(-1, 3, -1, -1)  # [B, 3, H, W]
            images = images.contiguous(memory_format=order)
            features[start : start + batch_size] = network(images).cpu().numpy()
    return features
