"""Aligning the pairs of a subset: similarities from their points, pictures, points carried over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from photosketch.align.files import Alignment, Transforms, write_aligned
from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.geometry.patch_checks import problems as placement_problems
from photosketch.geometry.patches import clamped
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, similarity, template
from photosketch.jobs.threads import workers
from photosketch.landmarks.table import (
    COORDINATES,
    points_by_image,
    sketch_problems,
    without_points,
)

Mode = Literal["each", "photo"]
HELD = 8  # pictures of a thread that are held at a time


@dataclass(frozen=True)
class AlignedSubset:
    """The pairs as later stages see them, their points in the aligned pictures, and how they were
    aligned."""

    pairs: list[Pair]
    table: pd.DataFrame
    alignment: Alignment


def problems(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, page_command: str
) -> list[str]:
    """What keeps pairs from being aligned: points that are missing, and with `photo` images of two
    sizes. `page_command` makes the page to click points."""
    found = [
        f"{pair.photo}: no points for the photo of {pair.subset} {pair.id}; "
        "delete the table of landmarks: it is written again by merge_landmarks"
        for pair in without_points(pairs, table, "photo")
    ]
    if mode == "each":  # the merge stays up to date where only the mode changes
        unlocated = without_points(pairs, table, "sketch")
        return found + sketch_problems(unlocated, "dataset.align: each", page_command)
    for pair in pairs:
        photo, sketch = pair.size("photo"), pair.size("sketch")
        if photo != sketch:
            found.append(
                f"{pair.sketch}: has {sketch[0]}x{sketch[1]} pixels and its photo "
                f"{photo[0]}x{photo[1]}, so it was not drawn over it; scale it to the photo, or "
                "set dataset.align to each"
            )
    return found


def alignment_of(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int]
) -> Alignment:
    """The similarities of pairs, with what `align_pairs` takes."""
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
    """A line for each photo whose face the local networks' rectangles do not fit even aligned, in
    a frame of that many pixels a side; the rest as `align_pairs` takes it."""
    moved = points_by_image(carried_over(table, alignment_of(pairs, table, mode, size)))
    lines = []
    for pair in pairs:
        points = moved[pair.id, "photo"]
        if found := placement_problems(points, clamped(points, size, frame), frame):
            what = f"photo of {pair.subset} {pair.id}"
            lines.append(f"{pair.photo}: aligned, {', '.join(found)} ({what})")
    return lines


def align_pairs(
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    mode: Mode,
    size: Sequence[int],
    path: str,
    threads: int = 1,
) -> AlignedSubset:
    """Align the pairs and write the NPZ at `path` (`align.files`), `threads` images at a time,
    whatever their number alike.

    `table` holds the pairs' points in their input images, of which photo and sketch go by their own
    with `each`, and both by the photo's with `photo`. `size` is the (width, height) of the aligned
    pictures. The pairs are such as `problems` finds nothing wrong with.
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
    """A landmark table in the pixels of the aligned pictures; scores and sources stay."""
    by_image: dict[tuple[str, str], Similarity] = {
        (id, modality): transform
        for modality, transforms in alignment.transforms.items()
        for id, transform in zip(alignment.ids, transforms, strict=True)
    }
    moved = [by_image[image](points).ravel() for image, points in points_by_image(table).items()]
    values = np.array(moved, float).reshape(-1, len(COORDINATES))
    return table.assign(**dict(zip(COORDINATES, values.T, strict=True)))


def in_words(name: str, alignment: Alignment) -> str:
    """How much the pictures were scaled and turned, for the log."""
    parts = []
    for modality, transforms in alignment.transforms.items():
        scales, turns = zip(*((one.scale, abs(one.degrees)) for one in transforms), strict=True)
        parts.append(
            f"{modality} scaled by {min(scales):.2f} to {max(scales):.2f}, turned by up to "
            f"{max(turns):.0f} degrees"
        )
    return f"{name}: {len(alignment.ids)} pairs, {'; '.join(parts)}"
