"""What every job needs: a log, bounded threads, files written whole, clear errors, locks.

Importing this module loads neither torch nor OpenCV nor pandas, because the Snakefile imports it.
"""

import contextlib
import errno
import fcntl
import functools
import gc
import hashlib
import io
import os
import platform
import re
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from photosketch.jobs.code_version import code_version

INTERRUPTED = 75  # exit code of an interrupted job: EX_TEMPFAIL, "try again later"
SHOWN, LAST_SHOWN = 20, 4  # problems on the console; how many of them are the last problems
PROBLEMS = Path(".snakemake", "problems.txt")  # all problems of a program that has no log


class InputError(Exception):
    """Input that a person has to correct. Each problem names file, value and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class InterruptedJobError(Exception):
    """A signal stopped the job. Its state is saved; the next run continues from there."""


@contextlib.contextmanager
def job(
    log: str, threads: int, script: str, code: str, *, alone_in: Path | None = None
) -> Iterator[TextIO]:
    """Run a script's body with its output in `log`; yield a stream to the person's console.

    The body of `script` (a path) runs only if the files on the disk still have the planned
    `code_version` (`code`). With `alone_in`, a folder, it waits for `sole_writer`.
    File descriptors 1 and 2 are redirected, so native libraries write to the log as well.
    InputError ends the process with exit code 1, InterruptedJobError with 75, Ctrl-C with 130, each
    with its lines and no traceback. The log alone gets the traceback of any other error.
    """
    # file names may not be valid UTF-8
    console = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        with open(log, "ab") as target:
            os.dup2(target.fileno(), 1)
            os.dup2(target.fileno(), 2)
    except OSError as error:
        print(f"{log}: this log cannot be written ({error.strerror})", file=console)
        sys.exit(1)
    set_threads(threads)
    try:
        with sole_writer(alone_in, console) if alone_in else contextlib.nullcontext():
            os.truncate(log, 0)  # not earlier: another job in the folder may still write this log
            _begin(Path(script).name, code, threads)
            started = time.monotonic()
            yield console
            _print_gpu_memory()
            print(f"finished after {duration_in_words(time.monotonic() - started)}")
    except InputError as error:
        _end(console, first_of(error.problems, log), error.problems, 1)
    except InterruptedJobError as stop:
        _end(console, [str(stop)], [str(stop)], INTERRUPTED)
    except KeyboardInterrupt:
        line = f"interrupted by Ctrl-C, run again to go on ({log})"
        _end(console, [line], [line], 128 + signal.SIGINT)
    except Exception as error:
        line = f"{type(error).__name__}: {error} (whole traceback: {log})"
        if is_full(error):
            free = size_in_words(shutil.disk_usage(Path(log).parent).free)
            line = f"{line}; {free} are free beside the log: make room, and run again"
        _end(console, [line], [traceback.format_exc()], 1)
    finally:
        with contextlib.suppress(OSError):  # the log may be on a full disk
            sys.stdout.flush()
            sys.stderr.flush()
        gc.freeze()  # else Python's end looks through all packages for garbage, for a second


def _end(console: TextIO, shown: Sequence[str], logged: Sequence[str], code: int) -> NoReturn:
    """End the process. The console comes first, because the log may be on a full disk."""
    print(*shown, sep="\n", file=console)
    with contextlib.suppress(OSError):
        print(*logged, sep="\n", file=sys.stderr)
    sys.exit(code)


def command(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Wrap the `main` of a program without a log: InputError and a file that can't be used end in
    sentences and exit code 1, Ctrl-C in a line and 130. `main` takes the arguments (default:
    sys.argv)."""

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        if isinstance(sys.stdout, io.TextIOWrapper):  # file names may not be valid UTF-8
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return main(arguments)
        except InputError as error:
            problems = error.problems
        except OSError as error:
            if error.filename is None:
                raise
            problems = [f"{error.filename}: {_unusable(error)}"]
        except KeyboardInterrupt:
            print("interrupted by Ctrl-C", file=sys.stderr)
            return 128 + signal.SIGINT
        print(*told(problems), sep="\n", file=sys.stderr)
        return 1

    return run


def _unusable(error: OSError) -> str:
    return f"cannot be used ({error.strerror}); correct the path, or check its permissions and disk"


