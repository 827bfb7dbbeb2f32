"""What every job needs around its work: log, threads, whole files, clear errors, its own folder.

Free of torch, OpenCV and pandas at import, so that the Snakefile may use it.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO

import threadpoolctl

from photosketch.jobs import code_version, durations


class InputError(Exception):
    """Input that a person has to mend: every problem found, once, each naming file, value and
    remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class InterruptedJobError(Exception):
    """The job was told to stop by a signal, has saved what it had, and goes on when run again."""


_NAMED = ("torch", "numpy", "cv2", "pandas")  # in the heading of a log, where they are loaded
INTERRUPTED = 75  # exit code of such a job: EX_TEMPFAIL, "try again later"
ERASED = "\x1b[K"  # the rest of a terminal's line
SHOWN, LAST_SHOWN = 20, 4  # problems that the console is told, the last ones among them
LONGEST, END = 2000, 400  # characters of a problem that it is told, its remedy's among them
PROBLEMS = Path(".snakemake", "problems.txt")  # all of them, of what has no log


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str], needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it vanishes.

    The temporary name keeps the suffix, because image and array writers choose the format by it.
    What a job that was killed amid such a write of `path` has left is removed. Raises InputError
    where the disk or a quota is full; `needed` is the file's size in bytes, where it is known.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if is_full(error):
            raise InputError([_no_room(path, temporary, needed, error)]) from error
        raise
    finally:
        with contextlib.suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _no_room(path: Path, temporary: Path, needed: int | None, error: OSError) -> str:
    there = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(there).free
    written = temporary.stat().st_size if temporary.exists() else 0
    size = in_words(needed) if needed else f"more than {in_words(written)}"
    return (
        f"{path.parent}: no room for {path.name}, which needs {size}: {in_words(free)} are free "
        f"there ({error.strerror}); make room, or put a link to a folder on a larger disk in its "
        "place, and run again"
    )


def in_words(size: int) -> str:
    """A size in bytes, such as 3.2 MB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def counted(number: int, one: str, several: str = "") -> str:
    """`1 photo`, `2 photos`; `several` where the plural is not the singular with an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of `path` whose processes are no more."""
    for name in _hidden_files(path.parent):
        process = name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
        is_temporary = process.isdecimal() and name == f".{path.stem}.{process}{path.suffix}"
        if is_temporary and not _runs(int(process)):
            path.with_name(name).unlink(missing_ok=True)


def remove_hidden_files(folder: Path) -> None:
    """Remove what writes that were killed have left in a folder in which nothing else works."""
    for leftover in folder.glob(".*"):
        with contextlib.suppress(OSError):  # folders, and what a file server keeps open
            leftover.unlink()


@functools.cache
def _hidden_files(folder: Path) -> list[str]:
    """Those that were there when this process first wrote into the folder: of thousands of files
    each would be looked at for each one that is written."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


def _runs(process: int) -> bool:
    """Whether there is such a process here. One on another node that Snakemake has given up counts
    as ended: its file goes, and it fails."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def job(
    log: str,
    threads: int = 1,
    script: str | None = None,
    code: str | None = None,
    *,
    alone_in: Path | None = None,
) -> Iterator[TextIO]:
    """Run a script's body: output goes to `log`, the yielded stream still reaches the person.

    With `script`, a path, and `code`, the `code_version` that its result is going to be kept under,
    the body runs only where the files on the disk are still of that version, and the log begins
    with the versions of libraries and ends with the time it took. With `alone_in`, a folder, the
    body begins when no other process works there (`sole_writer`).
    File descriptors 1 and 2 are redirected, so that native libraries write to the log as well.
    An InputError ends the process with its problems and exit code 1 (the console is told 20 of
    them), an InterruptedJobError with its message and exit code 75, Ctrl-C with a line and exit
    code 130, all without a traceback; any other error leaves its traceback in the log and its last
    line on the console. A job that used a GPU ends its log with the peak of its memory.
    """
    # names of files need not be UTF-8
    console = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        print(f"{log}: this log cannot be written ({error.strerror})", file=console)
        sys.exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    _set_threads(threads)
    try:
        with sole_writer(alone_in, console) if alone_in else contextlib.nullcontext():
            os.truncate(log, 0)  # not before: it may be the log of the one who worked there
            if script:
                _check_unedited(script, code)
                _print_heading(script, threads)
            started = time.monotonic()
            yield console
            _print_gpu_memory()
            if script:
                print(f"finished after {durations.in_words(time.monotonic() - started)}")
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
            free = in_words(shutil.disk_usage(Path(log).parent).free)
            line = f"{line}; {free} are free beside the log: make room, and run again"
        _end(console, [line], [traceback.format_exc()], 1)
    finally:
        with contextlib.suppress(OSError):  # of a log on a full disk
            sys.stdout.flush()
            sys.stderr.flush()


def _say_interrupted(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """One line for Ctrl-C while a script still imports its modules, which takes seconds."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted by Ctrl-C before the job began", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if hasattr(sys.modules["__main__"], "snakemake"):  # which Snakemake puts into a script
    sys.excepthook = _say_interrupted


def first_of(problems: Sequence[str], log: str | os.PathLike[str]) -> list[str]:
    """The problems that a console is told, and how many more are in the log, which has all.

    The last ones are among them: what can be done about all is at the end. So it is with the
    characters of one problem.
    """
    problems = [_shortened(problem, log) for problem in problems]
    more = len(problems) - SHOWN
    if more <= 0:
        return problems
    rest = f"and {counted(more, 'more problem')}: all are in {log}"
    return [*problems[: SHOWN - LAST_SHOWN], rest, *problems[-LAST_SHOWN:]]


