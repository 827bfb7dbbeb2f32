"""Where a job computes: on a GPU, which a limited number of jobs share, or on the CPU.

Free of torch at import. Like `job`, not part of what a result depends on.
"""

import glob
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from photosketch.jobs.job import InputError, say, try_lock

if TYPE_CHECKING:
    import torch

Wanted = Literal["auto", "cpu", "cuda"]
CARDS = "/dev/nvidia[0-9]*"  # a file for each card of this machine
POSSIBLE_CARDS = (CARDS, "/dev/dxg", "/dev/kfd", "/dev/nvhost*")  # WSL's, AMD's, Jetson's too
ON_THE_CPU = (
    "set device: cpu in the configuration (--device cpu) to run on the CPU, many times slower"
)


def device_of_job(
    console: TextIO, config: Mapping[str, Any], resources: Mapping[str, Any]
) -> "torch.device":
    """The device of a job by the run's configuration; `resources` is what its scheduler gave."""
    asked = bool(resources.get("gpu"))
    return acquire_device(console, config["device"], config["gpu_slots"], asked)


def may_use_gpu(wanted: Wanted) -> bool:
    """Whether a job that runs where this process does may use a GPU. Known without torch."""
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
    """A GPU on which fewer than `slots` jobs of this machine run, made current, or the CPU.

    The CPU is taken if it is `wanted`, if the job has not `asked` its scheduler for a GPU, and with
    `auto` on a machine without a card, outside of SLURM. The device with the fewest jobs is
    taken, among those that CUDA_VISIBLE_DEVICES allows. A slot is a lock on a file named after slot
    and device (its UUID, because a scheduler may number devices differently for each job), held
    until the process ends. If all are held, the job says so and waits.
    The files lie in `lock_folder`, by default one of this machine and user: not on a shared file
    system, and not where `snakemake --unlock` would remove them under a job.
    On a machine without a card the log says why torch sees none, unless `in_short`.

    Raises InputError if there is no GPU to be used although one is `wanted` or this machine has one
    (an old driver, a scheduler that gave none), and if each is too old.
    """
    import torch

    if wanted == "cpu" or not asked:
        reason = "device is cpu" if wanted == "cpu" else "the job's resource gpu is 0"
        print(f"{reason}: running on the CPU")
        return torch.device("cpu")
    if lack := _lack_of_a_gpu():
        reason, remedy = lack
        if wanted == "auto" and not glob.glob(CARDS) and "SLURM_JOB_ID" not in os.environ:
            print(f"{'no GPU' if in_short else reason}: running on the CPU")
            return torch.device("cpu")
        raise InputError([f"{reason}. {remedy}; or {ON_THE_CPU}"])
    cards = _served_cards(console)
    folder = Path(lock_folder or f"/tmp/photosketch-gpus-{os.getuid()}")
    announced = False
    while True:
        for slot in range(slots):
            for index in cards:
                properties = torch.cuda.get_device_properties(index)
                suffix = f"-slot{slot}" if slot else ""
                name = f"{_lock_name(properties.uuid)}{suffix}.lock"
                lock = try_lock(folder / name, console, f"GPU {index}")
                if lock is None:
                    continue
                if not _opened(index):
                    os.close(lock)
                    continue
                place = f", slot {slot + 1} of {slots}" if slots > 1 else ""
                print(f"using GPU {index}: {properties.name}{place}")
                return torch.device("cuda", index)
        if not announced:
            each = f", {slots} jobs each" if slots > 1 else ""
            say(f"every GPU is in use ({len(cards)}{each}): waiting", console)
            announced = True
        time.sleep(2)


def _lack_of_a_gpu() -> tuple[str, str] | None:
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


def _served_cards(console: TextIO) -> list[int]:
    """The devices that this build of torch has code for; the others are named.

    Raises InputError if it has code for none of them.
    """
    import torch

    built = torch.cuda.get_arch_list()
    served, refused = [], []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        if is_served((properties.major, properties.minor), built):
            served.append(index)
        else:
            refused.append(
                f"GPU {index}, {properties.name}, has compute capability {properties.major}."
                f"{properties.minor}, which this build of torch has no code for ({' '.join(built)})"
            )
    if not served:
        remedy = f"install a build of torch that has, or {ON_THE_CPU}"
        raise InputError([f"{line}: {remedy}" for line in refused])
    for line in refused:
        say(f"{line}: left out", console)
    return served


def is_served(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Whether code built for some architectures (`sm_90`, `compute_90`) runs on a card.

    Machine code (sm) runs on cards of its own major version and the same or a later minor one,
    intermediate code (compute) on all later ones; with a letter behind, on that architecture alone.
    """
    for name in built:
        if found := re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", name):
            kind, major, minor, exact = found.groups()
            architecture = int(major), int(minor)
            same_major = kind == "compute" or capability[0] == architecture[0]
            if capability == architecture or (
                not exact and same_major and capability > architecture
            ):
                return True
    return False


def _lock_name(uuid: str) -> str:
    """What tells devices apart: the UUID of a GPU, or the name of a slice of one (MIG).

    A process sees one slice at most, the first that CUDA_VISIBLE_DEVICES names, under the UUID of
    the whole GPU.
    """
    first, *_ = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return first.replace("/", "-") if first.startswith("MIG-") else f"gpu-{uuid}"


def _opened(index: int) -> bool:
    """Make the device current; False if a process has it for itself (EXCLUSIVE_PROCESS) or has
    filled its memory."""
    import torch

    try:
        torch.cuda.set_device(index)
        torch.cuda.synchronize()
    except RuntimeError as error:
        if not any(reason in str(error) for reason in ("busy or unavailable", "out of memory")):
            raise
        return False
    return True
