"""The features of sketches that FID and KID compare, by the network that the configuration names:
`inception-tf` (of published FID values), `inception-imagenet` (of the report's numbers),
`efficientnet-lite0` (needs no download), or an ONNX file."""

import pickle
from pathlib import Path

import numpy as np
import torch
from torch import nn

from photosketch.configuration.settings import FeatureConfig
from photosketch.data.weights import EFFICIENTNET_WEIGHTS, FEATURE_WEIGHTS, verify_weights
from photosketch.evaluation.feature_networks import DIMENSIONS, OnnxNetwork, network_from
from photosketch.jobs.job import InputError, file_sha256
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import workers


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
        return network_from(features.name, torch.load(path, map_location="cpu", weights_only=True))
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
        return network(images.contiguous(memory_format=order)).cpu().numpy()

    threads = torch.get_num_threads() if on_cpu else 1
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), workers(threads) as pool:
        features = []
        for found in pool.map(extracted, range(0, len(sketches), batch_size)):
            features.append(found)
            if bar is not None:
                bar.update(share * len(found))
    return np.concatenate(features)