def _shortened(problem: str, log: str | os.PathLike[str]) -> str:
    if len(problem) <= LONGEST:
        return problem
    omitted = f"[{len(problem) - LONGEST:,} characters: whole in {log}]"
    return f"{problem[: LONGEST - END]} {omitted} {problem[-END:]}"


def told(problems: Sequence[str], heading: str = "") -> list[str]:
    """The problems that a console is told by what has no log: where that is not all of them whole,
    the file `PROBLEMS` has all, below a heading. All of them where that can't be written."""
    problems = list(dict.fromkeys(problems))
    shown = first_of(problems, PROBLEMS)
    if shown != problems:
        try:
            with write_atomically(PROBLEMS) as temporary:
                lines = [heading, *problems] if heading else problems
                text = "\n".join([*lines, ""])
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        except (OSError, InputError):  # a closed folder, a full disk
            return problems
    return shown


def _end(console: TextIO, shown: Iterable[str], logged: Iterable[str], code: int) -> NoReturn:
    """End the process: lines for the person, which come first, for the log may be on a full disk,
    and for the log."""
    for line in shown:
        print(f"{_fresh(console)}{line}", file=console)
    with contextlib.suppress(OSError):
        for line in logged:
            print(line, file=sys.stderr)
    sys.exit(code)


def _check_unedited(script: str, code: str | None) -> None:
    """Raise InputError where a script or what it imports is not as it was when it was planned."""
    name = Path(script).name
    if code_version.code_version(name) != code:
        raise InputError(
            [
                f"{name}, or a module that it imports, was edited after this run was planned: its "
                "result would be kept as that of the code before; run the same command again"
            ]
        )


def _print_heading(script: str, threads: int) -> None:
    """What is at work: the script, and the versions of what it has loaded for it."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in _NAMED}
    parts = [f"{name} {version}" for name, version in loaded.items() if version]
    python = f"Python {platform.python_version()}"
    print(f"{Path(script).name}: {', '.join([python, *parts])}; threads: {threads}")


def _print_gpu_memory() -> None:
    """The most that tensors took of a GPU, where torch has used one; `costs` reads the line."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        peak = max(torch.cuda.max_memory_allocated(device) for device in devices)
        print(f"peak GPU memory: {peak / 1e6:.0f} MB")


def _set_threads(threads: int) -> None:
    """Bound the threads of torch and OpenCV (which ignores OMP_NUM_THREADS), where imported.

    Never more than the processors that this process may use: a scheduler may have given fewer.
    BLAS gets one: its sums depend on their number, and its matrices are small here.
    """
    threads = min(threads, len(os.sched_getaffinity(0)))
    threadpoolctl.threadpool_limits(1, "blas")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


@contextlib.contextmanager
def sole_writer(folder: Path, console: TextIO, patience: float = 180) -> Iterator[None]:
    """Keep any other process from working in `folder` within the block.

    A job outlives a Snakemake that was killed, and its successor must not write beside it. The
    successor leaves a note (`is_claimed`), on which the other one should stop and publish nothing,
    and waits for `patience` seconds, also because the locks of a crashed node are held until its
    file server notices; then raises InputError. Where the file system has no locks, says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    announced = False
    until = time.monotonic() + patience
    with open(folder / ".writer", "a+", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                other = file.read().strip() or "an unknown process"
            except OSError as error:
                print(f"no locks in {folder} ({error.strerror}): nothing else may work there now")
                break
            (folder / ".claim").touch()
            if time.monotonic() > until:
                (folder / ".claim").unlink(missing_ok=True)
                raise InputError([f"{folder} is in use by {other}: end that (kill, scancel) first"])
            if not announced:
                say(f"{folder} is in use by {other}: waiting for it to save and stop", console)
                announced = True
            time.sleep(1)
        (folder / ".claim").unlink(missing_ok=True)
        file.truncate(0)
        job = f", SLURM job {os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else ""
        file.write(f"process {os.getpid()} on {socket.gethostname()}{job}")
        file.flush()
        yield


def is_claimed(folder: Path) -> bool:
    """Whether another process waits to work in the folder of which this is the sole writer."""
    return (folder / ".claim").exists()


@contextlib.contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a copy of the file in TMPDIR where that is on another file system, else the file.

    On a cluster TMPDIR is a disk of the node: what is read several times crosses the network once.
    Where it has no room for the file, the file is read where it lies, and the log says so.
    """
    path = Path(path)
    scratch = Path(tempfile.gettempdir())
    size = path.stat().st_size
    if scratch.stat().st_dev == path.stat().st_dev:
        yield path
        return
    if shutil.disk_usage(scratch).free < 2 * size:
        print(f"too little room in {scratch} for a copy of {path}: reading it where it lies")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="photosketch-", dir=scratch) as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        print(f"copied {path} to {scratch} ({size / 2**20:.0f} MiB)")
        yield copy


def say(line: str, console: TextIO) -> None:
    """Tell the log and the person."""
    print(line, flush=True)
    print(f"{_fresh(console)}{line}", file=console, flush=True)


def _fresh(console: TextIO) -> str:
    """What empties a terminal's line, in which the bar of another job may stand."""
    return ERASED if console.isatty() else ""
