"""Stacks of images [N, H, W, 3] in an NPZ, written and read picture by picture.

Thousands of pictures are not held in memory at a time. The members are not compressed, so that a
picture's place in the file is known; `np.load` reads them as any other. Free of numpy at import.
"""

import os
import struct
import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LOCAL_HEADER = 30  # bytes of a member's header in a ZIP, before its name and extra field


def write(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], pictures: "Iterable[np.ndarray]"
) -> None:
    """Add the member `name`, uint8 of that shape, from as many pictures as its first axis has."""
    import numpy as np

    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        written = 0
        for picture in pictures:
            if picture.shape != shape[1:] or picture.dtype != np.uint8 or written == shape[0]:
                raise ValueError(f"{name}: other pictures than {shape} of uint8")
            member.write(np.ascontiguousarray(picture).data)
            written += 1
        if written < shape[0]:
            raise ValueError(f"{name}: {written} pictures instead of {shape[0]}")


def write_array(archive: zipfile.ZipFile, name: str, array: "np.ndarray") -> None:
    """Add an array that is held whole."""
    import numpy as np

    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: str | os.PathLike[str], name: str, row: int) -> "np.ndarray":
    """One picture [H, W, 3] uint8 of the member `name`. Its checksum is not looked at."""
    import numpy as np

    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        start = archive.getinfo(f"{name}.npy").header_offset
        file.seek(start + 26)  # the lengths of name and extra field, 2 bytes each
        lengths = struct.unpack("<HH", file.read(4))
        file.seek(start + LOCAL_HEADER + sum(lengths))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or not 0 <= row < shape[0]:
            raise ValueError(f"no picture {row} of type uint8 in {name}")
        count = int(np.prod(shape[1:]))
        file.seek(row * count, os.SEEK_CUR)
        return np.frombuffer(file.read(count), np.uint8).reshape(shape[1:])
