"""Measure the speed of a run's trainings, drawing and parsing on this machine."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch

from photosketch.configuration.settings import TrainConfig
from photosketch.data import images
from photosketch.geometry.similarity import template
from photosketch.jobs.job import InputError
from photosketch.jobs.threads import workers
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.training import inference, pack
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.tensors import PackedSet
from photosketch.training.trainer import Trainer

LONG = 3.0  # seconds: on a CPU a longer first step is not repeated; further steps end after this
MOST_STEPS = 20
NATIVE_BF16 = re.compile(r"\b(avx512_|amx_)?bf16\b")  # in a processor's flags


class Speed(NamedTuple):
    """Seconds that a training takes for an image, and that its generator takes to draw a face."""

    image: float
    drawing: float


def speed(
    train: TrainConfig, dataset: Mapping[str, Any], statistics: inference.Statistics, device: Any
) -> Speed:
    """The speed of an ablation on pairs of noise. `dataset` is that section of the configuration,
    and `statistics` is inference.statistics."""
    trainer = Trainer(train, 0, dataset["sketch_channels"], device)
    batch = _pairs(train.frame, dataset, train.batch_size, device)
    everything = torch.arange(train.batch_size, device=device)
    one, generator = _pairs(train.frame, dataset, 1, device), trainer.generator.module
    with deterministic_algorithms():
        # cpu() waits until the device has finished
        step = _seconds(lambda: trainer.advance(batch, everything).cpu(), device)
        drawing = _seconds(lambda: inference.draw(generator, one, statistics, 0, 1, device), device)
    return Speed(step / train.batch_size, drawing)


def parsing_seconds(photo: str, dataset: Mapping[str, Any]) -> float:
    """Seconds that one thread takes to label a photo. Raises InputError if it can't be read."""
    try:
        pixels = images.decode(images.file_bytes(Path(photo)), colour=True)
    except images.FaultyError as error:
        raise InputError([f"{photo} {error}"]) from error
    face = cv2.resize(pixels, dataset["size"], interpolation=cv2.INTER_AREA)
    points = template(dataset["size"])
    with workers(1) as pool:
        return pool.submit(_timed, lambda: parse_segmentation(face, points)).result()


def computes_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16; other devices emulate bf16 by float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(NATIVE_BF16.search(Path("/proc/cpuinfo").read_text(encoding="utf-8")))


def _pairs(frame: int, dataset: Mapping[str, Any], count: int, device: Any) -> PackedSet:
    """Pairs of noise with the points of a face; the whole frame is labelled as face."""
    size = tuple(dataset["size"])
    points = pack.in_frame(template(size), size, frame)

    def noise(channels: int) -> torch.Tensor:
        shape = count, frame, frame, channels
        return torch.randint(256, shape, dtype=torch.uint8, device=device)

    return PackedSet(
        ids=[str(number) for number in range(count)],
        subset=["noise"] * count,
        photo=noise(3),
        sketch=noise(dataset["sketch_channels"]),
        landmarks=torch.from_numpy(points).to(device).expand(count, -1, -1).contiguous(),
        parsing=torch.ones(count, frame, frame, dtype=torch.uint8, device=device),
        size=size,
        offset=pack.offset(size, frame),
        pad_value=dataset["pad_value"],
    )


def _seconds(work: Callable[[], Any], device: torch.device) -> float:
    """The mean time of some calls after a first call, which on a GPU records the step."""
    first = _timed(work)
    if first > LONG and device.type == "cpu":
        return first
    times: list[float] = []
    while len(times) < MOST_STEPS and sum(times) < LONG:
        times.append(_timed(work))
    return sum(times) / len(times)


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
