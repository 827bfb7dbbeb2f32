"""Threads to work in whose results do not depend on how many they are.

Apart from `job`, because this decides the last digits of results.
"""

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import threadpoolctl

Item = TypeVar("Item")
Result = TypeVar("Result")
_SETTINGS = threading.RLock()


@contextlib.contextmanager
def workers(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `threads`, in which what is computed comes out the same to the last bit.

    BLAS, torch and OpenCV (where imported) keep to the thread they are called in: with each number
    of threads of their own they would add up in another order. OpenCV works by its own code, for
    the one it has from Intel (IPP) rounds otherwise as a buffer lies in memory. These settings hold
    for the whole process: threads that want a pool at the same time get theirs one after another.
    """
    with _SETTINGS, _limited(), ThreadPoolExecutor(threads, initializer=_use_no_ipp) as pool:
        yield pool


def _use_no_ipp() -> None:
    """For the calling thread alone: OpenCV keeps the choice for each by itself."""
    if cv2 := sys.modules.get("cv2"):
        cv2.ipp.setUseIPP(False)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """BLAS, and torch and OpenCV where imported, with one thread within the block."""
    cv2, torch = sys.modules.get("cv2"), sys.modules.get("torch")
    set_threads = [cv2.setNumThreads] if cv2 else []
    before = [cv2.getNumThreads()] if cv2 else []
    if torch:
        set_threads.append(torch.set_num_threads)
        before.append(torch.get_num_threads())
    for set_number in set_threads:
        set_number(1)
    try:
        with threadpoolctl.threadpool_limits(1, "blas"):
            yield
    finally:
        for set_number, number in zip(set_threads, before, strict=True):
            set_number(number)


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """The results of a function, in the order of the items.

    As `pool.map`, which would take all items at once: here at most `ahead` items are taken beyond
    the one whose result comes next, so that what they hold fits into memory.
    """
    begun: deque[Future[Result]] = deque()
    for item in items:
        begun.append(pool.submit(function, item))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
