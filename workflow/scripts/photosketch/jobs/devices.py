"""Choose a job's device: a GPU, which a limited number of jobs share, or the CPU.

Importing this module does not load torch.
"""

import glob
import os
import re
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from photosketch.jobs.disk import try_lock
from photosketch.jobs.messages import InputError, say

if TYPE_CHECKING:
    import torch

Wanted = Literal["auto", "cpu", "cuda"]
CARDS = "/dev/nvidia[0-9]*"  # a file for each card of this machine
POSSIBLE_CARDS = (CARDS, "/dev/dxg", "/dev/kfd", "/dev/nvhost*")  # also WSL, AMD, Jetson
ON_THE_CPU = (
    "set device: cpu in the configuration (--device cpu) to run on the CPU, many times slower"
)


def device_of_job(
    console: TextIO, config: Mapping[str, Any], resources: Mapping[str, Any]
) -> "torch.device":
    """The device of a job by the run's configuration and the job's Snakemake resources."""
    asked = bool(resources.get("gpu"))
    return acquire_device(console, config["device"], config["gpu_slots"], asked)


def may_use_gpu(wanted: Wanted) -> bool:
    """Whether a job on this machine may use a GPU. Does not load torch."""
    may_have_card = "SLURM_JOB_ID" in os.environ or any(map(glob.glob, POSSIBLE_CARDS))
    return wanted == "cuda" or (wanted == "auto" and may_have_card)


def acquire_device(
    console: TextIO,
    wanted: Wanted = "auto",
    slots: int = 1,
    asked: bool = True,
    lock_folder: str | os.PathLike[str] | None = None,
    in_short: bool = False,
) -> "torch.device":
    """Select a GPU on which fewer than `slots` jobs run and make it current, or return the CPU.

    The CPU is taken if it is `wanted`, if the job has not `asked` its scheduler for a GPU, and with
    `auto` on a machine without a card, outside of SLURM; then the log says why torch sees no GPU,
    unless `in_short`. Of the GPUs in CUDA_VISIBLE_DEVICES, the one with the fewest jobs is taken.
    A job locks a slot until its process ends: a file named after slot and device, in `lock_folder`
    (default: a folder of this machine and user, neither on a shared file system nor where
    `snakemake --unlock` would remove it). If all slots are locked, the job says so and waits.

    Raises InputError if no GPU can be used although `wanted` is cuda or this machine has a GPU (an
    old driver, a scheduler that gave none), and if all GPUs are too old.
    """
    import torch

    if wanted == "cpu" or not asked:
        reason = "device is cpu" if wanted == "cpu" else "the job's resource gpu is 0"
        print(f"{reason}: running on the CPU")
        return torch.device("cpu")
    if lack := _why_no_gpu():
        reason, remedy = lack
        if wanted == "auto" and not glob.glob(CARDS) and "SLURM_JOB_ID" not in os.environ:
            print(f"{'no GPU' if in_short else reason}: running on the CPU")
            return torch.device("cpu")
        raise InputError([f"{reason}. {remedy}; or {ON_THE_CPU}"])
    cards = _supported_cards(console)
    folder = Path(lock_folder or f"/tmp/photosketch-gpus-{os.getuid()}")
    first, *_ = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    mig_slice = first.replace("/", "-") if first.startswith("MIG-") else None  # at most one is seen
    announced = False
    while True:
        for slot, index in product(range(slots), cards):
            properties = torch.cuda.get_device_properties(index)
            # by UUID, because a scheduler may number devices differently for each job; for a MIG
            # slice, torch gives the UUID of the whole GPU
            name = mig_slice or f"gpu-{properties.uuid}"
            suffix = f"-slot{slot}" if slot else ""
            lock = try_lock(folder / f"{name}{suffix}.lock", console, f"GPU {index}")
            if lock is None:
                continue
            if _made_current(index):
                place = f", slot {slot + 1} of {slots}" if slots > 1 else ""
                print(f"using GPU {index}: {properties.name}{place}")
                return torch.device("cuda", index)
            os.close(lock)
        if not announced:
            each = f", {slots} jobs each" if slots > 1 else ""
            say(f"every GPU is in use ({len(cards)}{each}): waiting", console)
            announced = True
        time.sleep(2)


def _why_no_gpu() -> tuple[str, str] | None:
    """Why torch has no GPU for this job, and what to do; None if it has one."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    by_slurm = "SLURM_JOB_ID" in os.environ
    reason = "SLURM gave this job no GPU (CUDA_VISIBLE_DEVICES is not set)"
    if visible or not by_slurm:
        if torch.cuda.is_available() and torch.cuda.device_count():
            return None
        try:
            torch.cuda.init()
            cause = "none is listed"
        except (RuntimeError, AssertionError) as error:
            cause, *_ = str(error).splitlines() or [type(error).__name__]
        hidden = "" if visible is None else f", CUDA_VISIBLE_DEVICES is {visible!r}"
        reason = f"torch sees no GPU ({cause.rstrip('.')}{hidden})"
    if by_slurm:
        return reason, "Have the scheduler give the job a GPU"
    if torch.version.cuda is None:
        return reason, "Install a build of torch with CUDA"
    return reason, (
        f"Install a driver for CUDA {torch.version.cuda} (nvidia-smi shows the installed one; "
        "docs/gpu.md has the oldest that works), or let CUDA_VISIBLE_DEVICES name a device"
    )


def _supported_cards(console: TextIO) -> list[int]:
    """The GPUs that this build of torch has code for; the console names the others. Raises
    InputError if there is no such GPU."""
    import torch

    built = torch.cuda.get_arch_list()
    supported, unsupported = [], []
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        if is_served((card.major, card.minor), built):
            supported.append(index)
        else:
            unsupported.append(
                f"GPU {index}, {card.name}, has compute capability {card.major}.{card.minor}, "
                f"which this build of torch has no code for ({' '.join(built)})"
            )
    if not supported:
        remedy = f"install a build of torch that has, or {ON_THE_CPU}"
        raise InputError([f"{line}: {remedy}" for line in unsupported])
    for line in unsupported:
        say(f"{line}: left out", console)
    return supported


def is_served(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Whether code built for some architectures (`sm_90`, `compute_90`) runs on a card.

    Machine code (sm) runs on cards of the same major version and the same or a later minor version.
    Intermediate code (compute) runs on all later cards. A name that ends in a letter stands for
    that architecture alone.
    """
    for found in re.finditer(r"\b(sm|compute)_(\d+)(\d)([a-z]?)\b", " ".join(built)):
        kind, major, minor, exact = found.groups()
        architecture = int(major), int(minor)
        runs_later = not exact and (kind == "compute" or capability[0] == architecture[0])
        if capability == architecture or (runs_later and capability > architecture):
            return True
    return False


def _made_current(index: int) -> bool:
    """Make the device current. False if another process has exclusive use of it
    (EXCLUSIVE_PROCESS) or has filled its memory."""
    import torch

    try:
        torch.cuda.set_device(index)
        torch.cuda.synchronize()
    except RuntimeError as error:
        if not any(reason in str(error) for reason in ("busy or unavailable", "out of memory")):
            raise
        return False
    return True
