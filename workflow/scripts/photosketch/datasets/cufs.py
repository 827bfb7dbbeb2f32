"""The table of pairs of CUFS, the CUHK Face Sketch Database (Wang & Tang 2009).

    photosketch datasets cufs FOLDER --split rslcr --output FOLDER/pairs.tsv

The aligned 200x250 release is expected as

    FOLDER/CUHK/train/photos      f-005-01.jpg       FOLDER/CUHK/train/sketches  F2-005-01-sz1.jpg
    FOLDER/CUHK/test/photos       f-039-01.jpg       FOLDER/CUHK/test/sketches   f-039-01-sz1.jpg
    FOLDER/AR/photos              1.jpg to 123.jpg   FOLDER/AR/sketches          1.jpg to 123.jpg
    FOLDER/XM2VTS/photos          1.jpg to 295.jpg   FOLDER/XM2VTS/sketches      1.jpg to 295.jpg

or, as some copies have it, each part as

    FOLDER/AR/{Training,Testing} {Photos,Sketches}
    FOLDER/AR/{Training,Testing}/{Photos,Sketches}

A sketch of CUHK may also have its photo's name. The test sketches of CUHK may be named 89.jpg to
188.jpg, in the order of the sorted photo names. Case doesn't matter, `photo` and `sketch` may be
singular, and CUHK may be called CUHK_student or CUHK Students. Parts may be missing, and FOLDER may
be a single part. Other folders, beside the parts or in a complete part, are left out. The split of
a pair comes from resources/splits/cufs.tsv, which has the two splits in use (see
resources/README.md). Published results are numbered over the test pairs of all three parts, in
ascending order: with the split rslcr CUHK 1 to 100, AR 101 to 143, XM2VTS 144 to 338. If the
authors' list of test pairs has another order, give the list by --results-order.
"""

import argparse
import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from photosketch.datasets import table
from photosketch.datasets.table import Found, ListedPair, ascending, folders_in
from photosketch.jobs.messages import InputError, listed
from photosketch.jobs.provenance import PROJECT

HELP = "CUFS, the CUHK Face Sketch Database"
SPLIT_TABLE = PROJECT / "resources/splits/cufs.tsv"
SPLIT_NAMES = ("rslcr", "cagan")
SUBSETS = {"cuhk": "CUHK", "cuhkstudent": "CUHK", "cuhkstudents": "CUHK"}  # by plain names
SUBSETS |= {"ar": "AR", "xm2vts": "XM2VTS"}
PLACE = re.compile("((?P<half>train|test)(ing)?)?(?P<kind>photo|sketch)(e?s)?")  # plain names
FIRST_TEST_SKETCH = 89  # numbered test sketches of CUHK follow the 88 training sketches
UNKNOWN = (
    "has images, but its name is not known; rename the folder by its content (CUHK, AR or XM2VTS; "
    "train or test, photos or sketches), or move it away"
)


# a folder with photos or sketches of a part: train, test or None for both; photos or sketches
_Place = tuple[str | None, str, Path]
_Ids = Mapping[str, str]  # the ids of a part, each with its half, train or test, or "" for neither


def find_pairs(folder: Path, split: str, order: Path | None = None) -> Found:
    """All pairs of a CUFS folder, CUHK before AR before XM2VTS and training before test pairs.
    `split` is `rslcr` or `cagan`, `order` a list of results (`_read_order`). Raises InputError with
    all problems, also unknown folders that may have missing images."""
    splits = _read_splits(split)
    parts, others = _find_parts(folder)
    pairs: list[ListedPair] = []
    notes: list[str] = []
    problems = [f"{path}: {UNKNOWN}" for path in others if len(parts) < 3 and _places(path)[0]]
    beside = table.with_images(others)
    for part, ids in splits.items():
        if part not in parts:
            notes.append(f"{part}: no such folder in {folder}; left out")
            continue
        places, unknown = _places(parts[part])
        photos, sketches, faults = _find_images(part, places, ids, split)
        incomplete = [*_missing(part, parts[part], places), *table.unpaired(photos, sketches)]
        problems += incomplete + faults
        absent = [id for id in ids if id not in photos and id not in sketches]
        if incomplete or absent:
            problems += [f"{path}: {UNKNOWN}" for path in unknown]
        beside += unknown
        if absent:
            missing = f"{len(absent)} of {len(ids)} pairs are missing: {listed(absent, 5)}"
            notes.append(f"{part}: {missing}")
        complete = [id for id in ids if id in photos and id in sketches]
        if unassigned := [id for id in complete if not ids[id]]:
            notes.append(f"{part}: the split {split} leaves out {listed(unassigned, 5)}")
        pairs += [
            ListedPair(part, id, ids[id], photos[id], sketches[id]) for id in complete if ids[id]
        ]
    numbered = [(part, id) for part, ids in splits.items() for id in ids if ids[id] == "test"]
    if order:
        numbered = _read_order(order, splits, problems)
    if problems:
        raise InputError(problems)
    return Found(pairs, [*notes, *table.left_aside(beside)], numbered=numbered)


