"""What every reader of a data set returns, and the files that are made of it: the table of pairs
(TSV), the halves of pictures that show a photo and its sketch side by side, and copies of published
results for `methods`.

Functions with an argument `problems` append what they find to this list.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from photosketch.data import images
from photosketch.data.pairs import COLUMNS, name_problem
from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError, counted, listed

UNWRITABLE = re.compile(r"[\t\r\n\ud800-\udfff]|^\s|\s$")  # in a cell of the table
PIX2PIX_SUFFIX = "_fake_B"  # pix2pix and FSGAN, for example, add this to a photo's name
Copy = tuple[Path, Path]  # source, target


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
    pictures: Iterable[Path], output: Path, problems: list[str]
) -> dict[str, tuple[Path, Path]]:
    """The halves of pictures by their names, `output`/halves/{photos,sketches}/NAME.png. Names that
    cannot be ids and pictures that cannot be halved are problems."""
    pictures = list(pictures)
    problems += unusable_names(pictures)
    for picture in pictures:
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
    photos, sketches = output / "halves/photos", output / "halves/sketches"
    names = [picture.stem for picture in pictures]
    return {name: (photos / f"{name}.png", sketches / f"{name}.png") for name in names}


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


def planned_copies(
    folder: Path,
    numbering: Sequence[tuple[str, str]],
    wanted: Collection[tuple[str, str]],
    target: Path,
    problems: list[str],
) -> list[Copy]:
    """The copies of a folder's results to `target`/{subset}/{id}.

    `numbering` has (subset, id) of the results 1, 2, ...; `wanted` has (subset, id) of the existing
    test pairs. A file may also be named by the id, if the id is unique and not a number. Other
    images in `target` are a problem, because `methods` would take them for results as well.
    """
    if unnumbered := sorted(set(wanted) - set(numbering)):
        problems.append(
            f"{folder}: no result belongs to the test pairs "
            f"{listed(map(' '.join, unnumbered))}; give the --split that the results were made with"
        )
    ids = [id for _, id in numbering]
    by_id = {id: number for number, id in enumerate(ids, start=1) if ids.count(id) == 1}
    numbers: dict[str, list[int]] = {}
    for number, (subset, _) in enumerate(numbering, start=1):
        numbers.setdefault(subset, []).append(number)
    ranges = ", ".join(f"{subset} {own[0]} to {own[-1]}" for subset, own in numbers.items())
    found: dict[int, Path] = {}
    for path in images_in(folder, images.SKETCH_SUFFIXES):
        name = path.stem.removesuffix(PIX2PIX_SUFFIX)
        number = int(name) if name.isdecimal() else by_id.get(name, 0)
        if not 1 <= number <= len(numbering):
            problems.append(
                f"{path}: its name is neither a number from 1 to {len(numbering)} ({ranges}) nor "
                "an id of a test pair; rename or remove it"
            )
        elif (first := found.setdefault(number, path)) != path:
            problems.append(f"{path}: {first.name} is also result {number}; keep one")
    if not found:
        problems.append(f"{folder}: is not a folder with results; correct the path")
        return []
    places = [(number, *pair) for number, pair in enumerate(numbering, start=1) if pair in wanted]
    if missing := [f"{n} ({subset} {id})" for n, subset, id in places if n not in found]:
        problems.append(
            f"{folder}: lacks the results {listed(missing)}; add them as "
            f"{', '.join(images.SKETCH_SUFFIXES)}. The numbers of all test pairs are {ranges}"
        )
    copies = [
        (found[n], target / subset / f"{id}{found[n].suffix.lower()}")
        for n, subset, id in places
        if n in found
    ]
    targets = {to for _, to in copies}
    there = sorted(path for path in target.rglob("*") if path not in targets)
    if others := [str(path) for path in there if path.suffix.lower() in images.SKETCH_SUFFIXES]:
        problems.append(
            f"{target}: has images that are not among these results, {listed(others)}; move them "
            "away, or give another --output"
        )
    return copies


def write_copies(copies: Iterable[Copy]) -> None:
    """Make the copies."""
    for source, target in copies:
        with write_atomically(target) as temporary:
            shutil.copyfile(source, temporary)


def images_in(folder: Path, suffixes: Sequence[str] = images.SUFFIXES) -> list[Path]:
    """The image files directly in a folder, numbers in ascending order; none without the folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in files if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(found, key=lambda path: (*ascending(path.stem), path.name))


def images_by_name(folder: Path, problems: list[str]) -> dict[str, Path]:
    """The images of a folder by their names without suffix, of which each may occur once."""
    found: dict[str, Path] = {}
    for path in images_in(folder):
        if (first := found.setdefault(path.stem, path)) != path:
            problems.append(f"{path}: {first.name} has the same name; keep one of them")
    return found


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
