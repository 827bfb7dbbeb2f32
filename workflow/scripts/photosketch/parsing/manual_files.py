"""The files of label maps made by hand, or by other tools: {folder}/{subset}/{id}_{modality}.png.

Apart from reading them, because the Snakefile lists and hashes them: free of numpy and Pillow.
"""

import hashlib
import os
from collections.abc import Container
from pathlib import Path

CONFIG_KEY = "parsing.manual"
TABLE = "classes.tsv"  # in the folder: which class a value or colour of the maps is


def map_files(folder: str | os.PathLike[str]) -> list[Path]:
    """All files below the folder but hidden ones, as paths below it, sorted. Also those that are no
    label map of a pair: reading the maps reports them."""
    root = Path(folder)
    below = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in below if not any(part.startswith(".") for part in path.parts))


def hparams(
    folder: str | os.PathLike[str] | None, subset: str, subsets: Container[str]
) -> dict[str, str]:
    """What the merge of a subset depends on: `manual_sha256`, a hash (hexadecimal) of the names and
    contents of its own maps, of what belongs to no subset (a mistake to be reported), and of the
    table of classes. Empty without a folder, or if the folder has nothing but the table."""
    if folder is None:
        return {}
    files = [path for path in map_files(folder) if _concerns(path, subset, subsets)]
    if files in ([], [Path(TABLE)]):
        return {}
    digest = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(Path(folder, path).read_bytes()).hexdigest()
        digest.update(f"{path}\0{content}\0".encode())
    return {"manual_sha256": digest.hexdigest()}


def _concerns(path: Path, subset: str, subsets: Container[str]) -> bool:
    """Whether a file is one of the subset's, or of no subset."""
    of_a_subset = len(path.parts) == 2 and path.parts[0] in subsets
    return path.parts[0] == subset or not of_a_subset
