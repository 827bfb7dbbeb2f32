"""Threads to work in whose results do not depend on how many they are.

Apart from `runtime`, because this decides over the last digits of results.
"""

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import threadpoolctl


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


def _use_no_ipp() -> None:
    """OpenCV keeps the choice for each thread by itself."""
    if cv2 := sys.modules.get("cv2"):
        cv2.ipp.setUseIPP(False)
