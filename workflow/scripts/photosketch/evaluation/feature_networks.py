"""The networks whose features FID and KID compare: [N, 3, H, W] in 0..1 -> [N, D], in test mode.

Each resizes images to the square that it was trained with (bilinear) and scales them as then.
Libraries are imported when a network needs them: some take seconds.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photosketch.configuration.settings import OnnxInput
from photosketch.evaluation.protocol import Protocol
from photosketch.jobs.job import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

State = Mapping[str, torch.Tensor]
DIMENSIONS = {"inception-tf": 2048, "inception-imagenet": 2048, "efficientnet-lite0": 1280}


def network_from(name: str, state: State) -> nn.Module:
    """The network `name` of `DIMENSIONS` with the tensors of its file.

    Raises RuntimeError if `state` is another network's.
    """
    builders = {
        "inception-tf": _tensorflow_inception,
        "inception-imagenet": _imagenet_inception,
        "efficientnet-lite0": _efficientnet_lite0,
    }
    return builders[name](state)


class _Preprocessed(nn.Module):
    """A network behind its preprocessing: images resized to `side` pixels, then `scale`."""

    def __init__(
        self, network: nn.Module, side: int, scale: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        super().__init__()
        self.network, self.side, self.scale = network, side, scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.scale(resized(images, self.side)))


def resized(images: torch.Tensor, side: int) -> torch.Tensor:
    """[N, C, H, W] to [N, C, side, side], bilinear, without smoothing before."""
    return nn.functional.interpolate(
        images, size=(side, side), mode="bilinear", align_corners=False
    )


class View(nn.Module):
    """A feature network behind what a protocol lets it see: [N, 3, H, W] in 0..1 to [N, D]."""

    def __init__(self, network: nn.Module, protocol: Protocol, features: str) -> None:
        """`features` names the network; only torchvision's Inception takes another scale."""
        super().__init__()
        self.network, self.protocol = network, protocol
        scale = protocol.scale if features == "inception-imagenet" else None
        mean, std = scale or ((0.0,) * 3, (1.0,) * 3)
        self.mean = nn.Buffer(torch.tensor(mean)[:, None, None])
        self.std = nn.Buffer(torch.tensor(std)[:, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if centre := self.protocol.centre:
            top, left = ((length - centre) // 2 for length in images.shape[-2:])
            images = images[..., max(top, 0) :, max(left, 0) :][..., :centre, :centre]
        if self.protocol.side:
            images = resized(images, self.protocol.side)
        return self.network(images * self.std + self.mean)


def _tensorflow_inception(state: State) -> nn.Module:
    """pytorch-fid's port of the network that FID is defined by (Heusel et al. 2017, "GANs Trained
    by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"). It resizes to 299 x 299
    and scales to -1..1 by itself."""
    from pytorch_fid import inception

    class Flat(inception.InceptionV3):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images)[0].flatten(1)  # [N, 2048, 1, 1] -> [N, 2048]

    # the constructor takes no state: it reads a file itself, in a way that runs code of a pickle
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        network = Flat([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    return _folded_inception(network)


def _imagenet_inception(state: State) -> nn.Module:
    """torchvision's network, trained on ImageNet, with the preprocessing of pytorch-fid."""
    from torchvision.models import inception_v3

    # transform_input would undo ImageNet's mean and deviation, which pytorch-fid never applies
    network = inception_v3(weights=None, transform_input=False, init_weights=False)
    network.load_state_dict(state)
    network.fc = nn.Identity()
    return _folded_inception(_Preprocessed(network, 299, lambda images: 2 * images - 1))


def _folded_inception(network: nn.Module) -> nn.Module:
    from torchvision.models.inception import BasicConv2d

    for module in network.eval().modules():
        if isinstance(module, BasicConv2d):
            _fold(module, "conv", "bn")
    return network


def _efficientnet_lite0(state: State) -> nn.Module:
    """EfficientNet-Lite0, trained on ImageNet (Tan and Le 2019, "EfficientNet: Rethinking Model
    Scaling for Convolutional Neural Networks"): their smallest network without squeeze-and-
    excitation, with ReLU6 in the place of swish."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(state)
    network.eval()
    network._fc = nn.Identity()  # the dropout before it is off in test mode
    _fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        if block._block_args.expand_ratio != 1:
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    _fold(network, "_conv_head", "_bn1")
    # gray levels 0..255 with mean 127 and scale 128, as it was trained
    return _Preprocessed(network, 224, lambda images: (255 * images - 127) / 128)


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    """A BatchNorm into the convolution before it: the same function in fewer passes, to the last
    digits."""
    folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
    setattr(module, convolution, folded)
    setattr(module, norm, nn.Identity())


class OnnxNetwork(nn.Module):
    """Your own network, run by onnxruntime on the CPU on whatever device the images are.

    Its first output, flattened, are the features. Images go in one by one, so that a network
    exported for one image at a time will do.
    """

    def __init__(self, file: Path, taken: OnnxInput) -> None:
        """The network is tried on two images, twice each.

        Raises InputError without onnxruntime, and if the file is not a network for such images, or
        if its features change from run to run or are the same for every image.
        """
        super().__init__()
        self.file, self.taken, self.session = file, taken, _onnx_session(file)
        noise = np.random.default_rng(0).random((3, taken.size, taken.size), np.float32)
        first, second = ([self._features(image) for image in (0 * noise, noise)] for _ in range(2))
        if not all(map(np.array_equal, first, second)):
            fault = "gives one image other features each time; export it with dropout off (eval())"
        elif np.array_equal(first[0], first[1]):
            fault = "gives a black image and noise the same features; export another output"
        else:
            return
        raise InputError([f"{file}: {fault}"])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean, std = (
            torch.tensor(values)[:, None, None] for values in (self.taken.mean, self.taken.std)
        )
        scaled = ((resized(images.cpu(), self.taken.size) - mean) / std).numpy()
        return torch.from_numpy(np.stack([self._features(image) for image in scaled]))

    def _features(self, image: np.ndarray) -> np.ndarray:
        """Features [D] of one image [3, size, size] float32."""
        batch = np.ascontiguousarray(image[None])
        try:
            names = [self.session.get_outputs()[0].name], self.session.get_inputs()[0].name
            (found,) = self.session.run(names[0], {names[1]: batch})
            features = np.asarray(found, np.float32).ravel()
        except Exception as error:  # onnxruntime's errors have no class in common
            raise InputError(
                [
                    f"{self.file}: does not take {list(batch.shape)} float32, RGB at "
                    f"evaluation.features.size, or gives no numbers ({_in_one_line(error)})"
                ]
            ) from error
        if not features.size or not np.isfinite(features).all():
            raise InputError(
                [
                    f"{self.file}: no features, or some that are not finite; are "
                    "evaluation.features.mean and std those it was trained with?"
                ]
            )
        return features


def _onnx_session(file: Path) -> "InferenceSession":
    """A session that reads this file alone: the hash that results depend on does not cover weights
    that an export has put beside it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            [
                f"evaluation.features.onnx: {file} needs onnxruntime, an extra: run make setup "
                "ONNX=1 or pip install -r requirements-onnx.txt"
            ]
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums could depend on their number; images go side by side
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", "/dev/null"
    )
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no class in common
        raise InputError(
            [
                f"{file}: not an ONNX network in one file ({_in_one_line(error)}); export it with "
                "all weights inside (torch.onnx.export: external_data=False)"
            ]
        ) from error
    names = [one.name for one in session.get_inputs()]
    if len(names) != 1:
        raise InputError([f"{file}: takes {', '.join(names)}; a network of one image is expected"])
    return session


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
