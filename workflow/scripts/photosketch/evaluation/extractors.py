"""The features of sketches that FID and KID compare, and the networks that extract them.

The configuration names the network: `inception-tf` (of published FID values), `inception-imagenet`
(of the report's numbers), `efficientnet-lite0` (needs no download), or an ONNX file. A network
takes [N, 3, H, W] in 0..1 to [N, D], in test mode. It resizes images (bilinear) to the square of
its training and scales them as its training did. Its library takes seconds to import, so each
function imports its own.
"""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photosketch.configuration.settings import FeatureConfig, OnnxInput
from photosketch.data.weights import EFFICIENTNET_WEIGHTS, FEATURE_WEIGHTS, verify_weights
from photosketch.evaluation.protocol import Protocol
from photosketch.jobs.disk import file_sha256
from photosketch.jobs.messages import InputError
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import workers

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

State = Mapping[str, torch.Tensor]
DIMENSIONS = {"inception-tf": 2048, "inception-imagenet": 2048, "efficientnet-lite0": 1280}


def feature_remark(features: FeatureConfig) -> str:
    """What every table and figure made with these features must say; empty if distances are
    comparable with published ones."""
    published = FEATURE_WEIGHTS.get(features.name)
    if published and not features.onnx:
        given = features.weights_sha256 or published.sha256
        if given.lower().startswith(published.sha256):
            return ""
    packaged = features == FeatureConfig("efficientnet-lite0")
    name = "EfficientNet" if packaged else features.label
    return f"{name} features: comparable within this table, not with published FID"


def load(features: FeatureConfig, weights: str | Path | None = None) -> nn.Module:
    """The network in test mode: [N, 3, H, W] in 0..1 -> [N, D].

    `weights` is a local file, for EfficientNet by default that of its package. Its hash is compared
    with `features.weights_sha256` (by default the published hash) before it is opened. It is never
    run as code. Raises InputError if it is missing, has another hash or is not such a network.
    """
    if features.onnx:
        assert weights is not None
        path = Path(weights)
        if not path.is_file() or file_sha256(path) != features.weights_sha256:
            fault = "is missing or has changed since the run was planned; start the run again"
            raise InputError([f"{path}: the ONNX file of evaluation.features {fault}"])
        return OnnxNetwork(path, features.onnx)
    packaged = features.name == "efficientnet-lite0"
    expected = EFFICIENTNET_WEIGHTS if packaged else FEATURE_WEIGHTS[features.name]
    weights = weights or (EFFICIENTNET_WEIGHTS.installed() if packaged else None)
    if weights is None:
        fault = f"evaluation.features: {features.name} needs weights. {expected.remedy()}"
        raise InputError([fault])
    path = Path(weights)
    verify_weights(expected, path, features.weights_sha256)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if packaged:
            return _efficientnet_lite0(state)
        published = features.name == "inception-tf"
        return _tensorflow_inception(state) if published else _imagenet_inception(state)
    except Exception as error:  # a broken file can raise any kind of error in torch's reader
        reason, *_ = str(error).splitlines() or [type(error).__name__]  # torch lists every layer
        if isinstance(error, pickle.UnpicklingError):  # torch's advice would run the file's code
            reason = "it holds more than tensors, which would run as code, or is damaged"
        fault = f"{path}: not the weights of {features.name} ({reason}). {expected.remedy()}"
        raise InputError([fault]) from error


def dimensions(features: FeatureConfig, weights: str | Path | None = None) -> int:
    """The number of features per image. An ONNX network is run to find it and needs its file."""
    if features.onnx:
        return load(features, weights)(torch.zeros(1, 3, 1, 1)).shape[1]
    return DIMENSIONS[features.name]


def extract(
    sketches: np.ndarray,
    network: nn.Module,
    device: torch.device | str = "cpu",
    bar: Bar | None = None,
    share: float = 1.0,
) -> np.ndarray:
    """Features [N, D] float32 of sketches uint8 at their own size, gray [N, H, W] or RGB
    [N, H, W, 3], by a network on `device`.

    Gray is repeated to three channels, 0..255 becomes 0..1. Convolutions keep full float32
    precision, so CPU and GPU agree. On a CPU, small batches with channels last take half the time
    of large batches in torch's default order, and torch's number of threads works on batches in
    parallel; results are the same for every number of threads. `bar` advances by `share` per image.
    """
    on_cpu = torch.device(device).type == "cpu"
    batch_size, order = (8, torch.channels_last) if on_cpu else (32, torch.contiguous_format)

    @torch.inference_mode()
    def extracted(start: int) -> np.ndarray:
        batch = torch.from_numpy(sketches[start : start + batch_size]).to(device)
        channels = batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
        images = channels.float().div(255).expand(-1, 3, -1, -1)  # [B, 3, H, W]
        features = network(images.contiguous(memory_format=order)).cpu().numpy()
        if bar is not None:
            bar.update(share * len(features))
        return features

    threads = torch.get_num_threads() if on_cpu else 1
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), workers(threads) as pool:
        return np.concatenate([*pool.map(extracted, range(0, len(sketches), batch_size))])


class _Preprocessed(nn.Module):
    """A network and its preprocessing: images are resized to `side` pixels, then go to `scale`."""

    def __init__(
        self, network: nn.Module, side: int, scale: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        super().__init__()
        self.network, self.side, self.scale = network, side, scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.scale(resized(images, self.side)))


