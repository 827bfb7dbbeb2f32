"""Work on a CUDA device recorded as a graph, to be launched without the host's share in it."""

import contextlib
import warnings
from collections.abc import Callable

import torch
from torch import Tensor


def capture(
    work: Callable[[], Tensor], stream: torch.cuda.Stream
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """What `work` launches as a graph, and its result, which each replay overwrites.

    Recorded on `stream`, which must not be the one in use; nothing is computed yet. Errors of other
    threads, such as the one that saves states, do not spoil it.

    Raises RuntimeError with every reason where the work cannot be recorded, or launches nothing on
    the stream's device. The current stream is then as it was, and what was reserved is free.
    """
    device = stream.device
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    with torch.cuda.device(device), warnings.catch_warnings():
        warnings.filterwarnings("error", message="The CUDA Graph is empty")
        current = torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, pool, stream, capture_error_mode="thread_local"):
                result = work()
            return graph, result
        except (RuntimeError, UserWarning) as error:
            reasons = "; ".join(_reasons(error))
        # not within `except`: the error keeps alive what the work had made
        torch.cuda.set_stream(current)  # torch leaves its own current where the recording fails
        graph.reset()
        _release(pool, device)
        raise RuntimeError(reasons)


def _release(pool: tuple[int, int], device: torch.device) -> None:
    """Give back the memory of a recording that failed, which torch keeps for it for good."""
    # not public, but what torch's own graph trees and pools are made with
    with contextlib.suppress(RuntimeError):  # where it had ended, all went with the graph
        torch._C._cuda_endAllocateToPool(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
    torch.cuda.empty_cache()


def _reasons(error: BaseException | None) -> list[str]:
    """The first line of the error and of those it came after, the first of them first.

    What ends a recording is told by the error before: CUDA itself only says that there was one.
    """
    if error is None:
        return []
    first, *_ = str(error).splitlines() or [type(error).__name__]
    return [*_reasons(error.__context__), first]