def tell_ctrl_c(line: str) -> None:
    """Have Ctrl-C end this process with a line in place of a traceback."""

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print(line, file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = hook


if hasattr(sys.modules["__main__"], "snakemake"):  # this process runs a script of Snakemake
    # while the script still imports its modules, which takes seconds
    tell_ctrl_c("interrupted by Ctrl-C before the job began")


def _begin(script: str, code: str, threads: int) -> None:
    """Check that the script is unedited; print the versions of the libraries it has loaded."""
    if code_version(script) != code:
        problem = (
            f"{script}, or a module that it imports, was edited after this run was planned: its "
            "result would be stored as the result of the old code; run the same command again"
        )
        raise InputError([problem])
    loaded = [name for name in ("torch", "numpy", "cv2", "pandas") if name in sys.modules]
    versions = [f"{name} {sys.modules[name].__version__}" for name in loaded]
    python = f"Python {platform.python_version()}"
    print(f"{script}: {', '.join([python, *versions])}; threads: {threads}")


def _print_gpu_memory() -> None:
    """Print the peak memory of tensors if torch has used a GPU; `estimate` reads this line."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        peak = max(torch.cuda.max_memory_allocated(device) for device in devices)
        print(f"peak GPU memory: {peak / 1e6:.0f} MB")


def set_threads(threads: int) -> None:
    """Bound the threads of torch and OpenCV (which ignores OMP_NUM_THREADS), if imported, also by
    the number of processors that a scheduler has given. BLAS gets one thread: its sums depend on
    the number, and its matrices are small here."""
    import threadpoolctl  # imported here: the training command runs without it

    threads = min(threads, len(os.sched_getaffinity(0)))
    threadpoolctl.threadpool_limits(1, "blas")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def threads_problems(threads: int | None) -> list[str]:
    """The problem with a program's --threads (None: all threads), if any."""
    if threads is None or threads >= 1:
        return []
    return [f"--threads {threads}: give 1 or more, or leave it out for all"]


def say(line: str, console: TextIO) -> None:
    """Print a line to the log and to the console."""
    print(line, flush=True)
    print(line, file=console, flush=True)


def first_of(problems: Sequence[str], everything: str | os.PathLike[str]) -> Sequence[str]:
    """At most 20 problems for a console, with a line that says how many more `everything` has. The
    last problems stay, because they may hold the remedy for all."""
    if len(problems) <= SHOWN:
        return problems
    more = f"and {counted(len(problems) - SHOWN, 'more problem')}: all are in {everything}"
    return [*problems[: SHOWN - LAST_SHOWN], more, *problems[-LAST_SHOWN:]]


def told(problems: Sequence[str], heading: str = "") -> Sequence[str]:
    """The problems for the console of a program without a log. If there are too many, the file
    `PROBLEMS` has all below a heading; if it can't be written, the console gets all."""
    problems = list(dict.fromkeys(problems))
    if len(problems) > SHOWN:
        try:
            with write_atomically(PROBLEMS) as temporary:
                text = "\n".join([*filter(None, [heading]), *problems, ""])
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        except (OSError, InputError):  # no permission, a full disk
            return problems
    return first_of(problems, PROBLEMS)


def counted(number: int, one: str, several: str = "") -> str:
    """`1 photo`, `2 photos`; `several` is an irregular plural."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def listed(names: Iterable[str], most: int = 10) -> str:
    """`a, b, c`; after the first `most` names, the number of the others."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def size_in_words(size: int) -> str:
    """A size in bytes, such as 3.2 MB or 120 bytes."""
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size:,} bytes"


def duration_in_words(seconds: float) -> str:
    """A duration in its two largest units, rounded: 41 s, 12 min, 2 h 10 min, 3 d 4 h."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str], needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it replaces `path`, else it is removed.

    The temporary name keeps the suffix, by which writers choose the format. Temporary files of
    `path` that killed jobs have left are removed. Raises InputError if the file can't be written,
    or if the disk or a quota is full. `needed` is the file's size in bytes, if known.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.(\d+){re.escape(path.suffix)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in filter(None, map(pattern.fullmatch, _hidden_files(path.parent))):
            # a process on another node counts as ended: Snakemake has started this job in its place
            if not Path("/proc", leftover[1]).exists():
                path.with_name(leftover[0]).unlink(missing_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if is_full(error):
            there = next(folder for folder in path.absolute().parents if folder.exists())
            free = size_in_words(shutil.disk_usage(there).free)
            size = needed or (temporary.stat().st_size if temporary.exists() else 0)
            about = size_in_words(size) if needed else f"more than {size_in_words(size)}"
            needs = f", which needs {about}" if size else ""
            problem = (
                f"{path.parent}: no room for {path.name}{needs}: {free} are free there "
                f"({error.strerror}); make room, or put a link to a folder on a larger disk in its "
                "place, and run again"
            )
        elif error.filename and Path(error.filename) in (temporary, path, *path.parents):
            problem = f"{path}: {_unusable(error)}"
        else:
            raise
        raise InputError([problem]) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be a file, or read-only
            temporary.unlink()


@functools.cache
def _hidden_files(folder: Path) -> list[str]:
    """The hidden files in a folder, listed only once because it may get thousands of files."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


