"""The pairs: the user's table, the checked manifest made from it, and reading the images.

The table (TSV) has a row per pair: subset, id, split, photo, sketch; paths are relative to the
table's folder, or absolute. `index_pairs` checks the table and every image, and the manifest adds
size and sha256. Whether images are read strictly, as people see them, or from the file of aligned
ones is a pair's own matter, `Pair.pictures`: whoever reads them calls `read_image`. Only the
standard library at import, because the Snakefile reads the table too.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from photosketch.configuration.settings import FRAMES, PERIODIC
from photosketch.data import as_seen, digests, images, row_keys, stacks
from photosketch.jobs.job import InputError, intact

if TYPE_CHECKING:
    import numpy as np

Modality = Literal["photo", "sketch"]
MODALITIES: tuple[Modality, ...] = ("photo", "sketch")
COLUMNS = ("subset", "id", "split", "photo", "sketch")
SPLITS = ("train", "test", "val")
TOLD_SINGLY = 3  # images that have a fault in common; of more their lines are told together
MIN_TEST_PAIRS = 2  # a covariance, and so a FID, needs two samples; in validation as well
# Subsets and ids become parts of file names and columns.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST_NAME = 128  # characters: file systems end at 255, and stages add to a name
# `all` is the pooled test set in the comparison, where a subset's name is a column beside the last
# three; `missing` names the template of missing landmarks.
RESERVED_SUBSETS = ("all", "missing", "ablation", "features", "note")
# Further columns of a subset there.
COLUMNS_OF_SUBSETS = ("{}_epoch_sd", "{}_seed_sd", "{}_last", "{}_chosen", "{}_other")


@dataclass(frozen=True)
class AsSeen:
    """Pictures of any make and size, as people see them. The pair's width and height are the
    photo's, these are the sketch's."""

    sketch_width: int
    sketch_height: int


@dataclass(frozen=True)
class Aligned:
    """Pictures from the file of aligned ones, an NPZ. The pair's hashes are of their pixels."""

    stack: str
    row: int


Pictures = AsSeen | Aligned | None  # None: the files, read strictly
Form = type[AsSeen] | type[Aligned] | None
FORMS: tuple[Form, ...] = (None, AsSeen, Aligned)


@dataclass(frozen=True)
class Pair:
    """A row of the manifest: one face, its two files (paths from the working directory)."""

    subset: str
    id: str
    split: str
    photo: str
    sketch: str
    width: int
    height: int
    photo_sha256: str
    sketch_sha256: str
    pictures: Pictures = None  # the fields of it are columns of the manifest

    def size(self, modality: Modality) -> tuple[int, int]:
        """Width and height of the photo or of the sketch."""
        if modality == "sketch" and isinstance(self.pictures, AsSeen):
            return self.pictures.sketch_width, self.pictures.sketch_height
        return self.width, self.height


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]


def read_table(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """The rows of the user's table, as text. Faulty rows are left to `index_pairs`, which reports
    them together with faulty images.

    Raises InputError if the file is missing, is no text, lacks or repeats columns, or has no rows.
    """
    rows, _ = _read_rows(Path(path))
    return [row.cells for row in rows]


def subsets(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The subsets in the order of first appearance, but for names that `index_pairs` refuses."""
    names = dict.fromkeys(row["subset"] for row in rows)
    return [name for name in names if not name_problem("subset", name)]


def image_files(table: str | os.PathLike[str], rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The image files that the rows name, as paths from the working directory.

    Only those that exist: `index_pairs` reports a missing one together with all other problems.
    """
    paths = (_locate(Path(table), row[modality]) for row in rows for modality in MODALITIES)
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)]


