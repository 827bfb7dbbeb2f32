"""The files that stages write: whole or not at all, and checked when they are read.

NPZ hold exactly the arrays of their stage, and the CRC of the ZIP finds a flipped bit; safetensors
carry a digest; tables are checked by their columns and rows. An edited digit of a table is not
noticed. Free of numpy, pandas and torch at import, because the Snakefile loads what reads tables.
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

from photosketch.jobs.job import InputError, listed, write_atomically

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

Path = str | os.PathLike[str]
Key = Sequence[Hashable]  # of a row, such as (subset, id)
SHOWN = 10  # rows that a message names, of each kind
LOCAL_HEADER = 30  # bytes of a member's header in a ZIP, before its name and extra field


@contextlib.contextmanager
def intact(path: Path, stage: str) -> Iterator[None]:
    """Around reading a file that `stage` wrote: any exception of the block becomes InputError, with
    the file, the reason and the remedy. Only a damaged file is to be deleted, not one that can't be
    read."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise InputError([f"{path}: is not there; {stage} writes it again"]) from error
    except Exception as error:
        # EINVAL: the damaged directory of a ZIP sends its reader to before the file's beginning
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            remedy = "check its permissions and its disk, and run again"
            raise InputError([f"{path}: cannot be read ({error.strerror}); {remedy}"]) from error
        reason = str(error).partition("\n")[0] or type(error).__name__
        remedy = f"delete it: {stage} writes it again"
        raise InputError([f"{path}: is damaged ({reason}); {remedy}"]) from error


# arrays


@dataclass(frozen=True)
class Streamed:
    """An array uint8 [N, ...] whose N parts are made one after another, as they are written."""

    shape: tuple[int, ...]
    parts: Callable[[], Iterator["np.ndarray"]]  # each of shape[1:]

    def array(self) -> "np.ndarray":
        """All of it, in memory."""
        import numpy as np

        return np.stack(list(self.parts()))


