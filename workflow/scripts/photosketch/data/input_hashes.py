"""One hash over the content of the files that a person gives, as a parameter of rules.

Snakemake compares the times of files, but `mv`, `cp -p`, `rsync -a` and `unzip` can replace a newer
file by an older one. Hashing photographs takes minutes, so hashes are stored with the file's size,
times and inode; the time of the inode's last change can't be set back.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from photosketch.jobs.disk import file_sha256, write_atomically
from photosketch.jobs.messages import InputError


def digest(files: Iterable[str | os.PathLike[str]], memory: Path | None = None) -> str:
    """A hash over the names and contents of files, missing files included. `memory`, a JSON file,
    stores hashes between calls; if it can't be read or written, the files are hashed again."""
    try:
        known = dict(json.loads(memory.read_text(encoding="utf-8"))) if memory else {}
    except (OSError, ValueError, TypeError):
        known = {}
    current: dict[str, str] = {}
    total = hashlib.sha256()
    for path in map(str, files):
        try:
            state = os.stat(path)
            stamp = state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
            key = f"{path} {stamp}"
            content = current[key] = known.get(key) or file_sha256(path)
        except OSError:
            content = "missing"
        total.update(f"{path}\0{content}\0".encode(errors="surrogateescape"))
    if memory and current != known:
        with (
            contextlib.suppress(OSError, InputError),  # a full disk
            write_atomically(memory) as temporary,
        ):
            temporary.write_text(json.dumps(current), encoding="utf-8")
    return total.hexdigest()
