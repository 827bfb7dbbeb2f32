"""What every job needs around its work: log, threads, whole files, clear errors, a GPU of its own.

Free of torch, OpenCV and pandas at import, so that the Snakefile may use it.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import torch


class InputError(Exception):
    """Input that a person has to mend: every problem found, each naming file, value and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class InterruptedJobError(Exception):
    """The job was asked to stop (SIGTERM), has saved what it had, and goes on when run again."""


INTERRUPTED = 75  # exit code of such a job: EX_TEMPFAIL, "try again later"


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it vanishes.

    The temporary name keeps the suffix, because image and array writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def job(log: str, threads: int = 1) -> Iterator[TextIO]:
    """Run a script's body: output goes to `log`, the yielded stream still reaches the person.

    File descriptors 1 and 2 are redirected, so that native libraries write to the log as well.
    An InputError ends the process with its problems and exit code 1, an InterruptedJobError with
    its message and exit code 75, both without a traceback; any other error leaves its traceback in
    the log and its last line on the console. A job that used a GPU ends its log with the peak of
    its memory.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    console = os.fdopen(os.dup(2), "w", buffering=1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    _set_threads(threads)
    try:
        yield console
        _print_gpu_memory()
    except InputError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
            print(problem, file=console)
        sys.exit(1)
    except InterruptedJobError as stop:
        print(stop, file=sys.stderr)
        print(stop, file=console)
        sys.exit(INTERRUPTED)
    except Exception as error:
        traceback.print_exc()
        print(f"{type(error).__name__}: {error} (whole traceback: {log})", file=console)
        sys.exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _print_gpu_memory() -> None:
    """The most that tensors took of a GPU, where torch has used one; `costs` reads the line."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        peak = max(torch.cuda.max_memory_allocated(device) for device in devices)
        print(f"peak GPU memory: {peak / 1e6:.0f} MB")


def _set_threads(threads: int) -> None:
    """Bound the threads of torch and OpenCV (which ignores OMP_NUM_THREADS), where imported."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def acquire_device(
    lock_folder: str | os.PathLike[str], console: TextIO, slots: int = 1
) -> "torch.device":
    """A GPU on which fewer than `slots` jobs of this machine run, else the CPU where there is none.

    The device with the fewest jobs is taken. CUDA_VISIBLE_DEVICES, where it is set, says which
    devices may be taken. A slot is taken by a non-blocking lock on a file named after device and
    slot, held until the process ends (however it ends: the kernel frees it). Waits, saying so,
    while all are held.
    """
    import torch

    if not torch.cuda.is_available():
        print("no GPU visible: running on the CPU")
        return torch.device("cpu")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(i) for i in range(torch.cuda.device_count())]
    folder = Path(lock_folder)
    folder.mkdir(parents=True, exist_ok=True)
    announced = False
    while True:
        for slot in range(slots):
            for index, name in enumerate(names):
                suffix = f"-slot{slot}" if slot else ""
                if _lock(folder / f"gpu-{re.sub(r'[^0-9A-Za-z-]', '_', name)}{suffix}.lock"):
                    place = f", slot {slot + 1} of {slots}" if slots > 1 else ""
                    print(f"using GPU {name}: {torch.cuda.get_device_name(index)}{place}")
                    return torch.device("cuda", index)
        if not announced:
            each = f", {slots} jobs each" if slots > 1 else ""
            for stream in (sys.stdout, console):
                print(
                    f"every GPU is in use ({', '.join(names)}{each}): waiting",
                    file=stream,
                    flush=True,
                )
            announced = True
        time.sleep(2)


def _lock(path: Path) -> bool:
    """Lock the file until the process ends; False where another holds it."""
    lock = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True