def remove_hidden_files(folder: Path) -> None:
    """Remove what killed jobs have left in a folder that no other job writes into."""
    for leftover in folder.glob(".*"):
        with contextlib.suppress(OSError):  # folders, and files that a file server keeps open
            leftover.unlink()


def is_full(error: BaseException) -> bool:
    """Whether the error means that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file that a person names. Raises OSError, also for a pipe or a device,
    because reading from these may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
    return Path(path).read_bytes()


def read_text(path: Path, missing: str, kind: str) -> str:
    """The UTF-8 text of a file that a person has written.

    Raises InputError with `missing` if there is no file, and with `kind` if it is not UTF-8.
    """
    try:
        return read_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        fault = missing
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); correct the path or its permissions"
    except UnicodeDecodeError as error:
        fault = f"cannot be read ({error}); save it as {kind}"
    raise InputError([f"{path}: {fault}"])


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a copy of the file in TMPDIR if TMPDIR is on another file system, else the file itself.

    On a cluster TMPDIR is a disk of the node, so a file that is read several times crosses the
    network once. If TMPDIR has too little room, the log says so.
    """
    path, scratch = Path(path), Path(tempfile.gettempdir())
    file = path.stat()
    if scratch.stat().st_dev == file.st_dev:
        yield path
    elif shutil.disk_usage(scratch).free < 2 * file.st_size:
        print(f"too little room in {scratch} for a copy of {path}: it is read in place")
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="photosketch-", dir=scratch) as folder:
            copy = Path(shutil.copyfile(path, Path(folder, path.name)))
            print(f"copied {path} to {scratch} ({size_in_words(file.st_size)})")
            yield copy


def try_lock(path: Path, console: TextIO, shared: str) -> int | None:
    """Lock a file until the returned descriptor is closed or the process ends; None if another
    process holds the lock. If the file system has no locks, log and console say what is `shared`
    without them. Raises InputError if the file cannot be opened."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError([f"{path}: {_unusable(error)}"]) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError as error:
        fault = f"no locks in {path.parent} ({error.strerror})"
        say(f"{fault}: make sure that no other job uses {shared}", console)
    os.utime(lock)  # so that a clean-up of /tmp by age keeps the file
    return lock


@contextlib.contextmanager
def sole_writer(folder: Path, console: TextIO, patience: float = 180) -> Iterator[None]:
    """Lock `folder` within the block, so that no other job works there.

    The job of a killed Snakemake goes on, and its successor must not write beside it. The successor
    leaves a note (`is_claimed`), upon which the job with the lock stops and publishes nothing. It
    waits for `patience` seconds, in which a file server also notices a crashed node, then raises
    InputError.
    """
    writer, claim = folder / ".writer", folder / ".claim"
    began = time.monotonic()
    announced = False
    while (lock := try_lock(writer, console, "that folder")) is None:
        claim.touch()
        other = writer.read_text(encoding="utf-8").strip() or "an unknown process"
        if time.monotonic() > began + patience:
            claim.unlink(missing_ok=True)
            raise InputError([f"{folder} is in use by {other}: end that (kill, scancel) first"])
        if not announced:
            say(f"{folder} is in use by {other}: waiting for it to save and stop", console)
            announced = True
        time.sleep(1)
    claim.unlink(missing_ok=True)
    slurm = f", SLURM job {os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else ""
    os.truncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {socket.gethostname()}{slurm}".encode())
    try:
        yield
    finally:
        os.close(lock)


def is_claimed(folder: Path) -> bool:
    """Whether another job waits for the folder that this job has locked."""
    return (folder / ".claim").exists()
