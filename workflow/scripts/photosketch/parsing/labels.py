"""Label maps of faces: the classes, and the file of a subset's maps."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from photosketch.arrays import Labels
from photosketch.pairs import Modality
from photosketch.runtime import InputError, intact, write_atomically

CLASSES = ("background", "hair", "skin", "brows", "eyes", "nose", "mouth", "clothes")
BACKGROUND, HAIR, SKIN, BROWS, EYES, NOSE, MOUTH, CLOTHES = range(len(CLASSES))


@dataclass(frozen=True)
class Parsings:
    """The label maps of a subset: ids [N]; photo and sketch [N, H, W] uint8.

    fallback: (id, modality) of each image that a learned network found no face in, so that
    `parse_grabcut` labelled it.
    """

    ids: tuple[str, ...]
    photo: Labels
    sketch: Labels
    fallback: tuple[tuple[str, str], ...] = ()

    def by_id(self, modality: Modality) -> dict[str, Labels]:
        """The label maps [H, W] of the photos or of the sketches, by the pairs' ids."""
        maps = self.photo if modality == "photo" else self.sketch
        return dict(zip(self.ids, maps, strict=True))


def write_parsings(parsings: Parsings, path: str | os.PathLike[str]) -> None:
    """Write an NPZ: ids, photo, sketch, the names of the classes, `fallback` unless empty."""
    marked: dict[str, Any] = {"fallback": np.array(parsings.fallback)} if parsings.fallback else {}
    with write_atomically(path) as temporary:
        np.savez_compressed(
            temporary,
            ids=np.array(parsings.ids),
            photo=parsings.photo,
            sketch=parsings.sketch,
            classes=np.array(CLASSES),
            **marked,
        )


def read_parsings(path: str | os.PathLike[str]) -> Parsings:
    """Read what `write_parsings` wrote. Raises InputError if its classes are not ours."""
    with intact(path, "parse_faces"), np.load(path) as stored:
        if tuple(stored["classes"]) != CLASSES:
            raise InputError([f"{path}: its classes are not {CLASSES}; run parse_faces again"])
        marked = stored["fallback"].tolist() if "fallback" in stored else []
        return Parsings(
            tuple(stored["ids"].tolist()),
            stored["photo"],
            stored["sketch"],
            tuple((id, modality) for id, modality in marked),
        )
