"""Random seeds derived from a position in a run: a resumed run continues the same stream."""

import hashlib


def derive_seed(*position: int | str) -> int:
    """A seed of 63 bits for a position, such as (seed, "step", images seen)."""
    text = ":".join(str(part) for part in position)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
