"""The table of pairs for a folder with CUFS, the CUHK Face Sketch Database (Wang & Tang 2009).

    export PYTHONPATH=workflow/scripts
    python -m photosketch.datasets cufs FOLDER --split rslcr --output FOLDER/pairs.tsv

The aligned 200x250 release is expected as

    FOLDER/CUHK/train/photos      f-005-01.jpg       FOLDER/CUHK/train/sketches  F2-005-01-sz1.jpg
    FOLDER/CUHK/test/photos       f-039-01.jpg       FOLDER/CUHK/test/sketches   f-039-01-sz1.jpg
    FOLDER/AR/photos              1.jpg to 123.jpg   FOLDER/AR/sketches          1.jpg to 123.jpg
    FOLDER/XM2VTS/photos          1.jpg to 295.jpg   FOLDER/XM2VTS/sketches      1.jpg to 295.jpg

The test sketches of CUHK may also be named 89.jpg to 188.jpg, in the order of the sorted photo
names. Case doesn't matter, `photo` and `sketch` may be singular, CUHK may be called CUHK_student,
parts may be missing, and FOLDER may be a single part itself. A pair's split is looked up in
resources/splits/cufs.tsv, which has the two divisions that are in use (see resources/README.md).
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from photosketch.pairs import COLUMNS
from photosketch.runtime import InputError, write_atomically

SPLIT_TABLE = Path(__file__).resolve().parents[4] / "resources" / "splits" / "cufs.tsv"
SPLIT_NAMES = ("rslcr", "cagan")
SUBSETS = {"CUHK": ("cuhk", "cuhkstudent"), "AR": ("ar",), "XM2VTS": ("xm2vts",)}
KINDS = {"photos": ("photos", "photo"), "sketches": ("sketches", "sketch")}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
FIRST_TEST_SKETCH = 89  # numbered test sketches of CUHK follow the 88 of its training part


@dataclass(frozen=True)
class CufsPair:
    """A photo and its sketch, with the split that the chosen division gives them."""

    subset: str
    id: str
    split: str
    photo: Path
    sketch: Path


def find_pairs(
    folder: Path, split: str, split_table: Path = SPLIT_TABLE
) -> tuple[list[CufsPair], list[str]]:
    """All pairs of a CUFS folder, CUHK before AR before XM2VTS and training before test pairs;
    and what was left out, in words.

    `split` is `rslcr` or `cagan`, a column of the split table. Raises InputError with all
    problems: unknown folders, photos without a sketch, sketches without a photo, names that the
    table does not know.
    """
    splits = _read_splits(split_table, split)
    folders = _find_subsets(folder)
    pairs: list[CufsPair] = []
    notes: list[str] = []
    problems: list[str] = []
    for part, listed in splits.items():
        if part not in folders:
            notes.append(f"{part}: no such folder in {folder}, left out")
            continue
        photos, sketches, faults = _find_images(part, folders[part], listed)
        problems += faults
        absent = [name for name in listed if name not in photos and name not in sketches]
        if absent:
            notes.append(
                f"{part}: {len(absent)} of {len(listed)} pairs are not there: {', '.join(absent)}"
            )
        complete = [name for name in listed if name in photos and name in sketches]
        unassigned = [name for name in complete if not listed[name]]
        if unassigned:
            notes.append(f"{part}: the split {split} leaves out {', '.join(unassigned)}")
        pairs += [
            CufsPair(part, name, listed[name], photos[name], sketches[name])
            for name in complete
            if listed[name]
        ]
    if problems:
        raise InputError(problems)
    return pairs, notes


def write_table(pairs: Iterable[CufsPair], path: Path) -> None:
    """Write the table of pairs (TSV). Paths are relative to its folder where they lie below it,
    so that table and images can be moved together, and absolute elsewhere."""
    base = path.resolve().parent

    def written(file: Path) -> str:
        file = file.resolve()
        return str(file.relative_to(base) if file.is_relative_to(base) else file)

    with write_atomically(path) as temporary, open(temporary, "w", encoding="utf-8") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in pairs:
            files = written(pair.photo), written(pair.sketch)
            writer.writerow((pair.subset, pair.id, pair.split, *files))


def _read_splits(path: Path, split: str) -> dict[str, dict[str, str]]:
    """For each part the split of each id: training before test pairs, ids in ascending order.

    An id that the division leaves out has an empty split.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    column = f"split_{split}"
    rows.sort(key=lambda row: (row[column] != "train", *_ascending(row["id"])))
    return {
        part: {row["id"]: row[column] for row in rows if row["subset"] == part} for part in SUBSETS
    }


def _ascending(name: str) -> tuple[int, str]:
    """A sort key: numbers by value, other names as text."""
    return (int(name), "") if name.isdecimal() else (0, name)


