"""Thread pools whose results are the same for every number of threads.

Not in `job`, because this code decides the last digits of results and counts in `code_version`.
"""

import contextlib
import functools
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
    """A pool whose results are the same to the last bit for every number of `threads`.

    BLAS, and torch and OpenCV if imported, compute in the thread that calls them, because the order
    of their sums depends on their own number of threads. OpenCV does not use Intel's code (IPP),
    whose rounding depends on how a buffer lies in memory. These settings hold for the whole
    process, so threads that need a pool at the same time wait for each other.
    """
    cv2, torch = sys.modules.get("cv2"), sys.modules.get("torch")
    # OpenCV has the setting of IPP per thread
    use_no_ipp = functools.partial(cv2.ipp.setUseIPP, False) if cv2 else None
    with _SETTINGS, contextlib.ExitStack() as restored:
        if cv2:
            restored.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(1)
        if torch:
            restored.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        with (
            threadpoolctl.threadpool_limits(1, "blas"),
            ThreadPoolExecutor(threads, initializer=use_no_ipp) as pool,
        ):
            yield pool


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """The results of a function in the order of the items, like `pool.map`, but of at most `ahead`
    items beyond the next result, which bounds the memory."""
    begun: deque[Future[Result]] = deque()
    for item in items:
        begun.append(pool.submit(function, item))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
