"""Threads to work in whose results do not depend on how many they are.

Apart from `runtime`, because this decides over the last digits of results.
"""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import threadpoolctl

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def workers(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `threads`, in which what is computed comes out the same to the last bit.

    BLAS, torch and OpenCV (where imported) keep to the thread they are called in: with each number
    of threads of their own they would add up in another order. OpenCV works by its own code, for
    the one it has from Intel (IPP) rounds otherwise as a buffer lies in memory.
    """
    cv2, torch = sys.modules.get("cv2"), sys.modules.get("torch")
    opencv_threads = cv2.getNumThreads() if cv2 else 0
    torch_threads = torch.get_num_threads() if torch else 0
    if cv2:
        cv2.setNumThreads(1)
    if torch:
        torch.set_num_threads(1)
    try:
        with (
            threadpoolctl.threadpool_limits(1, "blas"),
            ThreadPoolExecutor(threads, initializer=_use_no_ipp) as pool,
        ):
            yield pool
    finally:
        if cv2:
            cv2.setNumThreads(opencv_threads)
        if torch:
            torch.set_num_threads(torch_threads)


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


def _use_no_ipp() -> None:
    """OpenCV keeps the choice for each thread by itself."""
    if cv2 := sys.modules.get("cv2"):
        cv2.ipp.setUseIPP(False)
