"""Which photos are meant, what each is called in the output, and the points given for them."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photosketch.data.array_types import Points
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import manual_rows
from photosketch.landmarks.table import COORDINATES

SUBSET, MODALITY = "photos", "photo"  # what photos have in a file of points

LONGEST = 150  # bytes of a name


@dataclass(frozen=True)
class Photo:
    """A file; its name in the output, a relative path without suffix, unlike all others; and what
    people know it by, the relative path."""

    path: Path
    name: str
    title: str


def find_photos(given: Iterable[str | Path], output: Path) -> list[Photo]:
    """The files given, and all in the folders given and below them, in ascending order.

    Hidden files are left out, and what lies in the folder `output`. A photo is called by its path
    in the folder that was given, with its suffix only where another has the same without. Raises
    InputError with all that is not there, and where there is no file at all.
    """
    problems = []
    found: dict[Path, Path] = {}  # each file, and its path from what was given
    output = output.resolve()
    for each in map(Path, given):
        if each.is_dir():
            files = (path for path in sorted(each.rglob("*")) if path.is_file())
            visible = [
                path
                for path in files
                if not any(part.startswith(".") for part in path.relative_to(each).parts)
                and output not in path.resolve().parents
            ]
            if not visible:
                problems.append(f"{each}: holds no files; put photos into it")
            found |= {path: path.relative_to(each) for path in visible if path not in found}
        elif each.is_file():
            found.setdefault(each, Path(each.name))
        else:
            problems.append(f"{each.absolute()}: is not there; correct the path")
    if problems:
        raise InputError(problems)
    return _named(found)


def _named(found: Mapping[Path, Path]) -> list[Photo]:
    short = {path: as_text(relative.with_suffix("")) for path, relative in found.items()}
    often = Counter(name.casefold() for name in short.values())
    taken: set[str] = set()
    photos = []
    for path, relative in found.items():
        name = _cut(short[path] if often[short[path].casefold()] == 1 else as_text(relative))
        number, unique = 1, name
        while unique.casefold() in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        photos.append(Photo(path, unique, as_text(relative)))
    return photos


def _cut(name: str) -> str:
    """A name that leaves room for what is written behind it, 150 bytes at most in each folder."""
    parts = [part.encode()[:LONGEST].decode("utf-8", "ignore") for part in name.split("/")]
    return "/".join(parts)


def as_text(path: Path) -> str:
    """A path as one line of text that any file may hold: accents in one Unicode form, control
    characters and bytes that are not UTF-8 replaced."""
    text = os.fsencode(path.as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text))


def read_points(file: Path, photos: Sequence[Photo]) -> dict[str, list[Points]]:
    """The points [5, 2] of each photo that a file names, by the photos' names.

    The file is one of points placed by hand, as the click page gives it; a row is a face. Raises
    InputError with every row that names no photo (of `photos`, where any are known), or lacks a
    number.
    """
    names = {photo.name for photo in photos}
    if not file.exists():
        raise InputError([f"{file.absolute()}: is not there; save the points of the page to it"])
    points = defaultdict(list)
    problems = []
    for row in manual_rows(file):
        name = unicodedata.normalize("NFC", row["id"])
        if names and ((row["subset"], row["modality"]) != (SUBSET, MODALITY) or name not in names):
            problems.append(
                f"{file}: {row['subset']}/{name}/{row['modality']} is none of the photos; write "
                f"{SUBSET}/NAME/{MODALITY}, such as {SUBSET}/{photos[0].name}/{MODALITY}"
            )
            continue
        try:
            values = {column: float(row[column]) for column in COORDINATES}
        except ValueError:
            problems.append(f"{file}: {name} lacks a point; give all ten numbers, or remove it")
            continue
        points[name].append(np.array([*values.values()]).reshape(-1, 2))
    if problems:
        raise InputError(problems)
    return dict(points)