def index_pairs(table: str | os.PathLike[str], size: Sequence[int] | None) -> list[Pair]:
    """Check the table and every image; the pairs in the table's order.

    `size` is the (width, height) that every image must have; None takes images of any size and
    make, as people see them. Raises InputError with all problems: faulty rows and names, repeated
    ids, images that are missing, broken, of another size or mode, or named twice (by path or by
    content), and too few pairs to train on or to evaluate.
    """
    table = Path(table)
    rows, problems = _read_rows(table)
    if not problems and all(row.cells["split"] in SPLITS for row in rows):
        problems += _split_problems(table, rows)  # else the counts would mislead
    problems += _row_problems(table, rows)
    problems += [f"{table}: {clash}" for clash in clashes(subsets(row.cells for row in rows))]
    digests, sizes, image_problems = _check_images(table, rows, size)
    if problems or image_problems:
        raise InputError(problems + image_problems)
    return [
        Pair(
            subset=row.cells["subset"],
            id=row.cells["id"],
            split=row.cells["split"],
            photo=_locate(table, row.cells["photo"]),
            sketch=_locate(table, row.cells["sketch"]),
            width=sizes[row.line, "photo"][0],
            height=sizes[row.line, "photo"][1],
            photo_sha256=digests[row.line, "photo"],
            sketch_sha256=digests[row.line, "sketch"],
            pictures=None if size else AsSeen(*sizes[row.line, "sketch"]),
        )
        for row in rows
    ]


