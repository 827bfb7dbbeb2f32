"""Repeated work gives the same bits on the same device."""

import contextlib
import hashlib
import os
from collections.abc import Iterator

import torch


def derive_seed(*position: int | str) -> int:
    """A seed of 63 bits for a position in a run, such as (seed, "step", images seen), so that a
    resumed run continues the same stream."""
    text = ":".join(map(str, position))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


@contextlib.contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Within the block, a repeated operation gives the same bits, or raises RuntimeError."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS requires it
    before = torch.are_deterministic_algorithms_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
