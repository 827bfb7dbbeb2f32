"""The table of pairs for a folder with CUFS, the CUHK Face Sketch Database (Wang & Tang 2009).

    export PYTHONPATH=workflow/scripts
    python -m photosketch.datasets cufs FOLDER --split rslcr --output FOLDER/pairs.tsv

The aligned 200x250 release is expected as

    FOLDER/CUHK/train/photos      f-005-01.jpg       FOLDER/CUHK/train/sketches  F2-005-01-sz1.jpg
    FOLDER/CUHK/test/photos       f-039-01.jpg       FOLDER/CUHK/test/sketches   f-039-01-sz1.jpg
    FOLDER/AR/photos              1.jpg to 123.jpg   FOLDER/AR/sketches          1.jpg to 123.jpg
    FOLDER/XM2VTS/photos          1.jpg to 295.jpg   FOLDER/XM2VTS/sketches      1.jpg to 295.jpg

or, as it circulates, each part as

    FOLDER/AR/{Training,Testing} {Photos,Sketches}
    FOLDER/AR/{Training,Testing}/{Photos,Sketches}

The sketches of CUHK may also have their photo's name, and its test sketches may be named 89.jpg to
188.jpg, in the order of the sorted photo names. Case doesn't matter, `photo` and `sketch` may be
singular, CUHK may be called CUHK_student or CUHK Students, parts may be missing, and FOLDER may be
a single part itself. A pair's split is looked up in resources/splits/cufs.tsv, which has the two
divisions that are in use (see resources/README.md). Published results are numbered over the test
pairs of all three parts, in ascending order: by the split rslcr CUHK 1 to 100, AR 101 to 143,
XM2VTS 144 to 338.
"""

import argparse
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photosketch.datasets.table import Found, ListedPair, ascending, folders_in, images_in, plain
from photosketch.jobs.job import InputError

SPLIT_TABLE = Path(__file__).resolve().parents[4] / "resources" / "splits" / "cufs.tsv"
SPLIT_NAMES = ("rslcr", "cagan")
SUBSETS = {
    "CUHK": ("cuhk", "cuhkstudent", "cuhkstudents"),
    "AR": ("ar",),
    "XM2VTS": ("xm2vts",),
}
HALVES = {"train": ("train", "training"), "test": ("test", "testing")}
KINDS = {"photos": ("photos", "photo"), "sketches": ("sketches", "sketch")}
PART_LIKE = re.compile("cuhk|student|xm2vts|^ar($|[0-9]|face|database)")  # of plain names
FIRST_TEST_SKETCH = 89  # numbered test sketches of CUHK follow the 88 of its training part


@dataclass(frozen=True)
class _Place:
    """A folder with the photos or sketches of a part, of one half (train, test) or of both."""

    half: str | None
    kind: str
    folder: Path


def find_pairs(folder: Path, split: str, split_table: Path = SPLIT_TABLE) -> Found:
    """All pairs of a CUFS folder, CUHK before AR before XM2VTS and training before test pairs.

    `split` is `rslcr` or `cagan`, a column of the split table. Raises InputError with all
    problems: unknown folders, folders that look like a part and are not taken, photos without a
    sketch, sketches without a photo, names that the table does not know or has in the other half.
    """
    splits = _read_splits(split_table, split)
    folders, problems = _find_subsets(folder)
    pairs: list[ListedPair] = []
    notes: list[str] = []
    for part, listed in splits.items():
        if part not in folders:
            notes.append(f"{part}: no such folder in {folder}, left out")
            continue
        photos, sketches, faults = _find_images(part, folders[part], listed, split)
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
            ListedPair(part, name, listed[name], photos[name], sketches[name])
            for name in complete
            if listed[name]
        ]
    if problems:
        raise InputError(problems)
    numbered = [
        (part, name)
        for part, listed in splits.items()
        for name, half in listed.items()
        if half == "test"
    ]
    return Found(pairs, notes, numbered=numbered)


def _read_splits(path: Path, split: str) -> dict[str, dict[str, str]]:
    """For each part the split of each id: training before test pairs, ids in ascending order.

    An id that the division leaves out has an empty split.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    column = f"split_{split}"
    rows.sort(key=lambda row: (row[column] != "train", *ascending(row["id"])))
    return {
        part: {row["id"]: row[column] for row in rows if row["subset"] == part} for part in SUBSETS
    }


def _find_subsets(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The folder of each part that is there, and what looks like one and isn't taken, in words."""
    if not folder.is_dir():
        raise InputError([f"{folder}: is not a folder; give the one that holds CUHK, AR, XM2VTS"])
    for part, names in SUBSETS.items():
        if plain(folder.resolve().name) in names and _places(folder)[0]:
            return {part: folder}, []
    parts: dict[str, Path] = {}
    others = []
    for path in folders_in(folder):
        called = [part for part, names in SUBSETS.items() if plain(path.name) in names]
        if called and called[0] not in parts:
            parts[called[0]] = path
        else:
            others.append(path)
    if parts:
        return parts, [
            f"{path}: looks like a part of CUFS and is not taken; parts are called CUHK (or CUHK "
            "student, CUHK students), AR and XM2VTS, each once: rename it, or move it away"
            for path in others
            if PART_LIKE.search(plain(path.name)) or _places(path)[0]
        ]
    if {place.half for place in _places(folder)[0]} >= set(HALVES):
        return {"CUHK": folder}, []
    below = [
        path
        for path in (*others, *(deeper for path in others for deeper in folders_in(path)))
        if any(plain(part.name) in names for part in folders_in(path) for names in SUBSETS.values())
    ]
    hint = f" ({below[0]} may be the one to give)" if below else ""
    raise InputError(
        [
            f"{folder}: holds neither CUHK, AR or XM2VTS nor the folders train and test of CUHK"
            f"{hint}; arrange the files as docs/other-datasets.md shows"
        ]
    )


