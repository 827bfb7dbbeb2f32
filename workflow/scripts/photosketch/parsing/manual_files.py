"""The files of label maps made by hand or by other tools: {folder}/{subset}/{id}_{modality}.png.

The Snakefile lists and hashes them, so this module is free of numpy and Pillow.
"""

import hashlib
import os
from collections.abc import Container
from pathlib import Path

CONFIG_KEY = "parsing.manual"
TABLE = "classes.tsv"  # in the folder: the class of each value or colour


def map_files(folder: str | os.PathLike[str]) -> list[Path]:
    """All files below the folder, except hidden ones, as sorted relative paths: also those that
    are not a label map of a pair, which reading the maps reports."""
    root = Path(folder)
    below = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in below if not any(part.startswith(".") for part in path.parts))


def hparams(
    folder: str | os.PathLike[str] | None, subset: str, subsets: Container[str]
) -> dict[str, str]:
    """`manual_sha256`, on which the merge of a subset depends: a hash of the names and contents of
    the subset's own maps, the table of classes, and files that belong to no subset (a mistake that
    the merge reports). Empty without a folder, or if it has nothing but the table."""
    if folder is None:
        return {}
    files = [
        path
        for path in map_files(folder)
        if len(path.parts) != 2 or path.parts[0] == subset or path.parts[0] not in subsets
    ]
    if files in ([], [Path(TABLE)]):
        return {}
    digest = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(Path(folder, path).read_bytes()).hexdigest()
        digest.update(f"{path}\0{content}\0".encode())
    return {"manual_sha256": digest.hexdigest()}
