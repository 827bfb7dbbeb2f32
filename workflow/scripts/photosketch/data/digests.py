"""Tables of a run with the hash of their content in a hidden file beside them.

A CSV has no place for a digest, as NPZ and safetensors have (`archives`), and where rows may
rightly be absent, those of sketches without points, no count shows that one was lost. A table
without its hash, copied from elsewhere, is held by its keys alone.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from photosketch.jobs.job import file_sha256, intact, write_atomically


@contextlib.contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As `runtime.write_atomically`; the hash of what was written goes beside it."""
    beside = _beside(path)
    with write_atomically(path) as temporary:
        yield temporary
        content = file_sha256(temporary)
        beside.unlink(missing_ok=True)  # of the content before
    with write_atomically(beside) as temporary:
        temporary.write_text(f"{content}\n", encoding="utf-8")


@contextlib.contextmanager
def read(path: str | os.PathLike[str], stage: str) -> Iterator[None]:
    """Around reading a table that `stage` wrote, as `runtime.intact`: one that is not what was
    written counts as damaged."""
    with intact(path, stage):
        beside = _beside(path)
        if beside.is_file() and beside.read_text(encoding="utf-8").strip() != file_sha256(path):
            raise ValueError("its content is not what was written")
        yield


def _beside(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    return path.with_name(f".{path.name}.sha256")
