"""What every job needs around its work: a log, bounded threads, whole files, clear errors, locks.

Free of torch, OpenCV and pandas at import, so that the Snakefile may use it.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import io
import os
import platform
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
from typing import Any, NoReturn, Protocol, TextIO

from photosketch.jobs.code_version import code_version

INTERRUPTED = 75  # exit code of an interrupted job: EX_TEMPFAIL, "try again later"
SHOWN, LAST_SHOWN = 20, 4  # problems on the console, the last ones among them
LONGEST, END = 2000, 400  # characters of a problem on the console, the last ones among them
PROBLEMS = Path(".snakemake", "problems.txt")  # all problems of a program that has no log


class InputError(Exception):
    """Input that a person has to mend: every problem, once, each with file, value and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class InterruptedJobError(Exception):
    """A signal stopped the job; its state is saved, and it goes on when it is run again."""


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

    With `script`, a path, and `code`, its planned `code_version`, the body runs only if the files
    on the disk are still of that version, and the log begins with the versions of libraries and
    ends with the time it took. With `alone_in`, a folder, the body waits for `sole_writer`.
    File descriptors 1 and 2 are redirected, so that native libraries write to the log as well.
    An InputError ends the process with its problems and exit code 1, an InterruptedJobError with
    its message and exit code 75, Ctrl-C with a line and exit code 130, all without a traceback; any
    other error leaves its traceback in the log and its last line on the console.
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
    set_threads(threads)
    try:
        with sole_writer(alone_in, console) if alone_in else contextlib.nullcontext():
            os.truncate(log, 0)  # not before: it may be the log of the job that worked there
            if script:
                _check_unedited(Path(script).name, code)
                _print_heading(Path(script).name, threads)
            started = time.monotonic()
            yield console
            _print_gpu_memory()
            if script:
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
        with contextlib.suppress(OSError):  # of a log on a full disk
            sys.stdout.flush()
            sys.stderr.flush()


def _end(console: TextIO, shown: Iterable[str], logged: Iterable[str], code: int) -> NoReturn:
    """End the process. The person is told first: the log may be on a full disk."""
    for line in shown:
        print(line, file=console)
    with contextlib.suppress(OSError):
        for line in logged:
            print(line, file=sys.stderr)
    sys.exit(code)


class Command(Protocol):
    """A program: what is behind its name on the command line (default: sys.argv), its exit code."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


def command(
    main: Callable[[Sequence[str] | None], int],
) -> Command:
    """The `main` of a program without a log, so that errors end in sentences and an exit code.

    The exit code is 1 after an InputError or a file that can't be used, and 130 after Ctrl-C.
    """

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be UTF-8
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


def _say_interrupted(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """One line for Ctrl-C while a script still imports its modules, which takes seconds."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted by Ctrl-C before the job began", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if hasattr(sys.modules["__main__"], "snakemake"):  # which Snakemake puts into a script
    sys.excepthook = _say_interrupted


def _check_unedited(script: str, code: str | None) -> None:
    if code_version(script) != code:
        raise InputError(
            [
                f"{script}, or a module that it imports, was edited after this run was planned: "
                "its result would be kept as that of the code before; run the same command again"
            ]
        )


def _print_heading(script: str, threads: int) -> None:
    """The script, and the versions of the libraries that it has loaded."""
    loaded = [name for name in ("torch", "numpy", "cv2", "pandas") if name in sys.modules]
    versions = [f"{name} {sys.modules[name].__version__}" for name in loaded]
    python = f"Python {platform.python_version()}"
    print(f"{script}: {', '.join([python, *versions])}; threads: {threads}")


def _print_gpu_memory() -> None:
    """The most that tensors took of a GPU, if torch has used one; `estimate` reads the line."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        peak = max(torch.cuda.max_memory_allocated(device) for device in devices)
        print(f"peak GPU memory: {peak / 1e6:.0f} MB")


def set_threads(threads: int) -> None:
    """Bound the threads of torch and OpenCV (which ignores OMP_NUM_THREADS), if imported.

    Never more than the processors that this process may use: a scheduler may have given fewer.
    BLAS gets one: its sums depend on their number, and its matrices are small here.
    """
    import threadpoolctl  # not with the others: the training command does without it

    threads = min(threads, len(os.sched_getaffinity(0)))
    threadpoolctl.threadpool_limits(1, "blas")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def threads_problems(threads: int | None) -> list[str]:
    """What is wrong with a program's --threads (None: all)."""
    if threads is None or threads >= 1:
        return []
    return [f"--threads {threads}: give 1 or more, or leave it out for all"]


def say(line: str, console: TextIO) -> None:
    """Tell the log and the person."""
    print(line, flush=True)
    print(line, file=console, flush=True)


def first_of(problems: Sequence[str], everything: str | os.PathLike[str]) -> list[str]:
    """The problems for a console: at most 20, and how many more the file `everything` has.

    The last problems are among them, because the remedy for all is at the end; likewise the last
    characters of a problem that is too long.
    """
    shown = [
        problem
        if len(problem) <= LONGEST
        else f"{problem[: LONGEST - END]} [{len(problem) - LONGEST:,} characters: whole in "
        f"{everything}] {problem[-END:]}"
        for problem in problems
    ]
    if len(shown) > SHOWN:
        more = counted(len(shown) - SHOWN, "more problem")
        shown[SHOWN - LAST_SHOWN : -LAST_SHOWN] = [f"and {more}: all are in {everything}"]
    return shown