def resized(images: torch.Tensor, side: int) -> torch.Tensor:
    """[N, C, H, W] to [N, C, side, side], bilinear, without smoothing first."""
    return nn.functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)


class View(nn.Module):
    """A feature network that sees images as a protocol prescribes: [N, 3, H, W] in 0..1 to
    [N, D]."""

    def __init__(self, network: nn.Module, protocol: Protocol, features: str) -> None:
        """`features` names the network; protocols rescale only for torchvision's Inception."""
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
    """pytorch-fid's port of the network that defines FID (Heusel et al. 2017, "GANs Trained by a
    Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"). The network itself resizes to
    299 x 299 and scales to -1..1."""
    from pytorch_fid import inception

    class Flat(inception.InceptionV3):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images)[0].flatten(1)  # [N, 2048, 1, 1] -> [N, 2048]

    # the constructor reads a file itself, in a way that runs the code of a pickle
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        return _folded_inception(Flat([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]))


def _imagenet_inception(state: State) -> nn.Module:
    """torchvision's network, trained on ImageNet, with the preprocessing of pytorch-fid."""
    from torchvision.models import inception_v3

    # transform_input would undo ImageNet's mean and deviation, which pytorch-fid never applies
    network = inception_v3(weights=None, transform_input=False, init_weights=False)
    network.load_state_dict(state)
    network.fc = nn.Identity()
    return _Preprocessed(_folded_inception(network), 299, lambda images: 2 * images - 1)


def _folded_inception(network: nn.Module) -> nn.Module:
    from torchvision.models.inception import BasicConv2d

    for module in network.eval().modules():
        if isinstance(module, BasicConv2d):
            _fold(module, "conv", "bn")
    return network


def _efficientnet_lite0(state: State) -> nn.Module:
    """EfficientNet-Lite0, trained on ImageNet (Tan and Le 2019, "EfficientNet: Rethinking Model
    Scaling for Convolutional Neural Networks"): their smallest network, with ReLU6 instead of swish
    and without squeeze-and-excitation."""
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
    # trained on gray levels 0..255 with mean 127 and scale 128
    return _Preprocessed(network, 224, lambda images: (255 * images - 127) / 128)


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    """Fold a BatchNorm into the convolution before it: the same function up to rounding, faster."""
    folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
    setattr(module, convolution, folded)
    setattr(module, norm, nn.Identity())


class OnnxNetwork(nn.Module):
    """The user's own network, run by onnxruntime on the CPU for images on any device, one by one.
    The features are its first output, flattened."""

    def __init__(self, file: Path, taken: OnnxInput) -> None:
        """Runs the network twice on two images. Raises InputError if onnxruntime is missing, if the
        file is not a network for such images, or if the features change from run to run or are the
        same for both images."""
        super().__init__()
        self.file, self.taken, self.session = file, taken, _onnx_session(file)
        noise = np.random.default_rng(0).random((3, taken.size, taken.size), np.float32)
        first, second = ([self._features(image) for image in (0 * noise, noise)] for _ in range(2))
        if not all(map(np.array_equal, first, second)):
            fault = "gives one image other features each time"
            raise _refused(file, fault, "export it without dropout (eval())")
        if np.array_equal(first[0], first[1]):
            fault = "gives a black image and noise the same features"
            raise _refused(file, fault, "export another output")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        taken = self.taken
        mean, std = (torch.tensor(values)[:, None, None] for values in (taken.mean, taken.std))
        scaled = ((resized(images.cpu(), taken.size) - mean) / std).numpy()
        return torch.from_numpy(np.stack([self._features(image) for image in scaled]))

    def _features(self, image: np.ndarray) -> np.ndarray:
        """Features [D] of one image [3, size, size] float32."""
        batch = np.ascontiguousarray(image[None])
        try:
            given, wanted = self.session.get_inputs()[0], self.session.get_outputs()[0]
            found = self.session.run([wanted.name], {given.name: batch})[0]
            features = np.asarray(found, np.float32).ravel()
        except Exception as error:  # onnxruntime's errors have no common class
            fault = f"does not take {list(batch.shape)} float32 (RGB of evaluation.features.size), "
            fault += "or its output is not numbers"
            remedy = "correct evaluation.features or export the network again"
            raise _refused(self.file, fault, remedy, error) from error
        if not features.size or not np.isfinite(features).all():
            remedy = "set evaluation.features.mean and std to the values of its training"
            raise _refused(self.file, "no features, or some that are not finite", remedy)
        return features


def _onnx_session(file: Path) -> "InferenceSession":
    """A session that reads only this file, because the hash of the features covers no other file
    (an export can put weights beside the network)."""
    try:
        import onnxruntime
    except ImportError as error:
        remedy = "run make setup ONNX=1 or pip install -r requirements-onnx.txt"
        fault = f"evaluation.features.onnx: {file} needs onnxruntime, an extra: {remedy}"
        raise InputError([fault]) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums could depend on the number of threads
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", "/dev/null"
    )
    providers = ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common class
        remedy = "export it with all weights inside (torch.onnx.export: external_data=False)"
        raise _refused(file, "not an ONNX network in one file", remedy, error) from error


def _refused(file: Path, fault: str, remedy: str, error: Exception | None = None) -> InputError:
    reason = f" ({' '.join(str(error).split())})" if error else ""
    return InputError([f"{file}: {fault}{reason}; {remedy}"])
