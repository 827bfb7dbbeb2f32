"""What to lower where torch finds no memory for a training."""

import contextlib
from collections.abc import Iterator

import torch

from photosketch import runtime
from photosketch.config import FRAMES, TrainConfig


@contextlib.contextmanager
def lack_of_memory_explained(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Within the block a lack of memory is a runtime.InputError that says what to lower."""
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
        raise runtime.InputError(
            [f"out of {place}: lower {', '.join(hints)}{more}. ({str(error).splitlines()[0]})"]
        ) from error
