"""The content of the files that a person gives, as one hash that rules are keyed by.

Snakemake judges files by their times, which lie: `mv`, `cp -p`, `rsync -a` and `unzip` put an older
file in the place of a newer one. Hashing 4,000 images of 30 kB takes a second, and photographs of
some MB take minutes, so what was hashed is remembered by size and times, the inode's own among
them, which no tool sets back.

Free of numpy and Pillow, because the Snakefile calls it at every start.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from photosketch.jobs.job import InputError, file_sha256, write_atomically


def digest(files: Iterable[str | os.PathLike[str]], memory: Path | None = None) -> str:
    """Hash (hexadecimal) over the names and contents of files; a missing one counts as missing.

    `memory`, a JSON file, holds the hashes of the last call with it and is written anew if they
    changed. One that can't be read or written costs time alone.
    """
    try:
        entries = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
        remembered = {path: entry for path, entry in entries.items() if len(entry) == 5}
    except (OSError, ValueError, AttributeError, TypeError):
        remembered = {}
    current: dict[str, list[int | str]] = {}
    total = hashlib.sha256()
    for path in map(str, files):
        try:
            state = os.stat(path)
            stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            known = remembered.get(path, [])
            content = known[4] if known[:4] == stamp else file_sha256(path)
            current[path] = [*stamp, content]
        except OSError:
            content = "missing"
        total.update(f"{path}\0{content}\0".encode(errors="surrogateescape"))
    if memory and current != remembered:
        with (
            contextlib.suppress(OSError, InputError),  # a full disk
            write_atomically(memory) as temporary,
        ):
            temporary.write_text(json.dumps(current), encoding="utf-8")
    return total.hexdigest()
