"""The photos to draw, their names in the output, and the points given for them."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photosketch.data.array_types import Points
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import manual_rows
from photosketch.landmarks.table import points_of_row

SUBSET, MODALITY = "photos", "photo"  # what photos have in a file of points
LONGEST = 150  # bytes of a name in each folder, so that suffixes can be added


@dataclass(frozen=True)
class Photo:
    """A file; its unique name in the output, a relative path without suffix; and its title for
    people, the relative path."""

    path: Path
    name: str
    title: str


def find_photos(given: Iterable[str | Path], output: Path) -> list[Photo]:
    """The given files, and all files in and below the given folders, in ascending order.

    Hidden files and files in the folder `output` are left out. A photo's name is its path in the
    given folder; the suffix is only included if names would be equal without it. Raises InputError
    with every missing path and every folder without files.
    """
    problems, output = [], output.resolve()
    found: dict[Path, Path] = {}  # each file, and its path from what was given
    for each in map(Path, given):
        if each.is_dir():
            visible = [
                path
                for path in sorted(each.rglob("*"))
                if path.is_file()
                and not any(part.startswith(".") for part in path.relative_to(each).parts)
                and output not in path.resolve().parents
            ]
            if not visible:
                problems.append(f"{each}: has no files; put photos into it")
            for path in visible:
                found.setdefault(path, path.relative_to(each))
        elif each.is_file():
            found.setdefault(each, Path(each.name))
        else:
            problems.append(f"{each.absolute()}: is not there; correct the path")
    if problems:
        raise InputError(problems)
    stems = {path: as_text(relative.with_suffix("")) for path, relative in found.items()}
    often = Counter(name.casefold() for name in stems.values())
    taken: set[str] = set()
    photos = []
    for path, relative in found.items():
        name = stems[path] if often[stems[path].casefold()] == 1 else as_text(relative)
        cut = [part.encode()[:LONGEST].decode("utf-8", "ignore") for part in name.split("/")]
        number, name = 1, "/".join(cut)
        unique = name
        while unique.casefold() in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        photos.append(Photo(path, unique, as_text(relative)))
    return photos


def as_text(path: Path) -> str:
    """A path as one line of UTF-8 text: accents in one Unicode form, control characters and other
    bytes replaced."""
    text = os.fsencode(path.as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text))


def read_points(file: Path, photos: Sequence[Photo]) -> dict[str, list[Points]]:
    """The points [5, 2] of each face in a file of points placed by hand, by the photos' names.

    The click page makes such a file; a row is a face. Raises InputError with every row that lacks a
    number, or (unless `photos` is empty) that names none of the photos.
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
                f"{file}: {row['subset']}/{name}/{row['modality']} is not one of the photos; write "
                f"{SUBSET}/NAME/{MODALITY}, such as {SUBSET}/{photos[0].name}/{MODALITY}"
            )
            continue
        try:
            points[name].append(points_of_row(row))
        except ValueError:
            problems.append(f"{file}: {name} lacks a point; give all ten numbers, or remove it")
    if problems:
        raise InputError(problems)
    return dict(points)
