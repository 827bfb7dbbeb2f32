"""Drawing the test photos with a trained generator.

`instance`, the default, is pix2pix's test behaviour: images are drawn one at a time, BatchNorm
normalises by the image's own statistics, and dropout stays on, seeded by seed, epoch and image.
`running` is the usual evaluation mode: running statistics, no dropout.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from photosketch.configuration.settings import TrainConfig, differences
from photosketch.data.images import gray
from photosketch.jobs.messages import InputError
from photosketch.jobs.progress import Bar
from photosketch.training import checkpoint, networks, tensors
from photosketch.training.determinism import derive_seed

Statistics = Literal["instance", "running"]


def load_generator(
    path: Path | str, device: torch.device, expected: Mapping[str, Any] | None = None
) -> networks.Generator:
    """The generator of a checkpoint, built from its metadata. Raises InputError if they are not the
    `expected` ones (hparams, seed, epoch, training_set_sha256)."""
    weights, about = checkpoint.read_generator(path)
    if expected:
        found, wanted = (
            {**own["hparams"], **{key: own.get(key) for key in expected if key != "hparams"}}
            for own in (about, expected)
        )
        if problems := differences(found, wanted):
            remedy = "restore the original file, or delete this file: train writes it again"
            raise InputError([f"{path}: a generator of {'; '.join(problems)}; {remedy}"])
    return build(weights, about).to(device)


def build(weights: checkpoint.Weights, about: Mapping[str, Any]) -> networks.Generator:
    """The generator with the weights and metadata of `checkpoint.read_generator`, on the CPU."""
    config = TrainConfig.from_hparams(about["hparams"])
    generator = networks.Generator(config, about["sketch_channels"])
    generator.load_state_dict(weights)
    return generator


@torch.no_grad()
def draw(
    generator: networks.Generator,
    data: tensors.PackedSet,
    statistics: Statistics,
    seed: int,
    epoch: int,
    device: torch.device,
    bar: Bar | None = None,
) -> np.ndarray:
    """Sketches [N, H, W] uint8 gray of every photo in `data`, cropped back to the input size.
    Threads may share the generator, which does not change, nor does torch's random state. A GPU
    repeats the same bits only within `deterministic_algorithms`. `bar` counts the images."""
    random = torch.Generator(device)
    network = networks.as_at_test_time(generator, random)
    if statistics == "running":
        network.eval()
    (left, top), (width, height) = data.offset, data.size
    sketches = np.empty((len(data), height, width), np.uint8)
    for index, (subset, name) in enumerate(zip(data.subset, data.ids, strict=True)):
        random.manual_seed(derive_seed(seed, "dropout", epoch, subset, name))
        batch = data.batch(torch.tensor([index], device=device))
        drawn = network(batch.photo, batch.landmarks, batch.foreground).image  # [1, C, F, F]
        image = drawn[0, :, top : top + height, left : left + width]  # [C, H, W]
        pixels = ((image + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()
        sketches[index] = gray(pixels.transpose(1, 2, 0)) if len(pixels) == 3 else pixels[0]
        if bar is not None:
            bar.update()
    return sketches
