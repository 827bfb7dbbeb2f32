"""Align the pairs of a subset: similarity transforms from their points, pictures, moved points."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from photosketch.align.files import Alignment, write_aligned
from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.geometry.patch_checks import misplaced_faces
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import similarity, template
from photosketch.jobs.threads import in_order, workers
from photosketch.landmarks.table import (
    COORDINATES,
    points_by_image,
    sketch_problems,
    without_points,
)

Mode = Literal["each", "photo"]
HELD = 8  # pictures of a thread in memory


def problems(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, page_command: str
) -> list[str]:
    """Reasons why pairs can't be aligned: in mode `each` sketches without points, in mode `photo`
    images of two sizes. `page_command` makes the page to click points."""
    if mode == "each":  # checked here, because merge_landmarks does not depend on the mode
        unlocated = without_points(pairs, table, "sketch")
        return sketch_problems(unlocated, "dataset.align: each", page_command)
    sizes = [(pair.sketch, *pair.size("sketch"), *pair.size("photo")) for pair in pairs]
    return [
        f"{sketch}: has {width}x{height} pixels and its photo {photo_width}x{photo_height}, so it "
        "was not drawn over the photo; scale it to the photo's size, or set dataset.align to each"
        for sketch, width, height, photo_width, photo_height in sizes
        if (width, height) != (photo_width, photo_height)
    ]


def alignment_of(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int]
) -> Alignment:
    """The transforms of pairs, as in `align_pairs`."""
    located, goal = points_by_image(table), template(size)
    return {
        (pair.id, modality): similarity(
            located[pair.id, "photo" if mode == "photo" else modality], goal
        )
        for pair in pairs
        for modality in MODALITIES
    }


def misplaced(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int], frame: int
) -> list[str]:
    """A line for each photo whose face does not fit the local networks' rectangles even aligned, in
    a frame of that many pixels a side."""
    moved = points_by_image(carried_over(table, alignment_of(pairs, table, mode, size)))
    faces = (
        (f"{p.photo} (photo of {p.subset} {p.id}, aligned)", moved[p.id, "photo"], size)
        for p in pairs
    )
    return misplaced_faces(faces, frame)


def align_pairs(
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    mode: Mode,
    size: Sequence[int],
    path: str,
    threads: int = 1,
) -> tuple[list[Pair], pd.DataFrame, Alignment]:
    """Align pairs without `problems` and write the NPZ at `path` (`align.files`).

    In mode `each` photo and sketch are aligned by their own points, in mode `photo` both by the
    photo's. `size` is the (width, height) of the aligned pictures. The file is the same for every
    number of threads. Returns the aligned pairs, their points, and the transforms.
    """
    alignment = alignment_of(pairs, table, mode, size)

    def pictures(modality: Modality) -> Iterator[Image]:
        def picture(pair: Pair) -> Image:
            image = read_image(pair, modality, colour=True)
            return resampled(image, alignment[pair.id, modality], size)

        with workers(threads) as pool:
            yield from in_order(pool, picture, pairs, ahead=HELD * threads)

    by_modality = {modality: pictures(modality) for modality in MODALITIES}
    hashes = write_aligned(alignment, size, by_modality, path)
    aligned = []
    for row, pair in enumerate(pairs):
        given = pair.subset, pair.id, pair.split, pair.photo, pair.sketch
        own = hashes["photo"][row], hashes["sketch"][row]
        aligned.append(Pair(*given, size[0], size[1], *own, stack=path, row=row))
    return aligned, carried_over(table, alignment), alignment


def carried_over(table: pd.DataFrame, alignment: Alignment) -> pd.DataFrame:
    """A landmark table in pixels of the aligned pictures, with the same scores and sources."""
    moved = [alignment[image](points).ravel() for image, points in points_by_image(table).items()]
    values = np.array(moved, float).reshape(-1, len(COORDINATES))
    return table.assign(**dict(zip(COORDINATES, values.T, strict=True)))


def in_words(name: str, alignment: Alignment) -> str:
    """The log line with the scales and rotations of a subset's pictures."""
    parts = []
    for modality in MODALITIES:
        own = [transform for (_, each), transform in alignment.items() if each == modality]
        scales, turns = zip(*((one.scale, abs(one.degrees)) for one in own), strict=True)
        parts.append(
            f"{modality} scaled by {min(scales):.2f} to {max(scales):.2f}, turned by up to "
            f"{max(turns):.0f} degrees"
        )
    return f"{name}: {len(own)} pairs, {'; '.join(parts)}"