def _places(folder: Path) -> tuple[list[_Place], list[Path]]:
    """Where a part keeps its photos and sketches, and its other folders that hold images."""
    places: list[_Place] = []
    others: list[Path] = []
    joined = {
        half_name + kind_name: (half, kind)
        for half, half_names in HALVES.items()
        for half_name in half_names
        for kind, kind_names in KINDS.items()
        for kind_name in kind_names
    }
    for path in folders_in(folder):
        name = plain(path.name)
        half = next((half for half, names in HALVES.items() if name in names), None)
        below = folders_in(path) if half else [path]
        if name in joined:
            places.append(_Place(*joined[name], path))
            continue
        for place in below:
            kind = next((kind for kind, names in KINDS.items() if plain(place.name) in names), None)
            if kind:
                places.append(_Place(half, kind, place))
            elif images_in(place):
                others.append(place)
        if half and images_in(path):
            others.append(path)
    return places, others


def _missing(part: str, folder: Path, places: Sequence[_Place]) -> Iterator[str]:
    """What a part lacks of photos and sketches, of both halves where it is in halves."""
    there = {(place.half, place.kind) for place in places}
    in_halves = any(half for half, _ in there) or (part == "CUHK" and not there)
    for half in HALVES if in_halves else (None,):
        for kind in KINDS:
            if (half, kind) not in there:
                place = folder / half / kind if half else folder / kind
                yield f"{place}: is not there; the {kind} of {part} belong in it"


def _find_images(
    part: str, folder: Path, listed: Mapping[str, str], split: str
) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """The photos and the sketches of a part by id, and the problems met."""
    images: dict[str, dict[str, Path]] = {"photos": {}, "sketches": {}}
    places, others = _places(folder)
    problems = [*_missing(part, folder, places)]
    problems += [
        f"{path}: holds images of {part} and is not taken; rename it to what it holds (train or "
        "test, photos or sketches), or move it away"
        for path in others
    ]
    for place in places:
        here = [name for name in listed if place.half in (None, listed[name]) or not listed[name]]
        names = _file_names(part, place, here, listed)
        elsewhere = _file_names(part, place, [name for name in listed if name not in here], listed)
        problems += _collect(part, place, names, elsewhere, split, images[place.kind])
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


def _file_names(
    part: str, place: _Place, ids: Iterable[str], listed: Mapping[str, str]
) -> dict[str, str]:
    """Those of `ids` by the (lower-case) file names, without suffix, that their images may have."""
    ids = list(ids)
    if part != "CUHK" or place.kind == "photos":
        return {name: name for name in ids}
    tested = [name for name, half in listed.items() if half == "test"]
    numbers = {name: str(number) for number, name in enumerate(tested, FIRST_TEST_SKETCH)}
    names = {name: name for name in ids}
    for name in ids:
        if listed[name] == "train":
            names[re.sub("^([fm])-", r"\g<1>2-", name) + "-sz1"] = name
        else:
            names[f"{name}-sz1"] = name
    return names | {numbers[name]: name for name in ids if name in numbers}


def _collect(
    part: str,
    place: _Place,
    names: Mapping[str, str],
    elsewhere: Mapping[str, str],
    split: str,
    by_id: dict[str, Path],
) -> list[str]:
    """Add the images of one place to `by_id`; the problems met.

    names, elsewhere: ids by file name, of the place's own half and of the other.
    """
    problems = []
    for path in images_in(place.folder):
        stem = path.stem.lower()
        name = names.get(stem)
        if name is None and stem in elsewhere:
            problems.append(
                f"{path}: is {part} {elsewhere[stem]}, which the split {split} has in the other "
                "half; move it there, or choose another --split"
            )
        elif name is None:
            problems.append(
                f"{path}: not known among the {place.kind} of {part} here, which are called "
                f"{', '.join(list(names)[:2])} and so on; rename or remove it"
            )
        elif name in by_id:
            problems.append(f"{path}: {by_id[name].name} is {part} {name} too; keep one of them")
        else:
            by_id[name] = path
    return problems


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
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
    parser.set_defaults(find=lambda options, _: find_pairs(options.folder, options.split))
    return parser
