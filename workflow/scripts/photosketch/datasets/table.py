"""The result of every reader of a data set, and the table of pairs (TSV) made of this result."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photosketch.data.images import SUFFIXES
from photosketch.data.pairs import COLUMNS, name_problem
from photosketch.jobs.job import InputError, counted, listed, write_atomically

UNWRITABLE = re.compile(r"[\t\r\n\ud800-\udfff]|^\s|\s$")  # in a cell of the table


@dataclass(frozen=True)
class ListedPair:
    """A photo and its sketch: a row of the table."""

    subset: str
    id: str
    split: str
    photo: Path
    sketch: Path


@dataclass(frozen=True)
class Cut:
    """A picture with photo and sketch side by side, and the files for its halves."""

    picture: Path
    photo: Path
    sketch: Path


@dataclass(frozen=True)
class Found:
    """The result of a reader: pairs in the table's order, notes on what was left out, and pictures
    that have to be cut to make the pairs' files.

    numbered: (subset, id) of all test pairs, also of missing pairs, in the order of the numbers of
    published results; None for the order of the table.
    """

    pairs: Sequence[ListedPair]
    notes: Sequence[str] = ()
    cuts: Sequence[Cut] = ()
    numbered: Sequence[tuple[str, str]] | None = None

    @property
    def numbering(self) -> Sequence[tuple[str, str]]:
        """(subset, id) of the results 1, 2, ..."""
        if self.numbered is not None:
            return self.numbered
        return [(pair.subset, pair.id) for pair in self.pairs if pair.split == "test"]


def write_table(pairs: Iterable[ListedPair], path: Path, *, absolute: bool) -> None:
    """Write the table of pairs (TSV).

    Paths are relative to the table's folder, so that table and images can be moved together. They
    are absolute with `absolute`, if table and images have only the root folder in common, or if the
    path would lead up from a folder behind a link. Raises InputError for a path with characters
    that the table cannot have.
    """
    # abspath, not resolve(): a link stays the path that the user wrote
    base = Path(os.path.abspath(path.parent))

    def written(file: Path) -> str:
        whole = os.path.abspath(file)
        apart = os.path.commonpath([whole, base]) == base.anchor
        # `..` after a link leads to the folder of the link's target
        linked = os.path.realpath(base) != str(base) and not Path(whole).is_relative_to(base)
        return whole if absolute or apart or linked else os.path.relpath(whole, base)

    rows = [
        (pair.subset, pair.id, pair.split, written(pair.photo), written(pair.sketch))
        for pair in pairs
    ]
    if unwritable := [cell for row in rows for cell in row[3:] if UNWRITABLE.search(cell)]:
        fault = (
            f"{path}: cannot have {counted(len(unwritable), 'path')}, such as {unwritable[0]!r}; "
            "rename files with a tab, a line break, a space at an end or bytes that are not UTF-8"
        )
        raise InputError([fault])
    with write_atomically(path) as temporary:
        lines = ["\t".join(row) for row in (COLUMNS, *rows)]
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def images_in(folder: Path) -> list[Path]:
    """The image files directly in a folder, numbers in ascending order; none without the folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    images = [path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(images, key=lambda path: (*ascending(path.stem), path.name))


def images_by_name(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The images of a folder by their names without suffix, and a problem for each image whose name
    is taken."""
    images: dict[str, Path] = {}
    problems = []
    for path in images_in(folder):
        if path.stem in images:
            problems.append(f"{path}: {images[path.stem].name} has the same name; keep one of them")
        images.setdefault(path.stem, path)
    return images, problems


def unpaired(photos: Mapping[str, Path], sketches: Mapping[str, Path]) -> list[str]:
    """A problem for each photo without a sketch and each sketch without a photo, compared by name.
    `unusable_names` reports names that cannot be ids."""
    kinds = {"photo": photos, "sketch": sketches}
    return [
        f"{path}: {kind} without a {other}; add the {other} of {name} or remove the {kind}"
        for kind, other in (("photo", "sketch"), ("sketch", "photo"))
        for name, path in kinds[kind].items()
        if name not in kinds[other] and not name_problem("id", name)
    ]


def unusable_names(images: Iterable[Path]) -> list[str]:
    """The problems of images whose names, without suffix, cannot be ids."""
    return [
        f"{image}: the name of an image becomes an id, and {problem}; rename it"
        for image in images
        if (problem := name_problem("id", image.stem))
    ]


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def holds_images(folder: Path) -> bool:
    """Whether a folder, or a folder in it, has images."""
    return bool(images_in(folder)) or any(map(images_in, folders_in(folder)))


def left_aside(paths: Iterable[Path]) -> list[str]:
    """A note that names folders with images that are left out, if any."""
    names = [str(path) for path in paths]
    return [f"left aside: {listed(names)}"] if names else []


def ascending(name: str) -> tuple[int, str]:
    """A sort key: numbers by value, other names as text."""
    return (int(name), "") if name.isdecimal() else (0, name)


def plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub("[^a-z0-9]", "", name.lower())
