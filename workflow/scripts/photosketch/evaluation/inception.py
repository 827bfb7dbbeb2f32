"""The two Inception networks, from the state that their files hold: 2048 features of an image.

pytorch-fid's port of the TensorFlow network that FID is defined by (Heusel et al. 2017, "GANs
Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"), and torchvision's,
trained on ImageNet. Images are resized to 299 x 299 (bilinear) and scaled to -1..1 as in
pytorch-fid, whichever the network.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytorch_fid.inception
import torch
import torchvision
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.inception import BasicConv2d

DIMENSIONS = 2048
_SIDE = 299  # pixels
State = Mapping[str, torch.Tensor]


class _PytorchFid(nn.Module):
    """pytorch-fid's network, which resizes and scales by itself, with a flat output."""

    def __init__(self) -> None:
        super().__init__()
        block = pytorch_fid.inception.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS]
        self.inception = pytorch_fid.inception.InceptionV3([block])

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


def tensorflow(state: State) -> nn.Module:
    """pytorch-fid's network in test mode: [N, 3, H, W] in 0..1 -> [N, 2048].

    Raises RuntimeError where `state` is another network's.
    """
    with _given_to_pytorch_fid(state):
        return _folded(_PytorchFid().eval())


def imagenet(state: State) -> nn.Module:
    """torchvision's network in test mode: [N, 3, H, W] in 0..1 -> [N, 2048].

    Raises RuntimeError where `state` is another network's.
    """
    # transform_input would undo ImageNet's mean and deviation, which pytorch-fid never applies.
    inception = torchvision.models.inception_v3(
        weights=None, transform_input=False, init_weights=False
    )
    inception.load_state_dict(state)
    return _folded(_Torchvision(inception).eval())


@contextmanager
def _given_to_pytorch_fid(state: State) -> Iterator[None]:
    """pytorch-fid's constructor takes no state, but reads a file itself, in a way that runs what a
    pickle asks for. Meanwhile it is handed this one."""
    reads = pytorch_fid.inception.load_state_dict_from_url
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: state
    try:
        yield
    finally:
        pytorch_fid.inception.load_state_dict_from_url = reads


def _folded(network: nn.Module) -> nn.Module:
    """The network with each BatchNorm in the convolution before it: the same function in fewer
    passes, to the last digits."""
    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()
    return network