def write_arrays(
    path: Path, arrays: Mapping[str, Any | Streamed], *, compressed: bool = False
) -> None:
    """Write arrays, streamed or not, as `np.savez` does."""
    import numpy as np

    whole = {
        name: array if isinstance(array, Streamed) else np.asanyarray(array)
        for name, array in arrays.items()
    }
    size = sum(
        math.prod(array.shape) if isinstance(array, Streamed) else array.nbytes
        for array in whole.values()
    )
    compression = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with (
        write_atomically(path, None if compressed else size) as temporary,
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
    """The arrays of a file that `stage` wrote with exactly these `names`, and perhaps `optional`
    ones; of `only` some names, those alone are read. Raises InputError."""
    import numpy as np

    with intact(path, stage), zipfile.ZipFile(path) as archive:
        found = [name.removesuffix(".npy") for name in archive.namelist()]
        if set(found) - set(optional) != set(names):
            raise ValueError(f"has the arrays {', '.join(found)} instead of {', '.join(names)}")
        arrays = {}
        for name in found if only is None else only:
            with archive.open(f"{name}.npy") as member:
                # numpy would reserve what a damaged header asks for, and the CRC is only compared
                # at the end of a member
                np.lib.format.read_magic(member)
                shape, _, dtype = np.lib.format.read_array_header_1_0(member)
                length = member.tell() + math.prod(shape) * dtype.itemsize
                if length != archive.getinfo(f"{name}.npy").file_size:
                    raise ValueError(f"the header of {name} has another length than its values")
                member.seek(0)
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
        return arrays


def read_picture(path: Path, stage: str, name: str, row: int) -> "np.ndarray":
    """One picture [H, W, C] uint8 of the array `name` [N, H, W, C] of a file not compressed, which
    `stage` wrote: thousands are not held in memory. The CRC is not compared; the manifest has the
    hash of each picture."""
    import numpy as np

    with intact(path, stage), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        start = archive.getinfo(f"{name}.npy").header_offset
        file.seek(start + 26)  # the lengths of name and extra field, 2 bytes each
        lengths = struct.unpack("<HH", file.read(4))
        file.seek(start + LOCAL_HEADER + sum(lengths))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or not 0 <= row < shape[0]:
            raise ValueError(f"no picture {row} of type uint8 in {name}")
        size = math.prod(shape[1:])
        file.seek(row * size, os.SEEK_CUR)
        return np.frombuffer(file.read(size), np.uint8).reshape(shape[1:])


# tensors


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"], about: dict[str, Any]) -> None:
    """Write tensors of the host as safetensors; in the metadata, as JSON, `about` (builtins) and a
    digest of both: one entry, for safetensors writes several in any order."""
    from safetensors.torch import save_file

    text = json.dumps({**about, "sha256": _digest(tensors, about)})
    with write_atomically(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(dict(tensors), temporary, metadata={"photosketch": text})
        temporary.chmod(mode)  # safetensors gives the file to its owner alone


def read_tensors(path: Path, stage: str) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """What `write_tensors` wrote: tensors and `about`. Raises InputError."""
    from safetensors import safe_open

    # safetensors says of a file that can't be read that it is not there
    with intact(path, stage), open(path, "rb"), safe_open(path, framework="pt") as file:
        about = json.loads((file.metadata() or {}).get("photosketch", "{}"))
        if "sha256" not in about:
            raise ValueError("it doesn't say what it is")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about.pop("sha256") != _digest(tensors, about):
            raise ValueError("its content has another sha256 than was written")
        return tensors, about


def _digest(tensors: Mapping[str, "torch.Tensor"], about: dict[str, Any]) -> str:
    """The sha256 of the names, types, shapes and values of tensors, and of what is said of them."""
    import torch

    digest = hashlib.sha256(json.dumps(about).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


# tables


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a CSV without the table's index."""
    with write_atomically(path) as temporary:
        table.to_csv(temporary, index=False)


def read_table(
    path: Path, stage: str, texts: Collection[str], columns: Collection[str] = ()
) -> "pd.DataFrame":
    """A CSV that `stage` wrote: its columns `texts` are text (also if they say NA or 007), the
    others numbers, NaN where empty. Raises InputError, also if one of `columns` is not there."""
    import pandas as pd

    with intact(path, stage):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if lacking := [name for name in (*texts, *columns) if name not in table.columns]:
            raise ValueError(f"lacks the column {', '.join(dict.fromkeys(lacking))}")
        return table.apply(lambda column: column if column.name in texts else pd.to_numeric(column))


def row_faults(found: Iterable[Key], expected: Iterable[Key] | None) -> str:
    """What keeps rows, by their keys, from being the expected ones in the same order, in words;
    empty if nothing does. Without `expected`, keys must only differ."""
    found = [tuple(key) for key in found]
    expected = [*dict.fromkeys(found)] if expected is None else [tuple(key) for key in expected]
    if found == expected:
        return ""
    counts, wanted = Counter(found), set(expected)
    kinds = {
        "lacks": [key for key in expected if key not in counts],
        "repeats": [key for key, count in counts.items() if count > 1],
        "has besides": [key for key in counts if key not in wanted],
    }
    faults = []
    for word, keys in kinds.items():
        if keys:
            named = listed((" ".join(map(str, key)) for key in keys), SHOWN)
            faults.append(f"{word} {named}")
    return "; ".join(faults) or "has its rows in another order"


def row_problems(
    path: Path,
    stage: str,
    found: Iterable[Key],
    expected: Iterable[Key] | None = None,
    source: str = "",
) -> list[str]:
    """The problem of a file that `stage` wrote, if it has `row_faults`; `source` says what the
    expected rows are from."""
    faults = row_faults(found, expected)
    compared = f"compared with {source}, it " if source else ""
    return [f"{path}: {compared}{faults}; delete it: {stage} writes it again"] if faults else []


def require_rows(
    path: Path,
    stage: str,
    found: Iterable[Key],
    expected: Iterable[Key] | None = None,
    source: str = "",
) -> None:
    """Raise InputError with the problem of `row_problems`, if there is one."""
    if problems := row_problems(path, stage, found, expected, source):
        raise InputError(problems)
