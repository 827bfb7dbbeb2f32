"""Shared by the measurements: the path to the library, command line, times and real pairs."""

import argparse
import inspect
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

if TYPE_CHECKING:
    import numpy as np

    from photosketch.data.pairs import Pair

T = TypeVar("T")


def start(main: Callable[..., Any]) -> None:
    """Call `main` with the numbers of the command line, in the order of its parameters."""
    parser = argparse.ArgumentParser(
        description=inspect.getmodule(main).__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, parameter in inspect.signature(main).parameters.items():
        default = parameter.default
        what = f"(default {default})"
        parser.add_argument(name, type=type(default), nargs="?", default=default, help=what)
    main(**vars(parser.parse_args()))


def timed(work: Callable[[], T], clock: Callable[[], float] = time.perf_counter) -> tuple[float, T]:
    """The seconds that a call takes, and its result."""
    began = clock()
    result = work()
    return clock() - began, result


def wall_and_cpu(work: Callable[[], T]) -> "tuple[np.ndarray, T]":
    """The seconds of a call [on the wall, of processors with child processes], and its result."""
    import numpy as np
    import torch

    def now() -> np.ndarray:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return np.array([time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)])

    start = now()
    result = work()
    return now() - start, result


def device() -> str:
    """The GPU if there is one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def real_pairs(split: str | None = None) -> "list[Pair]":
    """The pairs of the folder PHOTOSKETCH_CUFS, of one split or all; none if it is not set."""
    from photosketch.data.pairs import index_pairs, select

    folder = os.environ.get("PHOTOSKETCH_CUFS")
    return select(index_pairs(Path(folder, "pairs.tsv"), (200, 250)), split=split) if folder else []
