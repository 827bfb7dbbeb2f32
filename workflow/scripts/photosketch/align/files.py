"""The file of a subset's aligned pictures, with the transforms from the input images.

An NPZ: ids [N]; photo and sketch [N, H, W, 3] uint8, uncompressed; transforms [N, 2, 2, 3] float64
of the photo and the sketch of each pair: (x, y) in the upright input image becomes
matrix [:, :2] @ (x, y) + [:, 2] in the aligned picture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality
from photosketch.data.storage import Streamed, read_arrays, write_arrays
from photosketch.geometry.similarity import Similarity

# by id and modality, in the order of the pairs: the transform that aligned a picture
Alignment = dict[tuple[str, str], Similarity]


def write_aligned(
    alignment: Alignment,
    size: Sequence[int],
    pictures: Mapping[Modality, Callable[[], Iterator[Image]]],
    path: str,
) -> None:
    """Write the NPZ. `pictures` make those of `size` (width, height), [H, W, 3], one after another,
    so that few are in memory."""
    ids = list(dict.fromkeys(id for id, _ in alignment))
    transforms = [[alignment[id, modality].array() for modality in MODALITIES] for id in ids]
    arrays: dict[str, Any] = {"ids": ids, "transforms": transforms}
    shape = (len(ids), size[1], size[0], 3)
    write_arrays(path, arrays | {each: Streamed(shape, pictures[each]) for each in MODALITIES})


def read_alignment(path: str | Path) -> Alignment:
    """The alignment in a file of `write_aligned`. `pairs.read_image` reads the pictures."""
    known = ("ids", "transforms")
    stored = read_arrays(path, "align_faces", (*known, *MODALITIES), only=known)
    return {
        (id, modality): Similarity.from_array(array)
        for id, arrays in zip(stored["ids"].tolist(), stored["transforms"], strict=True)
        for modality, array in zip(MODALITIES, arrays, strict=True)
    }
