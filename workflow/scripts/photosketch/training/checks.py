"""Checks before a training begins: memory, frames, and faces that fit the local networks."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import psutil
import torch

from photosketch.configuration.settings import FRAMES, TrainConfig
from photosketch.geometry import patch_checks
from photosketch.jobs import job

if TYPE_CHECKING:
    from photosketch.training.tensors import PackedSet


@contextlib.contextmanager
def lack_of_memory_explained(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Within the block, a lack of memory becomes an InputError that says what to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lacking = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not lacking and "DefaultCPUAllocator" not in str(error):
            raise
        hints = [f"train.batch_size (now {config.batch_size})"]
        hints += [f"train.ngf ({config.ngf})", f"train.ndf ({config.ndf})"]
        if config.frame > FRAMES[0]:
            hints.append(f"dataset.frame ({config.frame})")
        if device.type == "cuda":
            hints.append("gpu_slots")
        more = "; or set train.precision to bf16" if config.precision == "fp32" else ""
        place = "GPU memory" if device.type == "cuda" else "memory"
        raise job.InputError(
            [f"out of {place}: lower {', '.join(hints)}{more}. ({str(error).splitlines()[0]})"]
        ) from error


def check_room(tensors: Path, device: torch.device, console: TextIO) -> None:
    """Say how large the packed training set is.

    Raises InputError if the device has too little free memory to hold the whole set.
    """
    size, free = tensors.stat().st_size, free_memory(device)
    place = "the GPU's memory" if device.type == "cuda" else "memory"
    words = job.size_in_words(size)
    job.say(f"training set: {words}, kept in {place}", console)
    if size > free:
        other = ", or device: cpu" if device.type == "cuda" else ""
        raise job.InputError(
            [
                f"{tensors}: the training set of {words} does not fit into {place}, of "
                f"which {job.size_in_words(free)} are free; train on fewer pairs "
                f"(dataset.pairs){other}, or give the job more memory"
            ]
        )


def free_memory(device: torch.device) -> int:
    """Bytes free on a GPU, or on the host."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    return psutil.virtual_memory().available


def check_frames(data: "PackedSet", path: Path, dataset: Mapping[str, Any]) -> None:
    """Raise InputError if the packed pairs do not agree with the `dataset` section."""
    found = {"frame": data.frame, "sketch_channels": data.sketch_channels}
    if problems := [
        f"{path}: {key} {value}, but dataset.{key} is {dataset[key]}; name the configuration that "
        "the pairs were packed with"
        for key, value in found.items()
        if value != dataset[key]
    ]:
        raise job.InputError(problems)


def check_faces(data: "PackedSet", ablation: str, *, aligned: bool, page_command: str) -> None:
    """Raise InputError with the photos whose faces do not fit the local networks' rectangles.

    Merging and alignment check the same, but not for an ablation that is added to the run later.
    `aligned`: dataset.align is on; `page_command` makes the page to click points on.
    """
    located = zip(data.subset, data.ids, data.landmarks.cpu().numpy().astype(float), strict=True)
    size = data.frame, data.frame
    found = patch_checks.misplaced_faces(
        ((f"photo of {subset} {name}", points, size) for subset, name, points in located),
        data.frame,
    )
    if found:
        raise job.InputError(
            patch_checks.refusal(found, [ablation], aligned=aligned, page_command=page_command)
        )