def told(problems: Sequence[str], heading: str = "") -> list[str]:
    """The problems for the console of a program without a log.

    If that is not all of them, whole, the file `PROBLEMS` has all, below a heading; if the file
    can't be written, the console gets all.
    """
    problems = list(dict.fromkeys(problems))
    shown = first_of(problems, PROBLEMS)
    if shown != problems:
        try:
            with write_atomically(PROBLEMS) as temporary:
                text = "\n".join([*([heading] if heading else []), *problems, ""])
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        except (OSError, InputError):  # a closed folder, a full disk
            return problems
    return shown


def counted(number: int, one: str, several: str = "") -> str:
    """`1 photo`, `2 photos`; `several` is the plural if it is not the singular with an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def listed(names: Iterable[str], most: int = 10) -> str:
    """`a, b, c`; of many names the first ones and the number of the others."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def size_in_words(size: int) -> str:
    """A size in bytes, such as 3.2 MB or 120 bytes."""
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size:,} bytes"


def duration_in_words(seconds: float) -> str:
    """Such as 41 s, 12 min, 2 h 10 min, 3 d 4 h: the two largest units, rounded."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def _runs(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str], needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on failure it vanishes.

    The temporary name keeps the suffix, because image and array writers choose the format by it.
    Temporary files of `path` that a killed job has left are removed. Raises InputError if nothing
    can be written there, or if the disk or a quota is full; `needed` is the file's size in bytes,
    if it is known.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in _hidden_files(path.parent):
            process = name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
            is_temporary = process.isdecimal() and name == f".{path.stem}.{process}{path.suffix}"
            # a process on another node, which Snakemake has given up, counts as ended
            if is_temporary and not _runs(int(process)):
                path.with_name(name).unlink(missing_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if not is_full(error):
            names = error.filename and [temporary, path, *path.parents]
            if names and Path(error.filename) in names:
                raise InputError([f"{path}: {_unusable(error)}"]) from error
            raise
        there = next(folder for folder in path.absolute().parents if folder.exists())
        free = size_in_words(shutil.disk_usage(there).free)
        written = temporary.stat().st_size if temporary.exists() else 0
        size = (
            size_in_words(needed) if needed else written and f"more than {size_in_words(written)}"
        )
        needs = f", which needs {size}" if size else ""
        raise InputError(
            [
                f"{path.parent}: no room for {path.name}{needs}: {free} are free there "
                f"({error.strerror}); make room, or put a link to a folder on a larger disk in its "
                "place, and run again"
            ]
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be a file, or read-only
            temporary.unlink()


@functools.cache
def _hidden_files(folder: Path) -> list[str]:
    """Those that were there when this process first wrote into the folder, which may get thousands
    of files."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


def remove_hidden_files(folder: Path) -> None:
    """Remove what killed writes have left in a folder in which nothing else works."""
    for leftover in folder.glob(".*"):
        with contextlib.suppress(OSError):  # folders, and what a file server keeps open
            leftover.unlink()


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file that a person names. Raises OSError, also if the path is a pipe or a
    device, from which reading may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
    return Path(path).read_bytes()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a copy of the file in TMPDIR if that is on another file system, else the file.

    On a cluster TMPDIR is a disk of the node: what is read several times crosses the network once.
    If it has no room for the file, the file is read in place, and the log says so.
    """
    path, scratch = Path(path), Path(tempfile.gettempdir())
    size = path.stat().st_size
    elsewhere = scratch.stat().st_dev != path.stat().st_dev
    if elsewhere and shutil.disk_usage(scratch).free >= 2 * size:
        with tempfile.TemporaryDirectory(prefix="photosketch-", dir=scratch) as folder:
            copy = Path(shutil.copyfile(path, Path(folder, path.name)))
            print(f"copied {path} to {scratch} ({size_in_words(size)})")
            yield copy
        return
    if elsewhere:
        print(f"too little room in {scratch} for a copy of {path}: it is read in place")
    yield path


def try_lock(path: Path, console: TextIO, shared: str) -> int | None:
    """Lock a file until its descriptor, which is returned, is closed or the process ends.

    None if another process holds the lock. If the file system has no locks, log and console say so,
    and name what is `shared` without them. Raises InputError if the file cannot be opened.
    """
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
    os.utime(lock)  # the age by which temporary folders are cleaned
    return lock


@contextlib.contextmanager
def sole_writer(folder: Path, console: TextIO, patience: float = 180) -> Iterator[None]:
    """Keep any other process from working in `folder` within the block.

    A job outlives a Snakemake that was killed, and its successor must not write beside it. The
    successor leaves a note (`is_claimed`): the job that holds the lock stops and publishes nothing.
    It waits for `patience` seconds, also because the locks of a crashed node are held until its
    file server notices; then raises InputError.
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
    """Whether another process waits to work in the folder of which this is the sole writer."""
    return (folder / ".claim").exists()
