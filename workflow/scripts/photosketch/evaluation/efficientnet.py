"""EfficientNet-Lite0, trained on ImageNet: 1280 features of an image, from a small file.

Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"; Lite0
is their smallest network without squeeze-and-excitation, with ReLU6 in the place of swish.
"""

from collections.abc import Mapping

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

DIMENSIONS = 1280
_SIDE = 224  # pixels
_MEAN, _SCALE = 127, 128  # of gray levels 0..255, as it was trained


class _Pooled(nn.Module):
    """The network up to its classifier, means over the image, preceded by its preprocessing."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network
        self.network._fc = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        resized = nn.functional.interpolate(
            images, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False
        )
        # the dropout before the classifier is off in test mode
        return self.network((255 * resized - _MEAN) / _SCALE)  # [N, 1280]


def lite0(state: Mapping[str, torch.Tensor]) -> nn.Module:
    """The network in test mode: [N, 3, H, W] in 0..1, resized to 224 x 224 (bilinear) -> [N, 1280].

    Raises RuntimeError where `state` is another network's.
    """
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(state)
    return _Pooled(_folded(network.eval()))


def _folded(network: EfficientNet) -> EfficientNet:
    """The network with each BatchNorm in the convolution before it: the same function in fewer
    passes, to the last digits."""
    _fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        if block._block_args.expand_ratio != 1:
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    _fold(network, "_conv_head", "_bn1")
    return network


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
    setattr(module, convolution, folded)
    setattr(module, norm, nn.Identity())
