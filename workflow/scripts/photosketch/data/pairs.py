"""The pairs: the user's table, the checked manifest made from it, and reading the images.

The table (TSV) has a row per pair: subset, id, split, photo, sketch. Paths are relative to the
table's folder, or absolute. The manifest adds sizes and hashes. Importing this module loads only
the standard library, because the Snakefile reads the table too.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from photosketch.configuration.settings import FRAMES, PERIODIC
from photosketch.data import images
from photosketch.data.storage import intact, read_picture, require_rows
from photosketch.jobs import disk
from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError, counted, listed

if TYPE_CHECKING:
    import numpy as np

Modality = Literal["photo", "sketch"]
MODALITIES: tuple[Modality, ...] = ("photo", "sketch")
COLUMNS = ("subset", "id", "split", "photo", "sketch")
SPLITS = ("train", "test", "val")
TOLD_SINGLY = 3  # images with the same fault; for more images one message lists the lines
MIN_TEST_PAIRS = 2  # a covariance, and so FID, needs two samples; for validation as well
# Subsets and ids become parts of file names and columns.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST_NAME = 128  # characters: file systems allow 255, and stages extend a name
# `all` is the pooled test set of the comparison. The comparison's table has a column for each
# subset beside the last three names. `missing` names the template of missing landmarks.
RESERVED_SUBSETS = ("all", "missing", "ablation", "features", "note")
# Further columns of a subset in the comparison.
COLUMNS_OF_SUBSETS = ("{}_epoch_sd", "{}_seed_sd", "{}_last", "{}_chosen", "{}_other")
AnyPath = str | os.PathLike[str]
_Rows = dict[int, dict[str, str]]  # of the user's table: cells by line and column
# by line and modality: sha256, size, thumbnail
_Images = dict[tuple[int, Modality], tuple[str, images.Size, "np.ndarray"]]
# Correlation of thumbnails. CUHK's images, re-encoded or halved, have at least 0.997 with their
# originals; images of two people have at most 0.973.
NEARLY_SAME = 0.99


@dataclass(frozen=True)
class Pair:
    """A row of the manifest: one face and its two files (paths from the working directory).

    Width and height are those of both images. If sketch_width and sketch_height are given, images
    have any size and faces may lie anywhere. If stack (an NPZ of aligned pictures) and row (the
    pair's row in the NPZ) are given, the pictures are there, and the hashes are of their pixels.
    """

    subset: str
    id: str
    split: str
    photo: str
    sketch: str
    width: int
    height: int
    photo_sha256: str
    sketch_sha256: str
    # a manifest has these columns only if its pairs have them
    sketch_width: int | None = None
    sketch_height: int | None = None
    stack: str | None = None
    row: int | None = None

    def size(self, modality: Modality) -> images.Size:
        """Width and height of the photo or of the sketch."""
        if modality == "sketch" and self.sketch_width and self.sketch_height:
            return self.sketch_width, self.sketch_height
        return self.width, self.height


_NUMBERS = {"width", "height", "sketch_width", "sketch_height", "row"}


def read_table(path: AnyPath) -> list[dict[str, str]]:
    """The rows of the user's table, as text. Raises InputError if the file is not a table of
    pairs; `index_pairs` reports faulty rows and images."""
    return list(_read_rows(Path(path))[0].values())


def subsets(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The subsets in the order of first appearance, without names that `index_pairs` refuses."""
    names = dict.fromkeys(row["subset"] for row in rows)
    return [name for name in names if not name_problem("subset", name)]


def image_files(table: AnyPath, rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The existing image files of the rows, as paths from the working directory."""
    paths = (_locate(Path(table), row[modality]) for row in rows for modality in MODALITIES)
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)]


def index_pairs(
    table: AnyPath, size: Sequence[int] | None, console: TextIO | None = None
) -> list[Pair]:
    """Check the table and every image, and return the pairs in the table's order. `size` is the
    (width, height) that every image must have, None for any size. Images of two splits that are
    nearly the same are listed in the log and counted on the console. Raises InputError with all
    problems."""
    table = Path(table)
    rows, problems = _read_rows(table)
    if not problems and all(cells["split"] in SPLITS for cells in rows.values()):
        problems += _split_problems(table, rows)  # with faulty rows the counts would be wrong
    problems += _row_problems(table, rows)
    problems += [f"{table}: {clash}" for clash in clashes(subsets(rows.values()))]
    checked, image_problems = _check_images(table, rows, size)
    if problems or image_problems:
        raise InputError(problems + image_problems)
    if alike := _nearly_same(rows, checked):
        line = (
            f"{table}: {counted(len(alike), 'image')} nearly the same in two splits: "
            f"{listed(alike, 5)}; if two images show one person, give both pairs the same split"
        )
        print(*alike, line, sep="\n")
        if console:
            print(line, file=console)
    pairs = []
    for number, cells in rows.items():
        names = cells["subset"], cells["id"], cells["split"]
        photo, sketch = (_locate(table, cells[modality]) for modality in MODALITIES)
        photo_sha256, photo_size, _ = checked[number, "photo"]
        sketch_sha256, sketch_size, _ = checked[number, "sketch"]
        own = () if size else sketch_size
        pairs.append(Pair(*names, photo, sketch, *photo_size, photo_sha256, sketch_sha256, *own))
    return pairs


def _read_rows(table: Path) -> tuple[_Rows, list[str]]:
    """The rows of a table and the problems of rows with too few or too many cells."""
    missing = (
        "there is no such table of pairs; correct the path, or write the table "
        "(docs/other-datasets.md has commands for CUFS, FS2K and others)"
    )
    text = disk.read_text(table, missing, "UTF-8 text with tabs")
    # no path can have a NUL
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    header, *lines = [[cell.strip() for cell in line.split("\t")] for line in text.split("\n")]
    if faults := header_faults(header, COLUMNS):
        wanted = f"the header must be {', '.join(COLUMNS)}, separated by tabs"
        raise InputError([f"{table}, line 1: {faults}; {wanted}"])
    rows: _Rows = {}
    problems = []
    for line, cells in enumerate(lines, start=2):
        if len(cells) == len(header) and any(cells):
            rows[line] = dict(zip(header, cells, strict=True))
        elif any(cells):
            problems.append(
                f"{table}, line {line}: {len(cells)} cells instead of {len(header)}; separate the "
                "cells by single tabs"
            )
    if not rows and not problems:
        raise InputError([f"{table}: has a header but no pairs; add a row for each pair"])
    return rows, problems


def header_faults(header: Sequence[str], columns: Sequence[str]) -> str:
    """The missing, unknown and repeated columns in the header of a person's table, in any order."""
    groups = {
        "missing": [name for name in columns if name not in header],
        "unknown": [name for name in header if name not in columns],
        "repeated": [name for name in columns if header.count(name) > 1],
    }
    faults = [f"{word} {', '.join(map(repr, names))}" for word, names in groups.items() if names]
    return f"columns {'; '.join(faults)}" if faults else ""


def _row_problems(table: Path, rows: _Rows) -> list[str]:
    """Empty cells, names that cannot be used, unknown splits, repeated ids."""
    problems = []
    first_lines: dict[tuple[str, str], int] = {}
    for line, cells in rows.items():
        subset, id, split = cells["subset"], cells["id"], cells["split"]
        faults = []
        if empty := [column for column in COLUMNS if not cells[column]]:
            faults.append(f"{', '.join(empty)} empty; fill in every cell")
        for column in ("subset", "id"):
            if cells[column] and (problem := name_problem(column, cells[column])):
                faults.append(problem)
        if split and split not in SPLITS:
            faults.append(f"split {split!r} is unknown; use {', '.join(SPLITS)}")
        first = first_lines.setdefault((subset, id), line)
        if subset and id and first != line:
            faults.append(
                f"id {id!r} is already in line {first}; give each pair of {subset} an id of its own"
            )
        problems += [f"{table}, line {line}: {fault}" for fault in faults]
    return problems


def name_problem(column: str, value: str) -> str | None:
    """The problem with the name of a subset or an id (`column`), if any, with a remedy."""
    if len(value) > LONGEST_NAME:
        return (
            f"{column} {value[:20]!r}... has {len(value)} characters; use at most {LONGEST_NAME}, "
            "because it becomes part of file names"
        )
    if not SAFE_NAME.fullmatch(value):
        return (
            f"{column} {value!r} cannot be part of a file name; use letters, digits, "
            "'_', '-' and '.', beginning with a letter or digit"
        )
    if column == "subset" and PERIODIC.search(value):
        return f"subset {value!r} ends in 20 repetitions, which Snakemake refuses; use another name"
    if column == "subset" and value in RESERVED_SUBSETS:
        return f"subset {value!r} is a reserved name; use another"
    return None


def clashes(names: Sequence[str]) -> list[str]:
    """Subsets whose name is a column of another subset in the comparison, such as AR_last of AR."""
    taken = {column.format(name): name for name in (*names, "all") for column in COLUMNS_OF_SUBSETS}
    return [
        f"subset {name!r} has the name of a column of subset {taken[name]!r} in the "
        "comparison; use another"
        for name in names
        if name in taken
    ]


def _split_problems(table: Path, rows: _Rows) -> list[str]:
    """Too few pairs: training needs one pair, evaluation at least two of every subset."""
    counts = Counter((cells["subset"], cells["split"]) for cells in rows.values())
    problems = []
    if not any(split == "train" for _, split in counts):
        problems.append(f"{table}: no pair has the split 'train'; mark some for training")
    needs = f"but its evaluation needs {MIN_TEST_PAIRS} or more; mark more pairs"
    for subset in subsets(rows.values()):
        has, number = f"{table}: subset {subset!r} has", counts[subset, "test"]
        if number < MIN_TEST_PAIRS:
            fault = f"{counted(number, 'test pair')}, {needs} 'test' or use another subset's name"
            problems.append(f"{has} {fault}")
        if counts[subset, "val"] == 1:
            problems.append(f"{has} 1 validation pair, {needs} 'val', or none")
    return problems


def _locate(table: Path, cell: str) -> str:
    """A path in the table as a path from the working directory, absolute if not below it."""
    # abspath, not resolve(): a link stays the path that the user wrote
    path = Path(os.path.abspath(table.parent / cell))
    working = Path.cwd()
    return str(path.relative_to(working) if path.is_relative_to(working) else path)


def _check_images(
    table: Path, rows: _Rows, expected: Sequence[int] | None
) -> tuple[_Images, list[str]]:
    """The sha256, size and thumbnail of every intact image, and the problems of the others."""
    checked: _Images = {}
    problems: list[str] = []
    faulty: dict[tuple[str, str], list[tuple[int, str]]] = {}  # places by modality and fault
    first: dict[str, str] = {}  # the first use of each path, and of each hash
    for (line, cells), modality in product(rows.items(), MODALITIES):
        cell = cells[modality]
        if not cell:
            continue  # reported with the row
        where = f"{table}, line {line}: {modality} {cell!r}"
        use = f"the {modality} of line {line} ({cells['subset']} {cells['id']})"
        path = os.path.realpath(_locate(table, cell))
        if (earlier := first.setdefault(path, use)) != use:
            problems.append(f"{where} is also {earlier}; name each file once")
            continue
        try:
            data = images.file_bytes(Path(path))
            digest = hashlib.sha256(data).hexdigest()
            if (earlier := first.setdefault(digest, use)) != use:
                problems.append(f"{where} has the same content as {earlier}; replace one of them")
            pixels = images.decode(data, colour=True)
            height, width, _ = pixels.shape
            if expected and (width, height) != tuple(expected):
                usual, largest = FRAMES
                raise images.FaultyError(
                    f"is {width}x{height} pixels instead of {expected[0]}x{expected[1]}; set "
                    "dataset.align to each, which moves faces to one place, or align and crop it, "
                    f"or change dataset.size, at most {usual}x{usual}, or {largest}x{largest} with "
                    f"dataset.frame {largest}"
                )
            checked[line, modality] = digest, (width, height), images.thumbnail(pixels)
        except images.FaultyError as error:
            faulty.setdefault((modality, str(error)), []).append((line, where))
    for (kind, fault), places in faulty.items():
        if len(places) <= TOLD_SINGLY:
            problems += [f"{where} {fault}" for _, where in places]
        else:
            lines = listed(str(line) for line, _ in places)
            problems.append(f"{table}, lines {lines}: each {kind} {fault}")
    return checked, problems


def _nearly_same(rows: _Rows, checked: _Images) -> list[str]:
    """Images of two splits that are nearly the same: one may be the other, saved again."""
    import numpy as np

    found = []
    for modality, splits in product(MODALITIES, combinations(SPLITS, 2)):
        groups = [[n for n, cells in rows.items() if cells["split"] == split] for split in splits]
        if not all(groups):
            continue
        first, second = (np.stack([checked[n, modality][2] for n in group]) for group in groups)
        for one, other in np.argwhere(first @ second.T > NEARLY_SAME):
            two = (rows[groups[0][one]], rows[groups[1][other]])
            people = [f"{cells['subset']} {cells['id']} ({cells['split']})" for cells in two]
            found.append(f"{modality} of {' and of '.join(people)}")
    return found


def with_validation(pairs: Sequence[Pair], share: float) -> list[Pair]:
    """The pairs in their order, with a share (0 to 1) of each subset's training pairs marked `val`,
    by a hash of subset and id. Raises InputError if no pair is left to train on."""
    validation: set[Pair] = set()
    for subset in dict.fromkeys(pair.subset for pair in pairs):
        training = select(pairs, subset, "train")
        count = validation_count(len(training), share)
        if training and count >= len(training):
            fault = (
                f"dataset.validation: {share} of the {len(training)} training pairs of {subset} "
                f"leaves none to train on ({count} go to validation); lower it"
            )
            raise InputError([fault])
        training.sort(key=lambda pair: hashlib.sha256(f"val:{subset}:{pair.id}".encode()).digest())
        validation.update(training[:count])
    return [replace(pair, split="val") if pair in validation else pair for pair in pairs]


def validation_count(training: int, share: float) -> int:
    """How many of a subset's training pairs become validation pairs: at least two, as FID needs."""
    return max(MIN_TEST_PAIRS, round(share * training))


def write_manifest(pairs: Iterable[Pair], path: AnyPath) -> None:
    """Write the manifest (TSV): a column for each field of `Pair` that the pairs have."""
    rows = [
        {name: value for name, value in vars(pair).items() if value is not None} for pair in pairs
    ]
    with write_atomically(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_manifest(path: AnyPath, table: AnyPath | None = None) -> list[Pair]:
    """The pairs of a manifest, in its order. Raises InputError if the manifest is damaged, names a
    pair twice, or lists other pairs than `table`, the user's table."""
    stage = "index_pairs or align_faces"
    pairs = []
    with intact(path, stage), open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if None in row.values():
                raise ValueError("a row has fewer cells than the header")
            cells: dict[str, Any] = {**row}
            cells |= {name: int(row[name]) for name in _NUMBERS & row.keys()}
            pairs.append(Pair(**cells))
        if not pairs:
            raise ValueError("it has no pairs")
    names = [(pair.subset, pair.id) for pair in pairs]
    listed = [(row["subset"], row["id"]) for row in read_table(table)] if table else None
    require_rows(path, stage, names, listed, str(table or ""))
    return pairs


def read_pairs(
    manifest: AnyPath,
    config: Mapping[str, Any],
    subset: str | None = None,
    split: str | None = None,
) -> list[Pair]:
    """The pairs of a manifest (`read_manifest`) of the run with this configuration (`select`)."""
    return select(read_manifest(manifest, config["dataset"]["pairs"]), subset, split)


def select(
    pairs: Iterable[Pair], subset: str | None = None, split: str | None = None
) -> list[Pair]:
    """The pairs of a subset and a split; None stands for any."""
    return [pair for pair in pairs if subset in (None, pair.subset) and split in (None, pair.split)]


def split_counts(pairs: Iterable[Any]) -> list[str]:
    """`CUHK: 88 train, 100 test`, a line for each subset of pairs, which have subset and split."""
    counts = Counter((pair.subset, pair.split) for pair in pairs)
    lines = []
    for subset in dict.fromkeys(subset for subset, _ in counts):
        own = [f"{counts[subset, split]} {split}" for split in SPLITS if counts[subset, split]]
        lines.append(f"{subset}: {', '.join(own)}")
    return lines


def counts_in_words(pairs: Sequence[Pair]) -> str:
    """`CUHK: 88 train, 100 test; AR: ...`, and a hash of the pairs and their splits."""
    counts = "; ".join(split_counts(pairs))
    rows = "".join(f"{pair.subset}\t{pair.id}\t{pair.split}\n" for pair in pairs)
    return f"{counts} (sha256 {hashlib.sha256(rows.encode()).hexdigest()[:12]})"


def read_image(pair: Pair, modality: Modality, *, colour: bool = False) -> "np.ndarray":
    """A photo [H, W, 3] uint8 RGB or a sketch [H, W] uint8 gray; with `colour` always RGB. Raises
    InputError if the file can't be read or has changed since it was indexed."""
    colour = colour or modality == "photo"
    indexed = pair.photo_sha256 if modality == "photo" else pair.sketch_sha256
    if pair.stack is not None and pair.row is not None:
        pixels = read_picture(pair.stack, "align_faces", modality, pair.row)
        if hashlib.sha256(pixels.data).hexdigest() != indexed:
            fault = f"the {modality} of {pair.subset} {pair.id} is not what was aligned"
            raise InputError([f"{pair.stack}: {fault}; delete it: align_faces writes it again"])
        return pixels if colour else images.gray(pixels)
    path = pair.photo if modality == "photo" else pair.sketch
    try:
        data = disk.read_file(path)
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); restore the file"
        raise InputError([f"{path}: {fault}"]) from None
    if hashlib.sha256(data).hexdigest() != indexed:
        fault = f"has changed since it was indexed ({modality} of {pair.subset} {pair.id})"
        raise InputError([f"{path}: {fault}; restore the file, or run again to index it again"])
    return images.decode(data, colour=colour)
