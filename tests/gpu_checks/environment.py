"""Driver, cards, and which of them a job takes."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from gpu_checks.result import Result, verdict
from photosketch.jobs import devices

QUERY = "name,driver_version,memory.total,compute_mode,mig.mode.current"
TAKE = """
import sys
from photosketch.jobs import devices
device = devices.acquire_device(sys.stdout, "cuda", lock_folder=sys.argv[1])
print("taken", device.index, flush=True)
sys.stdin.read()
"""


def describe(device: str, width: int) -> Result:
    """Whether torch sees each card and has code for it."""
    figures = {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "tf32 convolutions": torch.backends.cudnn.allow_tf32,
        "tf32 matrix products": torch.backends.cuda.matmul.allow_tf32,
        "card files": len([*Path("/dev").glob("nvidia[0-9]*")]),
    }
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
        said = subprocess.run(command, capture_output=True, text=True).stdout
        figures["nvidia-smi"] = said.splitlines()
    if not torch.cuda.is_available():
        return Result("FAIL", "a card is there, and torch does not see it", figures)
    built = torch.cuda.get_arch_list()
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    figures |= {"cudnn": torch.backends.cudnn.version(), "architectures": built}
    figures["cards"] = [
        f"{card.name}, {card.major}.{card.minor}, {card.total_memory / 2**30:.0f} GiB, {card.uuid}"
        for card in cards
    ]
    old = [
        f"torch has no code for {card.name}"
        for card in cards
        if not devices.is_served((card.major, card.minor), built)
    ]
    remark = f"{', '.join(card.name for card in cards)}; torch {torch.__version__}"
    return verdict(old, remark, **figures)


def two_processes_take_devices(device: str, width: int) -> Result:
    """Two jobs take two devices, or the second waits for the only one."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            subprocess.Popen(
                [sys.executable, "-c", TAKE, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for _ in range(2)
        ]
        try:
            said = [_until(job, ("taken", "every GPU")) for job in jobs]
        finally:
            for job in jobs:
                job.kill()
                job.communicate()
    visible = torch.cuda.device_count()
    taken = sorted(line for line in said if line.startswith("taken"))
    expected = ["taken 0", "taken 1"] if visible > 1 else ["taken 0"]
    problems = [] if taken == expected else [f"{visible} devices, and two jobs say {said}"]
    return verdict(problems, ", ".join(said), devices=visible)


def _until(job: subprocess.Popen, beginnings: tuple[str, ...]) -> str:
    """The first line of a job's output that begins so; what it said last where it ends before."""
    line = "nothing"
    for line in job.stdout:
        if line.startswith(beginnings):
            break
    return line.strip()
