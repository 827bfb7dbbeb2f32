"""The file of a subset's aligned pictures, with the transforms from the input images.

An NPZ: ids [N]; photo and sketch [N, H, W, 3] uint8, uncompressed; transforms [N, 2, 2, 3] float64
of the photo and the sketch of each pair: (x, y) in the upright input image becomes
matrix [:, :2] @ (x, y) + [:, 2] in the aligned picture.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality
from photosketch.data.storage import Streamed, read_arrays, write_arrays
from photosketch.geometry.similarity import Similarity

Transforms = dict[Modality, list[Similarity]]  # of the pairs, in their order


@dataclass(frozen=True)
class Alignment:
    """The ids of a subset's pairs, and the similarity transforms that aligned them."""

    ids: tuple[str, ...]
    transforms: Transforms


def write_aligned(
    alignment: Alignment,
    size: Sequence[int],
    pictures: Mapping[Modality, Iterable[Image]],
    path: str | os.PathLike[str],
) -> dict[Modality, list[str]]:
    """Write the NPZ and return the sha256 of each picture's pixels.

    `pictures` of a modality are [H, W, 3] of `size` (width, height). They are taken one after
    another, so that few are in memory.
    """
    shape = (len(alignment.ids), size[1], size[0], 3)
    similarities = zip(*(alignment.transforms[modality] for modality in MODALITIES), strict=True)
    hashes: dict[Modality, list[str]] = {modality: [] for modality in MODALITIES}

    def hashed(modality: Modality) -> Iterator[Image]:
        for picture in pictures[modality]:
            hashes[modality].append(hashlib.sha256(picture.tobytes()).hexdigest())
            yield picture

    transforms = [[one.array() for one in pair] for pair in similarities]
    streamed: dict[str, Streamed] = {
        modality: Streamed(shape, partial(hashed, modality)) for modality in MODALITIES
    }
    write_arrays(path, {"ids": alignment.ids, "transforms": transforms, **streamed})
    return hashes


def read_alignment(path: str | os.PathLike[str]) -> Alignment:
    """The alignment in a file of `write_aligned`. `pairs.read_image` reads the pictures."""
    known = ("ids", "transforms")
    stored = read_arrays(path, "align_faces", (*known, *MODALITIES), only=known)
    ids, transforms = stored["ids"].tolist(), stored["transforms"]
    by_modality = zip(MODALITIES, np.moveaxis(transforms, 1, 0), strict=True)
    return Alignment(
        tuple(ids),
        {modality: [*map(Similarity.from_array, arrays)] for modality, arrays in by_modality},
    )
