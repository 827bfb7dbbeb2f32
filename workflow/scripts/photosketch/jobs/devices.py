"""Where a job computes: on a GPU that it shares with no more jobs than it may, or on the CPU.

Free of torch at import. Like `runtime`, no part of what a result depends on.
"""

import fcntl
import glob
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from photosketch.jobs.job import InputError, say

if TYPE_CHECKING:
    import torch

Wanted = Literal["auto", "cpu", "cuda"]
CARDS = "/dev/nvidia[0-9]*"  # a file for each card of this machine
ON_THE_CPU = (
    "set device: cpu in the configuration (--device cpu) to run on the CPU, many times slower"
)


def acquire_device(
    console: TextIO,
    wanted: Wanted = "auto",
    slots: int = 1,
    asked: bool = True,
    lock_folder: str | os.PathLike[str] | None = None,
    in_short: bool = False,
) -> "torch.device":
    """A GPU on which fewer than `slots` jobs of this machine run, made current, or the CPU.

    The CPU is taken where it is `wanted`, where the job has not `asked` its scheduler for a GPU,
    and with `auto` on a machine without one, outside of SLURM. The device with the fewest jobs is
    taken, among those that CUDA_VISIBLE_DEVICES allows. A slot is a non-blocking lock on a file
    named after slot and device (its UUID: numbers differ from job to job where a scheduler confines
    them), held until the process ends, however it ends: the kernel frees it. Waits, saying so,
    while all are held.
    The files lie in `lock_folder`, by default one of this machine and user: not on a shared file
    system, and not where `snakemake --unlock` would remove them under a job.
    On a machine without a card the log is told why torch sees none, but `in_short`.

    Raises runtime.InputError where there is no GPU to be used although one is `wanted` or this
    machine has one (an old driver, a scheduler that gave none), and where each is too old.
    """
    import torch

    if wanted == "cpu" or not asked:
        print(f"{'device is cpu' if asked else 'no GPU was asked for'}: running on the CPU")
        return torch.device("cpu")
    lack = _lack_of_a_gpu()
    if lack:
        if wanted == "auto" and not glob.glob(CARDS) and "SLURM_JOB_ID" not in os.environ:
            print(f"{'no GPU' if in_short else lack}: running on the CPU")
            return torch.device("cpu")
        raise InputError([f"{lack}. {_remedy()}; or {ON_THE_CPU}"])
    cards = _served_cards(console)
    folder = Path(lock_folder or f"/tmp/photosketch-gpus-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True)
    announced = False
    while True:
        for slot in range(slots):
            for index in cards:
                properties = torch.cuda.get_device_properties(index)
                suffix = f"-slot{slot}" if slot else ""
                lock = _lock(folder / f"{_lock_name(properties.uuid)}{suffix}.lock")
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


def _lack_of_a_gpu() -> str | None:
    """Why torch has no GPU for this job; None where it has."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if "SLURM_JOB_ID" in os.environ and not visible:
        return "SLURM gave this job no GPU (CUDA_VISIBLE_DEVICES is not set)"
    if torch.cuda.is_available() and torch.cuda.device_count():
        return None
    try:
        torch.cuda.init()
        reason = "none is listed"
    except (RuntimeError, AssertionError) as error:
        reason, *_ = str(error).splitlines() or [type(error).__name__]
    hidden = "" if visible is None else f", CUDA_VISIBLE_DEVICES is {visible!r}"
    return f"torch sees no GPU ({reason.rstrip('.')}{hidden})"


def _remedy() -> str:
    """What to do where torch sees no GPU that is there, or ought to be."""
    import torch

    if "SLURM_JOB_ID" in os.environ:
        return "Have the scheduler give the job a GPU"
    if torch.version.cuda is None:
        return "Install a build of torch with CUDA"
    return (
        f"Install a driver for CUDA {torch.version.cuda} (nvidia-smi names the one at hand; "
        "docs/gpu.md the least), or let CUDA_VISIBLE_DEVICES name a device"
    )


def _served_cards(console: TextIO) -> list[int]:
    """The devices that this build of torch has code for; those that it has none for are named.

    Raises runtime.InputError where it has code for none of them.
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
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", name)
        if not found:
            continue
        kind, major, minor, exact = found.groups()
        architecture = int(major), int(minor)
        if exact:
            served = capability == architecture
        elif kind == "sm":
            served = capability[0] == architecture[0] and capability >= architecture
        else:
            served = capability >= architecture
        if served:
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
    """Make the device current; False where a process has it for itself (EXCLUSIVE_PROCESS) or has
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


def _lock(path: Path) -> int | None:
    """Lock the file until the process ends or the descriptor is closed; None if another has it."""
    lock = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.utime(lock)  # the age by which temporary folders are cleaned
    return lock
