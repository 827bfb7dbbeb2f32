"""Label maps of faces: the classes, and the file of a subset's maps."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from photosketch.data.array_types import Labels
from photosketch.data.pairs import MODALITIES, Modality, Pair
from photosketch.data.storage import intact, read_arrays, write_arrays
from photosketch.jobs.job import InputError

CLASSES = ("background", "hair", "skin", "brows", "eyes", "nose", "mouth", "clothes")
BACKGROUND, HAIR, SKIN, BROWS, EYES, NOSE, MOUTH, CLOTHES = range(len(CLASSES))
_ARRAYS = ("ids", "photo", "sketch", "classes")
_MARKS = ("fallback", "unparsed", "faceless", "manual")  # what is in a file only where there is any
_WRITTEN_BY = "parse_faces (machine/) or merge_parsings"


@dataclass(frozen=True)
class Parsings:
    """The label maps of a subset: ids [N]; photo and sketch [N, H, W] uint8.

    fallback: (id, modality) of each image that a learned network found no face in, so that
    `parse_grabcut` labelled it. unparsed: the ids of sketches without points or, for a learned
    network, without a face; all their labels are 0. faceless: the ids of photos in which a learned
    network found no face, likewise; later stages are given none. manual: (id, modality) of each
    image whose labels were drawn by hand, which is in none of the others.
    """

    ids: tuple[str, ...]
    photo: Labels
    sketch: Labels
    fallback: tuple[tuple[str, str], ...] = ()
    unparsed: tuple[str, ...] = ()
    faceless: tuple[str, ...] = ()
    manual: tuple[tuple[str, str], ...] = ()

    def by_id(self, modality: Modality) -> dict[str, Labels]:
        """The label maps [H, W] of the photos or of the sketches, by the pairs' ids."""
        maps = self.photo if modality == "photo" else self.sketch
        return dict(zip(self.ids, maps, strict=True))


def blank_maps(pairs: Sequence[Pair]) -> dict[Modality, Labels]:
    """Label maps [N, H, W] of the photos and of the sketches of pairs of one size, all 0."""
    shape = len(pairs), pairs[0].height, pairs[0].width
    return {modality: np.zeros(shape, np.uint8) for modality in MODALITIES}


def require_photo_labels(pairs: Iterable[Pair], parsings: Parsings) -> None:
    """Raise InputError with every photo in which the parser found no face."""
    problems = [
        f"{pair.photo}: the network finds no face in the photo of {pair.subset} {pair.id}; correct "
        "its points where they are wrong (landmarks.manual), set parsing.fallback to true to parse "
        "such images by grabcut, or draw its labels (parsing.manual)"
        for pair in pairs
        if pair.id in parsings.faceless
    ]
    if problems:
        raise InputError(problems)


def write_parsings(parsings: Parsings, path: str | os.PathLike[str]) -> None:
    """Write an NPZ: ids, photo, sketch, the names of the classes; `fallback`, `unparsed`,
    `faceless` and `manual` unless empty."""
    arrays = {**vars(parsings), "classes": CLASSES}
    marked = [name for name in _MARKS if arrays[name]]
    write_arrays(path, {name: arrays[name] for name in (*_ARRAYS, *marked)}, compressed=True)


def read_parsings(path: str | os.PathLike[str]) -> Parsings:
    """Read what `write_parsings` wrote. Raises InputError if its classes are not ours."""
    stored = _read(path)
    marked = {name: stored[name].tolist() if name in stored else [] for name in _MARKS}
    return Parsings(
        tuple(stored["ids"].tolist()),
        stored["photo"],
        stored["sketch"],
        tuple((id, modality) for id, modality in marked["fallback"]),
        tuple(marked["unparsed"]),
        tuple(marked["faceless"]),
        tuple((id, modality) for id, modality in marked["manual"]),
    )


def read_photo_labels(path: str | os.PathLike[str]) -> dict[str, Labels]:
    """The label maps [H, W] of the photos alone, by the pairs' ids. Raises as `read_parsings`."""
    stored = _read(path, ("ids", "photo", "classes"))
    return dict(zip(stored["ids"].tolist(), stored["photo"], strict=True))


def _read(path: str | os.PathLike[str], only: tuple[str, ...] | None = None) -> dict[str, Any]:
    stored = read_arrays(path, _WRITTEN_BY, _ARRAYS, only=only, optional=_MARKS)
    with intact(path, _WRITTEN_BY):
        if tuple(stored["classes"]) != CLASSES:
            raise ValueError(f"its classes are not {', '.join(CLASSES)}")
    return stored
