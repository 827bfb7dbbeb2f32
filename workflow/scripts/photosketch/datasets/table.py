"""What every reader of a data set returns, and the files that are made of it: the table of pairs
(TSV), and the halves of pictures that show a photo and its sketch side by side."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from photosketch.data import images
from photosketch.data.pairs import COLUMNS, name_problem
from photosketch.jobs.job import InputError, counted, listed, write_atomically

UNWRITABLE = re.compile(r"[\t\r\n\ud800-\udfff]|^\s|\s$")  # in a cell of the table


class ListedPair(NamedTuple):
    """A photo and its sketch: a row of the table."""

    subset: str
    id: str
    split: str
    photo: Path
    sketch: Path


@dataclass(frozen=True)
class Found:
    """The result of a reader: pairs in the table's order, and notes on what was left out.

    pictures: the picture of each pair, if photo and sketch have to be cut out of one. numbered:
    (subset, id) of the published results 1, 2, ..., also of missing pairs; empty for the order of
    the table.
    """

    pairs: Sequence[ListedPair]
    notes: Sequence[str] = ()
    pictures: Sequence[Path] = ()
    numbered: Sequence[tuple[str, str]] = ()


def write_table(pairs: Iterable[ListedPair], path: Path, *, absolute: bool) -> None:
    """Write the table of pairs (TSV). Paths are relative to the table's folder, so that table and
    images can be moved together, but absolute with `absolute`, if only the root folder is common to
    both, or if the path would lead up from a folder behind a link. Raises InputError for a path
    with characters that the table cannot have."""
    # abspath, not resolve(): a link stays the path that the user wrote
    base = os.path.abspath(path.parent)

    def written(file: Path) -> str:
        whole = os.path.abspath(file)
        apart = os.path.commonpath([whole, base]) == os.path.sep
        # `..` after a link leads to the folder of the link's target
        linked = os.path.realpath(base) != base and not Path(whole).is_relative_to(base)
        return whole if absolute or apart or linked else os.path.relpath(whole, base)

    rows = [(*pair[:3], written(pair.photo), written(pair.sketch)) for pair in pairs]
    if unwritable := [cell for row in rows for cell in row[3:] if UNWRITABLE.search(cell)]:
        fault = (
            f"{path}: cannot have {counted(len(unwritable), 'path')}, such as {unwritable[0]!r}; "
            "rename files with a tab, a line break, a space at an end or bytes that are not UTF-8"
        )
        raise InputError([fault])
    with write_atomically(path) as temporary:
        lines = ["\t".join(row) for row in (COLUMNS, *rows)]
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def planned_halves(
    pictures: Iterable[Path], output: Path
) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """The halves of pictures by their names, `output`/halves/{photos,sketches}/NAME.png, and the
    problems of names that cannot be ids and of pictures that cannot be halved."""
    halves = {}
    problems = unusable_names(pictures := list(pictures))
    for picture in pictures:
        name = f"{picture.stem}.png"
        halves[picture.stem] = output / "halves/photos" / name, output / "halves/sketches" / name
        try:
            height, width = images.decode(images.file_bytes(picture), colour=False).shape
        except images.FaultyError as error:
            problems.append(f"{picture} {error}")
            continue
        if width % 2 or width <= height:
            problems.append(
                f"{picture} is {width}x{height} pixels, not a photo and a sketch of the same size "
                "side by side (an even width above the height); replace or remove it"
            )
    return halves, problems


def write_halves(found: Found) -> None:
    """Cut the pictures, if there are any, into the files of the pairs."""
    import numpy as np
    from PIL import Image

    for path, pair in zip(found.pictures, found.pairs, strict=False):
        picture = images.decode(images.file_bytes(path), colour=True)
        if (picture == picture[..., :1]).all():  # gray
            picture = picture[..., 0]
        for half, file in zip(np.split(picture, 2, axis=1), pair[3:], strict=True):
            with write_atomically(file) as temporary:
                Image.fromarray(half).save(temporary)


def images_in(folder: Path, suffixes: Sequence[str] = images.SUFFIXES) -> list[Path]:
    """The image files directly in a folder, numbers in ascending order; none without the folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in files if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(found, key=lambda path: (*ascending(path.stem), path.name))


def images_by_name(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The images of a folder by their names without suffix, and a problem for each image whose name
    is taken."""
    found: dict[str, Path] = {}
    problems = []
    for path in images_in(folder):
        if (first := found.setdefault(path.stem, path)) != path:
            problems.append(f"{path}: {first.name} has the same name; keep one of them")
    return found, problems


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


def unusable_names(pictures: Iterable[Path]) -> list[str]:
    """The problems of images whose names, without suffix, cannot be ids."""
    return [
        f"{picture}: the name of an image becomes an id, and {problem}; rename it"
        for picture in pictures
        if (problem := name_problem("id", picture.stem))
    ]


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def with_images(folders: Iterable[Path], *own: Path) -> list[Path]:
    """The folders that have images, directly or one folder below, without the folders `own`."""
    known = [path.resolve() for path in own]
    return [
        folder
        for folder in folders
        if folder.resolve() not in known and any(map(images_in, [folder, *folders_in(folder)]))
    ]


def left_aside(folders: Iterable[Path]) -> list[str]:
    """A note that names folders with images that are left out, if any."""
    names = [str(folder) for folder in folders]
    return [f"left aside: {listed(names)}"] if names else []


def ascending(name: str) -> tuple[int, str]:
    """A sort key: numbers by value, other names as text."""
    return (int(name), "") if name.isdecimal() else (0, name)