def _read_splits(split: str) -> dict[str, dict[str, str]]:
    """The half of each id of each part: training before test pairs, ids in ascending order."""
    column = f"split_{split}"
    parts: dict[str, dict[str, str]] = {part: {} for part in SUBSETS.values()}
    with open(SPLIT_TABLE, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        for row in sorted(rows, key=lambda row: (row[column] != "train", *ascending(row["id"]))):
            parts[row["subset"]][row["id"]] = row[column]
    return parts


def _read_order(
    path: Path, splits: Mapping[str, _Ids], problems: list[str]
) -> list[tuple[str, str]]:
    """(part, id) of each line PART/.../NAME.jpg, which `||...` may follow."""
    lines = []
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        fault = f"cannot be read as text ({error}); give the list of the test pairs"
        problems.append(f"{path}: {fault}")
    ids = {part: _file_names(part, "sketches", own) for part, own in splits.items()}
    numbered: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        photo = Path(line.split("||")[0])
        part = SUBSETS.get(_plain(photo.parts[0]), "")
        id = ids.get(part, {}).get(photo.stem.lower())
        if not id or (part, id) in numbered:
            fault = "is listed twice" if id else "is not a PART/.../NAME.jpg of CUFS"
            problems.append(f"{path}, line {number}: {photo} {fault}; correct the line")
        else:
            numbered.append((part, id))
    return numbered


def _find_parts(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """The folder of each part that exists, and the other folders beside them."""
    if not folder.is_dir():
        raise InputError([f"{folder}: is not a folder; give the folder of CUHK, AR and XM2VTS"])
    halves = {half for half, _, _ in _places(folder)[0]}
    if halves and (part := SUBSETS.get(_plain(folder.resolve().name))):
        return {part: folder}, []
    parts: dict[str, Path] = {}
    others = []
    for path in folders_in(folder):
        part = SUBSETS.get(_plain(path.name))
        if part is None or parts.setdefault(part, path) != path:
            others.append(path)
    if parts:
        return parts, others
    if {"train", "test"} <= halves:
        return {"CUHK": folder}, []
    deeper = [*folder.glob("*/*/"), *folder.glob("*/*/*/")]
    parents = sorted(path.parent for path in deeper if _plain(path.name) in SUBSETS)
    hint = f" (do you mean {parents[0]}?)" if parents else ""
    fault = f"has neither CUHK, AR or XM2VTS nor the folders train and test of CUHK{hint}"
    raise InputError([f"{folder}: {fault}; arrange the files as docs/other-datasets.md shows"])


def _places(folder: Path) -> tuple[list[_Place], list[Path]]:
    """The folders of a part's photos and sketches, and its other folders with images."""
    places: list[_Place] = []
    others: list[Path] = []
    found = (*folder.glob("*"), *folder.glob("*/*"), *folder.glob("*/*/*"))
    for path in sorted(path for path in found if path.is_dir()):
        if match := PLACE.fullmatch(_plain(str(path.relative_to(folder)))):
            kind = "photos" if match["kind"] == "photo" else "sketches"
            places.append((match["half"], kind, path))
        elif table.images_in(path):
            others.append(path)
    return places, others


def _missing(part: str, folder: Path, places: Iterable[_Place]) -> list[str]:
    """The missing folders of a part, if it is in halves of both halves."""
    there = {(half, kind) for half, kind, _ in places}
    in_halves = any(half for half, _ in there) or (part == "CUHK" and not there)
    return [
        f"{folder / half / kind}: is not there; the {kind} of {part} belong in it"
        for half in (("train", "test") if in_halves else ("",))
        for kind in ("photos", "sketches")
        if (half or None, kind) not in there
    ]


def _find_images(
    part: str, places: Iterable[_Place], ids: _Ids, split: str
) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """The photos and the sketches of a part by id, and the problems of other files."""
    images: dict[str, dict[str, Path]] = {"photos": {}, "sketches": {}}
    problems = []
    for half, kind, folder in places:
        by_id, names = images[kind], _file_names(part, kind, ids)
        here = [name for name, id in names.items() if half in (None, ids[id])]
        for path in table.images_in(folder):
            id = names.get(path.stem.lower())
            if id is None:
                problems.append(
                    f"{path}: is not a name of the {kind} of {part} here (such as "
                    f"{', '.join(here[:2])}); rename or remove it"
                )
            elif half and ids[id] and half != ids[id]:
                problems.append(
                    f"{path}: is {part} {id}, which the split {split} has in the other half; move "
                    "it there, or choose another --split"
                )
            elif id in by_id:
                problems.append(f"{path}: {by_id[id].name} is also {part} {id}; keep one of them")
            else:
                by_id[id] = path
    return images["photos"], images["sketches"], problems


def _file_names(part: str, kind: str, ids: _Ids) -> dict[str, str]:
    """The ids by the (lower-case) names, without suffix, that files of a part may have."""
    names = {id: id for id in ids}
    if part == "CUHK" and kind == "sketches":
        tested = [id for id, half in ids.items() if half == "test"]
        names |= {re.sub("^([fm])-", r"\g<1>2-", id) + "-sz1": id for id in ids if id not in tested}
        names |= {f"{id}-sz1": id for id in tested}
        names |= {str(number): id for number, id in enumerate(tested, FIRST_TEST_SKETCH)}
    return names


def _plain(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub("[^a-z0-9]", "", name.lower())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the folder with CUFS, or with a part of CUFS")
    parser.add_argument(
        "--split", choices=SPLIT_NAMES, default="rslcr", help="which split (default: rslcr)"
    )
    parser.add_argument(
        "--results-order",
        type=Path,
        metavar="LIST",
        help="the authors' text file of test pairs, if --results are numbered in its order. Each "
        "line begins with PART/.../NAME.jpg",
    )
    parser.set_defaults(
        find=lambda options, _: find_pairs(options.folder, options.split, options.results_order)
    )
