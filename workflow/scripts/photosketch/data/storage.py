"""The files that stages write: written whole or not at all, and checked on reading.

The CRC of the ZIP finds a flipped bit in an NPZ, and a digest one in a safetensors file. An edited
digit of a table is not noticed. Importing this module loads neither numpy nor pandas nor torch,
because the Snakefile imports it.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError, listed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

Path = str | os.PathLike[str]
Keys = Iterable[Sequence[Hashable]]  # of rows, such as (subset, id)


@contextlib.contextmanager
def intact(path: Path, stage: str) -> Iterator[None]:
    """A block that reads a file of `stage`. Any exception becomes an InputError with file, reason
    and remedy: to delete the file, but only if it is damaged."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise InputError([f"{path}: is not there; {stage} writes it again"]) from error
    except Exception as error:
        # EINVAL: the damaged directory of a ZIP has an offset before the file's beginning
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            remedy = "check its permissions and its disk, and run again"
            raise InputError([f"{path}: cannot be read ({error.strerror}); {remedy}"]) from error
        reason = str(error).partition("\n")[0] or type(error).__name__
        remedy = f"delete it: {stage} writes it again"
        raise InputError([f"{path}: is damaged ({reason}); {remedy}"]) from error


@dataclass(frozen=True)
class Streamed:
    """An array uint8 [N, ...] whose N parts are made one after another while they are written."""

    shape: tuple[int, ...]
    parts: Callable[[], Iterator["np.ndarray"]]  # each of shape[1:]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape)


def write_arrays(
    path: Path, arrays: Mapping[str, Any | Streamed], *, compressed: bool = False
) -> None:
    """Write arrays, streamed or not, as `np.savez` does."""
    import numpy as np

    whole = {
        name: array if isinstance(array, Streamed) else np.asanyarray(array)
        for name, array in arrays.items()
    }
    size = None if compressed else sum(array.nbytes for array in whole.values())
    compression = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with (
        write_atomically(path, size) as temporary,
        zipfile.ZipFile(temporary, "w", compression) as archive,
    ):
        for name, array in whole.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if not isinstance(array, Streamed):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                    continue
                header = {"descr": "|u1", "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for part in array.parts():
                    member.write(np.ascontiguousarray(part, np.uint8).data)


def read_arrays(
    path: Path,
    stage: str,
    names: Collection[str],
    *,
    only: Collection[str] | None = None,
    optional: Collection[str] = (),
) -> dict[str, "np.ndarray"]:
    """The arrays of a file of `stage`, or `only` some of them. The file must have the arrays
    `names` and may have the `optional` ones, but no others. Raises InputError."""
    import numpy as np

    with intact(path, stage), zipfile.ZipFile(path) as archive:
        found = [name.removesuffix(".npy") for name in archive.namelist()]
        if set(found) - set(optional) != set(names):
            raise ValueError(f"has the arrays {', '.join(found)} instead of {', '.join(names)}")
        arrays = {}
        for name in found if only is None else only:
            with archive.open(f"{name}.npy") as member:
                # numpy would allocate any size that a damaged header has, because the CRC is
                # compared only at the end of a member
                np.lib.format.read_magic(member)
                shape, _, dtype = np.lib.format.read_array_header_1_0(member)
                length = member.tell() + math.prod(shape) * dtype.itemsize
                if length != archive.getinfo(f"{name}.npy").file_size:
                    raise ValueError(f"the header of {name} does not fit the length of its values")
                member.seek(0)
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
        return arrays


def read_picture(path: Path, stage: str, name: str, row: int) -> "np.ndarray":
    """One picture [H, W, C] uint8 of the array `name` [N, H, W, C] in an uncompressed file of
    `stage`. Only the picture is read, so the CRC is not compared; the manifest has its hash."""
    import numpy as np

    with intact(path, stage), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        # the header of a ZIP member ends in the lengths of the name and the extra field that follow
        file.seek(archive.getinfo(f"{name}.npy").header_offset + 26)
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or not 0 <= row < shape[0]:
            raise ValueError(f"no picture {row} of type uint8 in {name}")
        size = math.prod(shape[1:])
        file.seek(row * size, os.SEEK_CUR)
        return np.frombuffer(file.read(size), np.uint8).reshape(shape[1:])


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], about: dict[str, Any]) -> None:
    """Write CPU tensors as safetensors. `about` (builtins) and a digest of both are one JSON entry
    of the metadata, because safetensors writes several entries in any order."""
    from safetensors.torch import save_file

    text = json.dumps({**about, "sha256": _digest(tensors, about)})
    with write_atomically(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(dict(tensors), temporary, metadata={"photosketch": text})
        temporary.chmod(mode)  # safetensors lets only the owner read the file


def read_tensors(path: Path, stage: str) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """The tensors and `about` of a file of `write_tensors`. Raises InputError."""
    from safetensors import safe_open

    # open(): for an unreadable file safetensors says that it is missing
    with intact(path, stage), open(path, "rb"), safe_open(path, framework="pt") as file:
        about = json.loads((file.metadata() or {}).get("photosketch", "{}"))
        if "sha256" not in about:
            raise ValueError("it has no description")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about.pop("sha256") != _digest(tensors, about):
            raise ValueError("its content has another sha256 than was written")
        return tensors, about


def _digest(tensors: Mapping[str, "torch.Tensor"], about: dict[str, Any]) -> str:
    import torch

    digest = hashlib.sha256(json.dumps(about).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a CSV without the table's index."""
    with write_atomically(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(
    path: Path, stage: str, texts: Collection[str], columns: Collection[str] = ()
) -> "pd.DataFrame":
    """A CSV of `stage`. The columns `texts` are text, also NA and 007; all others are numbers, NaN
    if empty. Raises InputError, also if one of `columns` is missing."""
    import pandas as pd

    with intact(path, stage):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if lacking := [name for name in (*texts, *columns) if name not in table.columns]:
            raise ValueError(f"lacks the column {', '.join(dict.fromkeys(lacking))}")
        return table.apply(lambda column: column if column.name in texts else pd.to_numeric(column))


def require_rows(
    path: Path, stage: str, found: Keys, expected: Keys | None = None, source: str = ""
) -> None:
    """Raise InputError if the rows of a file of `stage`, by their keys, are not the expected ones
    in the same order. `source` names what the expected rows come from. Without `expected`, keys
    must only differ from each other."""
    found = [tuple(key) for key in found]
    expected = [*dict.fromkeys(found)] if expected is None else [tuple(key) for key in expected]
    if found == expected:
        return
    counts, wanted = Counter(found), set(expected)
    kinds = {
        "lacks": [key for key in expected if key not in counts],
        "repeats": [key for key, count in counts.items() if count > 1],
        "has besides": [key for key in counts if key not in wanted],
    }
    faults = [
        f"{word} {listed(' '.join(map(str, key)) for key in keys)}"
        for word, keys in kinds.items()
        if keys
    ]
    compared = f"compared with {source}, it " if source else ""
    told = "; ".join(faults) or "has its rows in another order"
    raise InputError([f"{path}: {compared}{told}; delete it: {stage} writes it again"])


def require_ids(path: Path, stage: str, found: Collection[str], needed: Collection[str]) -> None:
    """Raise InputError if a file of `stage` that has the ids `found` lacks one that is needed."""
    there = set(found)
    require_rows(path, stage, zip(id for id in needed if id in there), zip(needed))