def _read_rows(table: Path) -> tuple[list[_Row], list[str]]:
    """The rows of a table and the problems of rows with too few or too many cells."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            [
                f"{table}: there is no such table of pairs; correct the path, or write the table "
                "(docs/other-datasets.md has the commands for CUFS, FS2K and others)"
            ]
        ) from None
    except OSError as error:
        raise InputError(
            [f"{table}: cannot be read ({error.strerror}); correct the path or its permissions"]
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            [f"{table}: cannot be read ({error}); save it as UTF-8 text with tabs"]
        ) from None
    lines = [[cell.strip() for cell in line.split("\t")] for line in text.splitlines()]
    header = lines[0] if lines else []
    _check_header(table, header)
    rows, problems = [], []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            problems.append(
                f"{table}, line {number}: {len(cells)} cells instead of {len(header)}; "
                "separate the cells by single tabs"
            )
            continue
        rows.append(_Row(number, dict(zip(header, cells, strict=True))))
    if not rows and not problems:
        raise InputError([f"{table}: has a header but no pairs; add a row for each pair"])
    return rows, problems


def _check_header(table: Path, header: Sequence[str]) -> None:
    if sorted(header) == sorted(COLUMNS):
        return
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    groups = {"missing": missing, "unknown": unknown, "repeated": repeated}
    faults = [f"{label} {', '.join(map(repr, names))}" for label, names in groups.items() if names]
    raise InputError(
        [
            f"{table}, line 1: columns {'; '.join(faults)}; the header must be "
            f"{', '.join(COLUMNS)}, separated by tabs"
        ]
    )


def _row_problems(table: Path, rows: Iterable[_Row]) -> list[str]:
    """Empty cells, names that cannot be used, unknown splits, repeated ids."""
    problems = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in rows:
        where = f"{table}, line {row.line}"
        subset, name, split = row.cells["subset"], row.cells["id"], row.cells["split"]
        empty = [column for column in COLUMNS if not row.cells[column]]
        if empty:
            problems.append(f"{where}: {', '.join(empty)} empty; fill in every cell")
        for modality in MODALITIES:
            if "\0" in row.cells[modality]:
                problems.append(
                    f"{where}: {modality} {row.cells[modality]!r} has a NUL character, which no "
                    "path can have; remove it"
                )
        for column, value in (("subset", subset), ("id", name)):
            problem = name_problem(column, value)
            if value and problem:
                problems.append(f"{where}: {problem}")
        if split and split not in SPLITS:
            problems.append(f"{where}: split {split!r} is unknown; use {', '.join(SPLITS)}")
        if subset and name:
            first = first_lines.setdefault((subset, name), row.line)
            if first != row.line:
                problems.append(
                    f"{where}: id {name!r} is already in line {first}; "
                    f"give each pair of {subset} an id of its own"
                )
    return problems


def name_problem(column: str, value: str) -> str | None:
    """What is wrong with the name of a subset or an id (`column`), with a remedy."""
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
    """Subsets whose name is a column of another in the comparison, such as AR and AR_last."""
    taken = {column.format(name): name for name in (*names, "all") for column in COLUMNS_OF_SUBSETS}
    return [
        f"subset {name!r} has the name of a column of subset {taken[name]!r} in the "
        "comparison; use another"
        for name in names
        if name in taken
    ]


def _split_problems(table: Path, rows: Iterable[_Row]) -> list[str]:
    """Too few pairs: training needs one, evaluation at least two of every subset."""
    counts = Counter((row.cells["subset"], row.cells["split"]) for row in rows)
    problems = []
    if not any(split == "train" for _, split in counts):
        problems.append(f"{table}: no pair has the split 'train'; mark some for training")
    for subset in subsets(row.cells for row in rows):
        number = counts[subset, "test"]
        if number < MIN_TEST_PAIRS:
            pairs = "pair" if number == 1 else "pairs"
            problems.append(
                f"{table}: subset {subset!r} has {number} test {pairs}, but its evaluation needs "
                f"{MIN_TEST_PAIRS} or more; mark more pairs 'test' or use another subset's name"
            )
        number = counts[subset, "val"]
        if 0 < number < MIN_TEST_PAIRS:
            problems.append(
                f"{table}: subset {subset!r} has {number} validation pair, but its evaluation "
                f"needs {MIN_TEST_PAIRS} or more; mark more pairs 'val', or none"
            )
    return problems


def _locate(table: Path, cell: str) -> str:
    """A path in the table as a path from the working directory, absolute if not below it."""
    # Not resolve(): a link stays the path that the user wrote.
    path = Path(os.path.abspath(table.parent / cell))
    working = Path.cwd()
    return str(path.relative_to(working) if path.is_relative_to(working) else path)


def _check_images(
    table: Path, rows: Iterable[_Row], expected: Sequence[int] | None
) -> tuple[dict[tuple[int, str], str], dict[tuple[int, str], images.Size], list[str]]:
    """The sha256 and size of every intact image by (line, modality), and the problems of the
    others."""
    digests: dict[tuple[int, str], str] = {}
    sizes: dict[tuple[int, str], images.Size] = {}
    problems: list[str] = []
    faulty: dict[tuple[str, str], list[tuple[int, str]]] = {}  # by modality and fault: where
    first_by_path: dict[Path, str] = {}
    first_by_content: dict[str, str] = {}
    for row, modality in product(rows, MODALITIES):
        cell = row.cells[modality]
        if not cell or "\0" in cell:
            continue  # reported with the row
        where = f"{table}, line {row.line}: {modality} {cell!r}"
        use = f"the {modality} of line {row.line} ({row.cells['subset']} {row.cells['id']})"
        path = Path(os.path.realpath(_locate(table, cell)))
        earlier = first_by_path.setdefault(path, use)
        if earlier != use:
            problems.append(f"{where} is also {earlier}; name each file once")
            continue
        digest, size, faults = _inspect(path, expected)
        for fault in faults:
            faulty.setdefault((modality, fault), []).append((row.line, where))
        if digest is None:
            continue
        earlier = first_by_content.setdefault(digest, use)
        if earlier != use:
            problems.append(f"{where} has the same content as {earlier}; replace one of them")
        digests[row.line, modality] = digest
        if size is not None:
            sizes[row.line, modality] = size
    for (kind, fault), places in faulty.items():
        if len(places) <= TOLD_SINGLY:
            problems += [f"{where} {fault}" for _, where in places]
        else:
            lines = _ranges([line for line, _ in places])
            problems.append(f"{table}, lines {lines}: each {kind} {fault}")
    return digests, sizes, problems


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as in `2-13, 15`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges)


def _inspect(
    path: Path, expected: Sequence[int] | None
) -> tuple[str | None, images.Size | None, list[str]]:
    """The sha256 of an image file (None if it can't be read at all), its size, its faults."""
    try:
        data = images.file_bytes(path)
    except images.FaultyError as error:
        return None, None, [error.fault]
    digest = hashlib.sha256(data).hexdigest()
    if expected is None:
        return digest, *as_seen.inspect(data)
    size, faults = images.inspect(data)
    if size not in (None, tuple(expected)):
        found, wanted = ("x".join(map(str, lengths)) for lengths in (size, expected))
        faults.insert(
            0,
            f"is {found} pixels instead of {wanted}; set dataset.align to each, which brings "
            f"faces to one place, or {_remedy(size)}",
        )
    return digest, size, faults


def _remedy(size: tuple[int, int]) -> str:
    """What to do with an image of another size than dataset.size."""
    usual, largest = FRAMES
    if max(size) > largest:
        return f"align, crop and shrink it: the networks' frames are {largest}x{largest} at most"
    if max(size) > usual:
        return (
            f"align and crop it, or set dataset.size to [{size[0]}, {size[1]}] and dataset.frame "
            f"to {largest}"
        )
    return "align and crop it, or change dataset.size"


def with_validation(pairs: Sequence[Pair], share: float) -> list[Pair]:
    """The pairs with a share (0 to 1) of each subset's training pairs marked `val`, in their order.

    Which ones depends on subset and id alone, so that it is the same on every machine. At least
    two of a subset, because FID needs two; raises InputError where nothing is left to train on.
    """
    validation: set[tuple[str, str]] = set()
    for subset in dict.fromkeys(pair.subset for pair in pairs):
        training = select(pairs, subset, "train")
        count = validation_count(len(training), share)
        if training and count >= len(training):
            raise InputError(
                [
                    f"dataset.validation: {share} of the {len(training)} training pairs of "
                    f"{subset} leaves none to train on ({count} go to validation); lower it"
                ]
            )
        training.sort(
            key=lambda pair: hashlib.sha256(f"val:{pair.subset}:{pair.id}".encode()).digest()
        )
        validation |= {(pair.subset, pair.id) for pair in training[:count]}
    return [
        replace(pair, split="val") if (pair.subset, pair.id) in validation else pair
        for pair in pairs
    ]


def validation_count(training: int, share: float) -> int:
    """How many of a subset's training pairs the share moves to validation: two at least."""
    return max(MIN_TEST_PAIRS, round(share * training))


def write_manifest(pairs: Iterable[Pair], path: str | os.PathLike[str]) -> None:
    """Write the manifest (TSV): a column for each field of `Pair`, and of its `pictures`."""
    pairs = list(pairs)
    header = _columns(type(pairs[0].pictures) if pairs and pairs[0].pictures else None)
    with digests.written(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        for pair in pairs:
            values = vars(pair) | (vars(pair.pictures) if pair.pictures else {})
            writer.writerow(values[name] for name in header)


def read_manifest(
    path: str | os.PathLike[str], table: str | os.PathLike[str] | None = None
) -> list[Pair]:
    """The pairs of a manifest, in its order.

    `table` is the user's table that it was made from. Raises InputError where the manifest is
    damaged, names a pair twice, or lists other pairs than the table.
    """
    stage = "index_pairs or align_faces"
    with digests.read(path, stage), open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t")
        header = next(rows)
        forms = [form for form in FORMS if header == _columns(form)]
        if not forms:
            raise InputError([f"{path}: is no manifest of pairs; delete it, it is written again"])
        pairs = [_pair(row, *forms) for row in rows]
    names = [(pair.subset, pair.id) for pair in pairs]
    if table is None:
        row_keys.require_once(path, stage, names)
    else:
        listed = [(row["subset"], row["id"]) for row in read_table(table)]
        row_keys.require(path, stage, names, listed, str(table))
    return pairs


def _columns(form: Form) -> list[str]:
    """The columns of a manifest of pairs with such pictures."""
    own = [field.name for field in fields(Pair) if field.name != "pictures"]
    return own + [field.name for field in fields(form)] if form else own


def _pair(cells: Sequence[str], form: Form) -> Pair:
    subset, name, split, photo, sketch, width, height, photo_sha256, sketch_sha256, *more = cells
    pictures: Pictures = None
    if form is AsSeen:
        pictures = AsSeen(*map(int, more))
    elif form is Aligned:
        stack, row = more
        pictures = Aligned(stack, int(row))
    elif more:
        raise ValueError(f"{len(cells)} cells in a row")
    hashes = photo_sha256, sketch_sha256
    return Pair(subset, name, split, photo, sketch, int(width), int(height), *hashes, pictures)


def select(
    pairs: Iterable[Pair], subset: str | None = None, split: str | None = None
) -> list[Pair]:
    """The pairs of a subset, of a split, or of both; None stands for any."""
    return [pair for pair in pairs if subset in (None, pair.subset) and split in (None, pair.split)]


def counts_in_words(pairs: Sequence[Pair]) -> str:
    """`CUHK 88 train, 100 test; AR ...`, and a digest of which pair is in which split."""
    counts = Counter((pair.subset, pair.split) for pair in pairs)
    parts = [
        f"{subset} "
        + ", ".join(
            f"{counts[subset, split]} {split}"
            for split in ("train", "val", "test")
            if counts[subset, split]
        )
        for subset in dict.fromkeys(pair.subset for pair in pairs)
    ]
    rows = "".join(f"{pair.subset}\t{pair.id}\t{pair.split}\n" for pair in pairs)
    return f"{'; '.join(parts)} (sha256 {hashlib.sha256(rows.encode()).hexdigest()[:12]})"


def read_image(pair: Pair, modality: Modality, *, colour: bool = False) -> "np.ndarray":
    """A photo [H, W, 3] uint8 RGB or a sketch [H, W] uint8 gray; with `colour` RGB either way.

    The one way to a pair's pictures, as they are in its files, as people see them, or aligned.
    Raises InputError if the file is gone or its pictures are not those that were indexed.
    """
    colour = colour or modality == "photo"
    if isinstance(pair.pictures, Aligned):
        return _aligned(pair, pair.pictures, modality, colour)
    path = Path(pair.photo if modality == "photo" else pair.sketch)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError([f"{path}: cannot be read ({error}); restore the file"]) from None
    if hashlib.sha256(data).hexdigest() != _indexed(pair, modality):
        raise InputError(
            [
                f"{path}: has changed since it was indexed ({modality} of {pair.subset} {pair.id});"
                " restore the file, or run again: that indexes it anew"
            ]
        )
    return (as_seen if pair.pictures else images).read(data, colour=colour)


def _aligned(pair: Pair, place: Aligned, modality: Modality, colour: bool) -> "np.ndarray":
    try:
        with intact(place.stack, "align_faces"):
            pixels = stacks.read(place.stack, modality, place.row)
    except FileNotFoundError:
        raise InputError([f"{place.stack}: is not there; align_faces writes it again"]) from None
    if hashlib.sha256(pixels.data).hexdigest() != _indexed(pair, modality):
        raise InputError(
            [
                f"{place.stack}: the {modality} of {pair.subset} {pair.id} is not what was aligned;"
                " delete the file: it is written again by align_faces"
            ]
        )
    return pixels if colour else images.luma(pixels)


def _indexed(pair: Pair, modality: Modality) -> str:
    return pair.photo_sha256 if modality == "photo" else pair.sketch_sha256
