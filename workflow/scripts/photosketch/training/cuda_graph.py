"""The training step as a CUDA graph: recorded once, checked against plain steps, then replayed.

One launch replaces hundreds to thousands. `Trainer` works without this file; docs/gpu.md says when
to delete it.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from photosketch.training import checkpoint, tensors

WARM_UP_STEPS = 3  # before a capture, in which libraries choose kernels and allocate memory
# Share of a change's norm. Deterministic algorithms should give no difference; others may. A wrong
# batch, jitter or dropout, or a missing update, changes tens of percent.
REPLAY_TOLERANCE = 1e-2


class RecordedStep:
    """The step of a `trainer.Trainer` (which imports this module) as a CUDA graph.

    The input is the batch's indices, in memory of the graph. Jitter, flips, dropout, both updates
    and the terms are inside. Random numbers follow torch's state at each replay. Two replays, on
    batches and seeds of their own, are first compared with plain steps: the terms, and the changes
    of weights, buffers and moments.

    Raises RuntimeError if the step cannot be recorded, or if its replay differs from the plain
    step. The trainer is then as it was before.
    """

    def __init__(self, trainer: Any, data: tensors.PackedSet, indices: Tensor) -> None:
        self.indices = indices.clone()
        device = indices.device  # has an index, which the trainer's device may lack
        random = torch.cuda.get_rng_state(device)
        before = checkpoint.copied(trainer.state())

        def restart() -> None:
            trainer.undo(before)
            torch.cuda.set_rng_state(random, device)
            for network in trainer.networks.values():
                network.optimizer.zero_grad(set_to_none=True)

        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        try:
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_STEPS):
                    trainer.compute(data, self.indices)
            torch.cuda.current_stream(device).wait_stream(side)
            restart()
            self.graph, self.values = capture(lambda: trainer.compute(data, self.indices), side)
            for seed, batch in enumerate((indices, (indices + 1) % len(data))):
                outcomes = []
                for work in (self.replay, functools.partial(trainer.compute, data)):
                    restart()
                    torch.cuda.default_generators[device.index].manual_seed(seed)
                    self.values.copy_(torch.full(self.values.shape, torch.nan))
                    terms = work(batch)
                    outcomes.append(_outcome(trainer, terms, before))
                if unequal := disagreements(*outcomes):
                    raise RuntimeError(f"a replay is not the plain step: {'; '.join(unequal)}")
        finally:
            restart()

    def replay(self, indices: Tensor) -> Tensor:
        """The step on the pairs `indices` [B]; the terms [T], overwritten by the next replay."""
        self.indices.copy_(indices)
        self.graph.replay()
        return self.values


def _outcome(trainer: Any, terms: Tensor, before: dict[str, Any]) -> dict[str, Tensor]:
    """A step's terms, and the change of each kind of value in each network, in host memory. The
    kinds are weight, bias, the buffers of normalisation, and Adam's step and moments."""
    start = dict(checkpoint.leaves(before))
    changes: dict[str, list[Tensor]] = {"terms": [terms.cpu()]}
    for path, value in checkpoint.leaves(trainer.state()):
        kind = f"{path[0]} {path[-1].rpartition('.')[2]}"
        change = value.cpu() - start[path].cpu() if path in start else value.cpu()
        changes.setdefault(kind, []).append(change.flatten().float())
    return {kind: torch.cat(values) for kind, values in changes.items()}


def disagreements(replayed: dict[str, Tensor], plain: dict[str, Tensor]) -> list[str]:
    """The kinds of values in which two outcomes differ by more than rounding, and how much."""
    unequal = []
    for kind, expected in plain.items():
        distance, size = float((replayed[kind] - expected).norm()), float(expected.norm())
        if not distance <= REPLAY_TOLERANCE * size:
            unequal.append(f"{kind} differs by {distance:.3g} of {size:.3g}")
    return unequal


def capture(
    work: Callable[[], Tensor], stream: torch.cuda.Stream
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """The launches of `work` as a graph, and its result, which each replay overwrites. Recorded on
    `stream`, which must not be the current stream, without computing. Errors of other threads, such
    as the saver of states, do not affect the recording. Raises RuntimeError with every reason if
    the work cannot be recorded, or launches nothing on the stream's device. The current stream is
    then as before, and reserved memory is free."""
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
            reasons: list[str] = []
            cause: BaseException | None = error
            while cause is not None:  # CUDA's own error only says that the recording failed
                reasons.insert(0, (str(cause).splitlines() or [type(cause).__name__])[0])
                cause = cause.__context__
        # Not within `except`: the error keeps the tensors of the work alive.
        torch.cuda.set_stream(current)  # a failed recording leaves torch's own stream current
        graph.reset()
        # Torch would keep the memory of a failed recording forever. These functions are private;
        # torch's own graph trees and pools use them.
        with contextlib.suppress(RuntimeError):  # a recording that ended released its memory above
            torch._C._cuda_endAllocateToPool(device.index, pool)
            torch._C._cuda_releasePool(device.index, pool)
        torch.cuda.empty_cache()
        raise RuntimeError("; ".join(reasons))
