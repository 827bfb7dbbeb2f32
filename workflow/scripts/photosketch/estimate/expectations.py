"""What a run needs: its disk, and its time by past jobs or by what is timed on this machine."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import pandas as pd
import torch

from photosketch.configuration.settings import (
    FeatureConfig,
    RunSettings,
    TrainConfig,
    ablation_config,
    evaluated_epochs,
    feature_file,
)
from photosketch.data import images
from photosketch.data.pairs import validation_count
from photosketch.evaluation import extractors
from photosketch.geometry.similarity import template
from photosketch.jobs.messages import InputError
from photosketch.jobs.threads import workers
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.training import inference, pack
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.tensors import PackedSet
from photosketch.training.trainer import PLAIN, Trainer

LONG = 3.0  # seconds: on a CPU a longer first step is not repeated; further steps end after this
MOST_STEPS = 20
NATIVE_BF16 = re.compile(r"\b(avx512_|amx_)?bf16\b")  # in a processor's flags


class Speed(NamedTuple):
    """Seconds that a training takes for an image, and that its generator takes to draw a face."""

    image: float
    drawing: float


def past_seconds(jobs: Mapping[str, int], benchmarks: pd.DataFrame) -> dict[str, float]:
    """Rule -> seconds of its jobs (rule -> number), one after the other, by the mean of past jobs
    (`costs.read_benchmarks`). Rules without past jobs are left out."""
    mean = dict(zip(benchmarks["rule"], benchmarks["seconds"] / benchmarks["jobs"], strict=True))
    return {rule: mean[rule] * number for rule, number in jobs.items() if rule in mean}


def timed_seconds(
    jobs: Iterable[Any],
    config: Mapping[str, Any],
    pairs: Sequence[Mapping[str, str]],
    speeds: Mapping[str, Speed],
    parsing: float | None,
) -> dict[str, float]:
    """Rule -> seconds of its jobs, by the speeds of their ablations and by `parsing`, the seconds
    that one thread takes to parse an image. Jobs have Snakemake's rule_name, wildcards and threads.
    Rules that were not timed are left out."""
    trained, validated, tested = pairs_by_split(config, pairs)
    drawn = {"infer": tested, "infer_validation": validated}
    seconds: defaultdict[str, float] = defaultdict(float)
    for job in jobs:
        rule, name = job.rule_name, job.wildcards.get("ablation")
        if rule == "train" and name in speeds:
            epochs = ablation_config(config, name).epochs
            seconds[rule] += epochs * trained * speeds[name].image
        elif rule in drawn and name in speeds:
            seconds[rule] += len(evaluated_epochs(config)) * drawn[rule] * speeds[name].drawing
        elif rule == "parse_faces" and parsing is not None:
            images = 2 * sum(row["subset"] == job.wildcards["subset"] for row in pairs)
            seconds[rule] += images * parsing / job.threads
    return dict(seconds)


def expected_bytes(config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """The disk space of a whole run by kind, from the configuration and the table of pairs. The
    sizes are uncompressed; tables, figures and logs are left out."""
    seeds, epochs = len(config["seeds"]), len(evaluated_epochs(config))
    ablations = [ablation_config(config, name) for name in config["ablations"]]
    channels = config["dataset"]["sketch_channels"]
    nowhere = torch.device("meta")  # networks without memory, only for their sizes
    with nowhere:
        trainers = [Trainer(each, 0, channels, nowhere, PLAIN) for each in ablations]
    states = [trainer.bytes_of_state() for trainer in trainers]
    states_per_run = RunSettings.from_config(config["train"]).states
    generators = sum(trainer.generator.bytes() for trainer in trainers)
    trained, validated, tested = pairs_by_split(config, pairs)
    drawings = seeds * len(ablations) * epochs * (tested + validated)
    drawings += len(config["methods"]) * tested
    width, height = config["dataset"]["size"]
    network = FeatureConfig.from_config(config["evaluation"])
    features = extractors.dimensions(network, feature_file(config))
    frame = config["dataset"]["frame"] ** 2 * (3 + 1 + channels)  # photo, labels, sketch
    warps = len({ablation.warp for ablation in ablations} - {"none"})
    return {
        "generators": seeds * epochs * generators,
        "states for resuming": seeds * states_per_run * sum(states),
        "a state being written": max(states),  # of each training that runs at the same time
        "samples": drawings * width * height,
        "features": (drawings + len(pairs)) * features * 4,
        # photo and sketch in colour
        "aligned pictures": (config["dataset"]["align"] != "none")
        * (len(pairs) * 2 * 3 * width * height),
        # of photos and sketches: the parser's maps, and the same with maps drawn by hand
        "parsings": len(pairs) * 2 * 2 * width * height,
        "tensors": len(pairs) * frame + warps * trained * frame,
        # sketch and valid pixels, a byte each, and the map, two floats
        "warps": warps * len(pairs) * width * height * (1 + 1 + 2 * 4),
    }


def pairs_by_split(
    config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]
) -> tuple[int, int, int]:
    """The numbers of pairs for training, validation and test."""
    counts = Counter(row["split"] for row in pairs)
    share, moved = config["dataset"]["validation"], 0
    if share:
        training = Counter(row["subset"] for row in pairs if row["split"] == "train")
        moved = sum(validation_count(number, share) for number in training.values())
    return counts["train"] - moved, counts["val"] + moved, counts["test"]


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
