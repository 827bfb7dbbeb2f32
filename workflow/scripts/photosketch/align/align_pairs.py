"""Align the pairs of a subset: similarity transforms from their points, pictures, moved points."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from photosketch.align.files import Alignment, write_aligned
from photosketch.data.array_types import Image
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.data.storage import require_rows
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
    pairs: Sequence[Pair], table: pd.DataFrame, path: str, mode: Mode, page_command: str
) -> list[str]:
    """Reasons why pairs can't be aligned: in mode `each` sketches without points, in mode `photo`
    images of two sizes. `page_command` makes the page to click points. Raises InputError if the
    table, which lies at `path`, lacks a photo or has an image that is not of the pairs."""
    found = {*zip(table["modality"], table["id"], strict=True)}
    photos = {("photo", pair.id) for pair in pairs}
    sketches = {("sketch", pair.id) for pair in pairs}
    expected = photos | found & sketches
    require_rows(Path(path), "merge_landmarks", sorted(found), sorted(expected))
    if mode == "each":  # checked here, because merge_landmarks does not depend on the mode
        unlocated = without_points(pairs, table, "sketch")
        return sketch_problems(unlocated, "dataset.align: each", page_command)
    return [
        f"{pair.sketch}: has {sketch[0]}x{sketch[1]} pixels and its photo {photo[0]}x{photo[1]}, "
        "so it was not drawn over the photo; scale it to the photo's size, or set dataset.align to "
        "each"
        for pair in pairs
        if (sketch := pair.size("sketch")) != (photo := pair.size("photo"))
    ]


def alignment_of(
    pairs: Sequence[Pair], table: pd.DataFrame, mode: Mode, size: Sequence[int]
) -> Alignment:
    """The transforms of pairs without `problems` to pictures of `size` (width, height). In mode
    `each` photo and sketch are aligned by their own points, in mode `photo` both by the photo's."""
    located, goal = points_by_image(table), template(size)
    return {
        (pair.id, modality): similarity(
            located[pair.id, "photo" if mode == "photo" else modality], goal
        )
        for pair in pairs
        for modality in MODALITIES
    }


def moved_points(table: pd.DataFrame, alignment: Alignment) -> pd.DataFrame:
    """A landmark table in pixels of the aligned pictures, with the same scores and sources."""
    moved = [alignment[image](points).ravel() for image, points in points_by_image(table).items()]
    values = np.array(moved, float).reshape(-1, len(COORDINATES))
    return table.assign(**dict(zip(COORDINATES, values.T, strict=True)))


def misplaced(
    pairs: Sequence[Pair], moved: pd.DataFrame, size: Sequence[int], frame: int
) -> list[str]:
    """A line for each photo whose face does not fit the local networks' rectangles even aligned, in
    a frame of that many pixels a side. `moved` has the points in the aligned pictures."""
    located = points_by_image(moved)
    faces = (
        (f"{p.photo} (photo of {p.subset} {p.id}, aligned)", located[p.id, "photo"], size)
        for p in pairs
    )
    return misplaced_faces(faces, frame)


def write_aligned_pairs(
    pairs: Sequence[Pair], alignment: Alignment, size: Sequence[int], path: str, threads: int = 1
) -> list[Pair]:
    """Write the pictures of pairs, moved by their transforms, as the NPZ at `path` (`align.files`),
    which is the same for every number of threads. Returns the aligned pairs."""
    hashes: dict[Modality, list[str]] = {modality: [] for modality in MODALITIES}

    def pictures(modality: Modality) -> Iterator[Image]:
        def picture(pair: Pair) -> Image:
            image = read_image(pair, modality, colour=True)
            return resampled(image, alignment[pair.id, modality], size)

        with workers(threads) as pool:
            for moved in in_order(pool, picture, pairs, ahead=HELD * threads):
                hashes[modality].append(hashlib.sha256(moved.tobytes()).hexdigest())
                yield moved

    write_aligned(alignment, size, {each: partial(pictures, each) for each in MODALITIES}, path)
    aligned = []
    for row, pair in enumerate(pairs):
        given = pair.subset, pair.id, pair.split, pair.photo, pair.sketch
        own = hashes["photo"][row], hashes["sketch"][row]
        aligned.append(Pair(*given, size[0], size[1], *own, stack=path, row=row))
    return aligned


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
