"""Label maps of faces: the classes, and the file of a subset's maps."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from photosketch.data.array_types import Labels
from photosketch.data.pairs import Modality, Pair
from photosketch.data.storage import intact, read_arrays, require_ids, write_arrays
from photosketch.jobs.messages import InputError

CLASSES = ("background", "hair", "skin", "brows", "eyes", "nose", "mouth", "clothes")
BACKGROUND, HAIR, SKIN, BROWS, EYES, NOSE, MOUTH, CLOTHES = range(len(CLASSES))
# Of label maps shown and drawn; distinguishable with any colour vision (Okabe & Ito 2008).
CLASS_COLOURS = (
    (255, 255, 255),  # background: not tinted
    (120, 70, 170),  # hair
    (240, 190, 140),  # skin
    (120, 70, 10),  # brows
    (0, 80, 200),  # eyes
    (0, 158, 115),  # nose
    (213, 40, 20),  # mouth
    (86, 180, 233),  # clothes
)
_ARRAYS = ("ids", "photo", "sketch", "classes")
_MARKS = ("fallback", "unparsed", "faceless", "manual")  # in a file unless empty


@dataclass(frozen=True)
class Parsings:
    """The label maps of a subset: ids [N]; photo and sketch [N, H, W] uint8.

    fallback: (id, modality) of images that `parse_segmentation` labelled, because the network found
    no face. unparsed: ids of sketches without points, or in which the network found no face; their
    labels are 0. faceless: ids of photos in which the network found no face; their labels are 0,
    and no later stage gets them. manual: (id, modality) of images labelled by hand; the other lists
    leave them out.
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
        return dict(zip(self.ids, getattr(self, modality), strict=True))


def require_photo_labels(pairs: Iterable[Pair], parsings: Parsings) -> None:
    """Raise InputError with every photo in which the parser found no face."""
    problems = [
        f"{pair.photo}: the network finds no face in the photo of {pair.subset} {pair.id}; correct "
        "its points if they are wrong (landmarks.manual), set parsing.fallback to true to parse "
        "the photo by segmentation, or draw its labels (parsing.manual)"
        for pair in pairs
        if pair.id in parsings.faceless
    ]
    if problems:
        raise InputError(problems)


def write_parsings(parsings: Parsings, path: str | os.PathLike[str]) -> None:
    """Write an NPZ of the fields, without empty lists of marks, and the names of the classes."""
    arrays = {**vars(parsings), "classes": CLASSES}
    marked = [name for name in _MARKS if arrays[name]]
    write_arrays(path, {name: arrays[name] for name in (*_ARRAYS, *marked)}, compressed=True)


def read_parsings(path: str | os.PathLike[str], ids: Collection[str] = ()) -> Parsings:
    """Read what `write_parsings` wrote. Raises InputError if its classes are not ours, or if it has
    no label maps of a pair of `ids`."""
    stage = "parse_faces (machine/) or merge_parsings"
    stored: dict[str, Any] = read_arrays(path, stage, _ARRAYS, optional=_MARKS)
    with intact(path, stage):
        if tuple(stored.pop("classes")) != CLASSES:
            raise ValueError(f"its classes are not {', '.join(CLASSES)}")
    for name in stored.keys() & {"ids", *_MARKS}:
        rows = stored[name].tolist()
        stored[name] = tuple(tuple(row) if isinstance(row, list) else row for row in rows)
    require_ids(path, stage, stored["ids"], ids)
    return Parsings(**stored)


def read_photo_labels(path: str | os.PathLike[str]) -> dict[str, Labels]:
    """The photos' label maps [H, W] by the pairs' ids. Raises InputError like `read_parsings`."""
    return read_parsings(path).by_id("photo")