def _find_subsets(folder: Path) -> dict[str, Path]:
    """The folder of each part that is there."""
    if not folder.is_dir():
        raise InputError([f"{folder}: is not a folder; give the one that holds CUHK, AR, XM2VTS"])
    folders = {part: _subfolder(folder, names) for part, names in SUBSETS.items()}
    parts = {part: path for part, path in folders.items() if path}
    if parts:
        return parts
    if _subfolder(folder, ("train",)) and _subfolder(folder, ("test",)):
        return {"CUHK": folder}
    for part in ("AR", "XM2VTS"):
        if _plain(folder.resolve().name) in SUBSETS[part]:
            return {part: folder}
    raise InputError(
        [
            f"{folder}: holds neither CUHK, AR or XM2VTS nor the folders train and test of CUHK; "
            "arrange the files as `python -m photosketch.datasets cufs --help` shows"
        ]
    )


def _halves(part: str, folder: Path) -> list[tuple[str | None, Path]]:
    """Where a part keeps its photos and sketches: CUHK in `train` and `test`, others at once."""
    if part != "CUHK":
        return [(None, folder)]
    return [(half, _subfolder(folder, (half,)) or folder / half) for half in ("train", "test")]


def _find_images(
    part: str, folder: Path, listed: Mapping[str, str]
) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """The photos and the sketches of a part by id, and the problems met."""
    images: dict[str, dict[str, Path]] = {"photos": {}, "sketches": {}}
    problems = []
    for half, place in _halves(part, folder):
        expected = [name for name in listed if half in (None, listed[name])]
        for kind, by_id in images.items():
            names = _file_names(part, kind, half, expected)
            problems += _collect(part, place, kind, names, by_id)
    photos, sketches = images["photos"], images["sketches"]
    problems += [
        f"{path}: photo without a sketch; add the sketch of {part} {name} or remove the photo"
        for name, path in photos.items()
        if name not in sketches
    ]
    problems += [
        f"{path}: sketch without a photo; add the photo of {part} {name} or remove the sketch"
        for name, path in sketches.items()
        if name not in photos
    ]
    return photos, sketches, problems


def _file_names(part: str, kind: str, half: str | None, expected: Iterable[str]) -> dict[str, str]:
    """The ids by the (lower-case) file names, without suffix, that their images may have.

    `expected` are the ids in ascending order.
    """
    if part != "CUHK" or kind == "photos":
        return {name: name for name in expected}
    if half == "train":
        return {re.sub("^([fm])-", r"\g<1>2-", name) + "-sz1": name for name in expected}
    numbered = {str(number): name for number, name in enumerate(expected, FIRST_TEST_SKETCH)}
    return {f"{name}-sz1": name for name in expected} | numbered


def _collect(
    part: str, folder: Path, kind: str, names: Mapping[str, str], by_id: dict[str, Path]
) -> list[str]:
    """Add the images of one kind to `by_id`; the problems met."""
    place = _subfolder(folder, KINDS[kind])
    if place is None:
        return [f"{folder / kind}: is not there; the {kind} of {part} belong in it"]
    problems = []
    for path in sorted(place.iterdir(), key=lambda path: _ascending(path.stem)):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        name = names.get(path.stem.lower())
        if name is None:
            problems.append(
                f"{path}: not known among the {kind} of {part} here, which are called "
                f"{', '.join(list(names)[:2])} and so on; rename or remove it"
            )
        elif name in by_id:
            problems.append(f"{path}: {by_id[name].name} is {part} {name} too; keep one of them")
        else:
            by_id[name] = path
    return problems


def _subfolder(folder: Path, names: Iterable[str]) -> Path | None:
    """The folder directly below that has one of the names, whatever its case and punctuation."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and _plain(path.name) in names:
            return path
    return None


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `cufs` to the commands of `python -m photosketch.datasets`."""
    parser = commands.add_parser(
        "cufs",
        help="CUFS, the CUHK Face Sketch Database",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder with CUFS, or one part of it")
    parser.add_argument(
        "--split", choices=SPLIT_NAMES, default="rslcr", help="which division (default: rslcr)"
    )
    parser.add_argument("--output", type=Path, required=True, help="the TSV to write")
    parser.set_defaults(write=_write)


def _write(options: argparse.Namespace) -> int:
    """Write the table, and say what is in it; the exit code."""
    try:
        pairs, notes = find_pairs(options.folder, options.split)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    write_table(pairs, options.output)
    for note in notes:
        print(note, file=sys.stderr)
    for part in dict.fromkeys(pair.subset for pair in pairs):
        splits = [pair.split for pair in pairs if pair.subset == part]
        print(f"{part}: {splits.count('train')} training and {splits.count('test')} test pairs")
    return 0
