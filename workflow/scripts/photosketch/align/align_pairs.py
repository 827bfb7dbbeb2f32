"""Align the pairs of a subset: similarity transforms from their points, pictures, moved points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from photosketch.align.files import Alignment, Transforms, write_aligned
from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.geometry.patch_checks import misplaced_faces
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, similarity, template
from photosketch.jobs.threads import workers
from photosketch.landmarks.table import (
    COORDINATES,
    photo_problems,
    points_by_image,
    sketch_problems,
    without_points,
)

Mode = Literal["each", "photo"]
HELD = 8  # pictures of a thread in memory


@dataclass(frozen=True)
class AlignedSubset:
    """The aligned pairs for later stages, their points in the aligned pictures, the transforms."""

    pairs: list[Pair]
    table: pd.DataFrame
    alignment: Alignment


def problems(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, page_command: str
) -> list[str]:
    """Reasons why pairs can't be aligned: missing points, and in mode `photo` images of two sizes.
    `page_command` makes the page to click points."""
    found = photo_problems(pairs, table)
    if mode == "each":  # checked here, because merge_landmarks does not depend on the mode
        unlocated = without_points(pairs, table, "sketch")
        return found + sketch_problems(unlocated, "dataset.align: each", page_command)
    for pair in pairs:
        photo, sketch = pair.size("photo"), pair.size("sketch")
        if photo != sketch:
            found.append(
                f"{pair.sketch}: has {sketch[0]}x{sketch[1]} pixels and its photo "
                f"{photo[0]}x{photo[1]}, so it was not drawn over the photo; scale it to the "
                "photo's size, or set dataset.align to each"
            )
    return found


def alignment_of(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int]
) -> Alignment:
    """The transforms of pairs. The arguments are those of `align_pairs`."""
    located = points_by_image(table)
    goal = template(size)
    transforms: Transforms = {
        modality: [
            similarity(located[pair.id, "photo" if mode == "photo" else modality], goal)
            for pair in pairs
        ]
        for modality in MODALITIES
    }
    return Alignment(tuple(pair.id for pair in pairs), transforms)


def misplaced(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int], frame: int
) -> list[str]:
    """A line for each photo whose face does not fit the local networks' rectangles even aligned, in
    a frame of that many pixels a side. The other arguments are those of `align_pairs`."""
    moved = points_by_image(carried_over(table, alignment_of(pairs, table, mode, size)))
    return misplaced_faces(
        (
            (f"{p.photo} (photo of {p.subset} {p.id}, aligned)", moved[p.id, "photo"], size)
            for p in pairs
        ),
        frame,
    )


def align_pairs(
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    mode: Mode,
    size: Sequence[int],
    path: str,
    threads: int = 1,
) -> AlignedSubset:
    """Align pairs without `problems` and write the NPZ at `path` (`align.files`).

    `table` has the points in the input images. In mode `each` photo and sketch are aligned by their
    own points, in mode `photo` both by the photo's. `size` is the (width, height) of the aligned
    pictures. The file is the same for every number of threads.
    """
    alignment = alignment_of(pairs, table, mode, size)

    def pictures(modality: Modality) -> Iterator[Image]:
        def picture(index: int) -> Image:
            image = read_image(pairs[index], modality, colour=True)
            return resampled(image, alignment.transforms[modality][index], size)

        with workers(threads) as pool:
            for start in range(0, len(pairs), HELD * threads):
                yield from pool.map(picture, range(len(pairs))[start : start + HELD * threads])

    by_modality = {modality: pictures(modality) for modality in MODALITIES}
    hashes = write_aligned(alignment, size, by_modality, path)
    aligned = [
        replace(
            pair,
            width=size[0],
            height=size[1],
            photo_sha256=hashes["photo"][row],
            sketch_sha256=hashes["sketch"][row],
            sketch_width=None,
            sketch_height=None,
            stack=path,
            row=row,
        )
        for row, pair in enumerate(pairs)
    ]
    return AlignedSubset(aligned, carried_over(table, alignment), alignment)


def carried_over(table: pd.DataFrame, alignment: Alignment) -> pd.DataFrame:
    """A landmark table in pixels of the aligned pictures, with the same scores and sources."""
    by_image: dict[tuple[str, str], Similarity] = {
        (id, modality): transform
        for modality, transforms in alignment.transforms.items()
        for id, transform in zip(alignment.ids, transforms, strict=True)
    }
    moved = [by_image[image](points).ravel() for image, points in points_by_image(table).items()]
    values = np.array(moved, float).reshape(-1, len(COORDINATES))
    return table.assign(**dict(zip(COORDINATES, values.T, strict=True)))


def in_words(name: str, alignment: Alignment) -> str:
    """The log line with the scales and rotations of a subset's pictures."""
    parts = []
    for modality, transforms in alignment.transforms.items():
        scales, turns = zip(*((one.scale, abs(one.degrees)) for one in transforms), strict=True)
        parts.append(
            f"{modality} scaled by {min(scales):.2f} to {max(scales):.2f}, turned by up to "
            f"{max(turns):.0f} degrees"
        )
    return f"{name}: {len(alignment.ids)} pairs, {'; '.join(parts)}"
