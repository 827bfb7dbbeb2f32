"""Stacks of images [N, H, W, 3] in an NPZ that `archives` wrote, read picture by picture.

Thousands of pictures are not held in memory at a time. The members are not compressed, so that a
picture's place in the file is known. Free of numpy at import.
"""

import os
import struct
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LOCAL_HEADER = 30  # bytes of a member's header in a ZIP, before its name and extra field


def read(path: str | os.PathLike[str], name: str, row: int) -> "np.ndarray":
    """One picture [H, W, 3] uint8 of the member `name`. Neither checksum nor digest
    is looked at: the manifest has a hash of each picture."""
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
