"""The file of a subset's aligned pictures, and the way back to the images they were made of.

An NPZ: ids [N]; photo and sketch [N, H, W, 3] uint8, not compressed (`stacks`); transforms
[N, 2, 2, 3] float64, of the photo and the sketch of each pair: (x, y) in the input image, as
people see it, -> matrix [:, :2] @ (x, y) + [:, 2] in the aligned one.
"""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from photosketch import stacks
from photosketch.arrays import Image
from photosketch.pairs import MODALITIES, Modality
from photosketch.placement import Similarity
from photosketch.runtime import intact, write_atomically

Transforms = dict[Modality, list[Similarity]]  # of the pairs, in their order


@dataclass(frozen=True)
class Alignment:
    """The pairs of a subset by their ids, and the similarities that they were aligned by."""

    ids: tuple[str, ...]
    transforms: Transforms


def write_aligned(
    alignment: Alignment,
    size: Sequence[int],
    pictures: Mapping[Modality, Iterable[Image]],
    path: str | os.PathLike[str],
) -> dict[Modality, list[str]]:
    """Write the NPZ; the sha256 of each picture's pixels.

    `pictures` are those of each modality, [H, W, 3] of `size` (width, height), taken one after the
    other, so that few are held at a time.
    """
    shape = (len(alignment.ids), size[1], size[0], 3)
    similarities = zip(*(alignment.transforms[modality] for modality in MODALITIES), strict=True)
    hashes: dict[Modality, list[str]] = {modality: [] for modality in MODALITIES}

    def hashed(modality: Modality) -> Iterator[Image]:
        for picture in pictures[modality]:
            hashes[modality].append(hashlib.sha256(picture.tobytes()).hexdigest())
            yield picture

    with write_atomically(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        stacks.write_array(archive, "ids", np.array(alignment.ids))
        transforms = [[one.array() for one in pair] for pair in similarities]
        stacks.write_array(archive, "transforms", np.array(transforms, float))
        for modality in MODALITIES:
            stacks.write(archive, modality, shape, hashed(modality))
    return hashes


def read_alignment(path: str | os.PathLike[str]) -> Alignment:
    """What `write_aligned` wrote, without the pictures: `pairs.read_image` gives those."""
    with intact(path, "align_faces"), np.load(path) as stored:
        ids, transforms = stored["ids"].tolist(), stored["transforms"]
    by_modality = zip(MODALITIES, np.moveaxis(transforms, 1, 0), strict=True)
    return Alignment(
        tuple(ids),
        {modality: [*map(Similarity.from_array, arrays)] for modality, arrays in by_modality},
    )
