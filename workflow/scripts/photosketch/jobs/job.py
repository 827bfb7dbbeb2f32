"""How a job or a program runs: its log, its threads, and how its errors end it.

Importing this module loads neither torch nor OpenCV nor pandas, because the Snakefile imports it.
"""

import contextlib
import functools
import gc
import io
import os
import platform
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from photosketch.jobs.code_version import code_version
from photosketch.jobs.disk import is_full, sole_writer, unusable, write_atomically
from photosketch.jobs.messages import (
    SHOWN,
    InputError,
    InterruptedJobError,
    duration_in_words,
    first_of,
    size_in_words,
)

INTERRUPTED = 75  # exit code of an interrupted job: EX_TEMPFAIL, "try again later"
PROBLEMS = Path(".snakemake", "problems.txt")  # all problems of a program that has no log


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
            problems = [f"{error.filename}: {unusable(error)}"]
        except KeyboardInterrupt:
            print("interrupted by Ctrl-C", file=sys.stderr)
            return 128 + signal.SIGINT
        print(*told(problems), sep="\n", file=sys.stderr)
        return 1

    return run


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
