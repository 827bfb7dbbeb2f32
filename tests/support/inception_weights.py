"""Random weights in the formats of the two Inception files, which can't be had everywhere."""

from pathlib import Path

import pytest
import pytorch_fid.inception
import torch
import torchvision
from torch import nn


def write_tensorflow(path: Path) -> Path:
    """A state in the format of pytorch-fid's file, of a network that has been given no file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.Inception3, "load_state_dict", lambda *_, **__: None)
        network = pytorch_fid.inception.fid_inception_v3()
    return _write(network, path)


def write_imagenet(path: Path) -> Path:
    """A state in the format of torchvision's file."""
    return _write(torchvision.models.inception_v3(weights=None, init_weights=False), path)


def _write(network: nn.Module, path: Path) -> Path:
    """He et al. 2015: keeps the signal's scale through the depth, where torchvision's own random
    weights end near 1e-8. Statistics uneven, so that leaving a BatchNorm out is noticed."""
    generator = torch.Generator().manual_seed(7)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1, generator=generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)
    return path
