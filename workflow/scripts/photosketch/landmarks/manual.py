"""The file of points placed by hand (config key `landmarks.manual`).

A CSV that people edit, so what spreadsheets write by habit is accepted where it can mean one thing
only: a byte order mark, CRLF, semicolons or tabs between the cells, decimal commas, empty lines,
trailing empty cells, and the header again where tables were joined.
"""

import csv
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from photosketch.data.pairs import MODALITIES, Pair
from photosketch.jobs.job import InputError, write_atomically
from photosketch.landmarks.table import COORDINATES, ImageKey, point_faults

MANUAL_COLUMNS = ("subset", "id", "modality", *COORDINATES)
CONFIG_KEY = "landmarks.manual"
NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?", re.ASCII)


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]
    problem: str = ""  # what keeps the cells from being told apart

    @property
    def image(self) -> ImageKey:
        return self.cells["subset"], self.cells["id"], self.cells["modality"]


def images_by_hand(manual: Path) -> set[ImageKey]:
    """The images that the manual file names, whatever it says of them.

    Raises InputError if the file can't be read as a table.
    """
    return {row.image for row in _read_rows(manual)}


def manual_rows(manual: Path) -> list[dict[str, str]]:
    """The rows of the manual file as text, columns as in MANUAL_COLUMNS, decimal points.

    Points are not checked: a row keeps what it says. Raises InputError if the file can't be read
    as a table, or if a row's cells can't be told apart.
    """
    rows = _read_rows(manual)
    if problems := [row.problem for row in rows if row.problem]:
        raise InputError(problems)
    return [
        {
            column: row.cells[column].replace(",", ".")
            if NUMBER.fullmatch(row.cells[column]) and column in COORDINATES
            else row.cells[column]
            for column in MANUAL_COLUMNS
        }
        for row in rows
    ]


def write_template(path: Path, images: Iterable[ImageKey]) -> list[str]:
    """Write a manual file without points for the images, keeping what is filled in already.

    A file there that can't be read stays as it is; the problems say why.
    """
    filled: dict[ImageKey, dict[str, str]] = {}
    if path.exists():
        try:
            rows = _read_rows(path)
        except InputError as error:
            return error.problems
        if problems := [row.problem for row in rows if row.problem]:
            return problems
        filled = {row.image: row.cells for row in rows}
    with write_atomically(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANUAL_COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for image in images:
            empty = dict(zip(MANUAL_COLUMNS, image, strict=False))
            writer.writerow(filled.get(image, empty))
    return []


def read_manual(
    path: Path, pairs: Iterable[Pair]
) -> tuple[dict[ImageKey, Mapping[str, object]], set[ImageKey], list[str]]:
    """The valid rows as rows of a landmark table, the images that any row names, the problems.

    Raises InputError if the file can't be read as a table at all.
    """
    rows = _read_rows(path)
    problems: list[str] = []
    sizes: dict[ImageKey, tuple[int, int]] = {
        (pair.subset, pair.id, modality): pair.size(modality)
        for pair in pairs
        for modality in MODALITIES
    }
    points: dict[ImageKey, Mapping[str, object]] = {}
    first_lines: dict[ImageKey, int] = {}
    for row in rows:
        where = f"{path}, line {row.line}"
        if row.image not in sizes:
            problems.append(f"{where}: {_unknown_image(row.image, list(sizes))}")
            continue
        if row.problem:
            problems.append(row.problem)
            continue
        first = first_lines.setdefault(row.image, row.line)
        if first != row.line:
            problems.append(
                f"{where}: the {_spoken(row.image)} is already in line {first}; "
                "remove one of the two rows"
            )
            continue
        values, faults = _coordinates(row, *sizes[row.image])
        problems += [f"{where} ({_spoken(row.image)}): {fault}" for fault in faults]
        if not faults:
            _, name, modality = row.image
            points[row.image] = {"id": name, "modality": modality, **values, "source": "manual"}
    return points, {row.image for row in rows}, problems


def _read_rows(path: Path) -> list[_Row]:
    """The rows of a manual file as text. Raises InputError if it can't be read as a table."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(
            [f"{path}: is not there; correct the path in {CONFIG_KEY}, or set it to null"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([f"{path}: cannot be read ({error}); save it as CSV in UTF-8"]) from None
    declared = bool(lines) and re.fullmatch("sep=.", lines[0])  # how some spreadsheets begin
    first = 1 if declared else 0
    header_line = lines[first] if len(lines) > first else ""
    delimiter = max(",;\t", key=header_line.count)
    parsed = csv.reader(lines[first:], delimiter=delimiter)
    header = _header(path, first + 1, next(parsed, []))
    rows = []
    for raw in parsed:
        cells = [cell.strip() for cell in raw]
        while cells and not cells[-1]:
            cells.pop()
        if not cells or [cell.lower() for cell in cells] == header:
            continue
        line = first + parsed.line_num
        problem = ""
        if len(cells) > len(header):
            problem = (
                f"{path}, line {line}: {len(cells)} cells instead of {len(header)}; write decimal "
                "points, or separate the cells by semicolons if you write decimal commas"
            )
        cells += [""] * (len(header) - len(cells))
        named = dict(zip(header, cells, strict=False))
        rows.append(_Row(line, {**named, "modality": named["modality"].lower()}, problem))
    return rows


def _header(path: Path, line: int, cells: Iterable[str]) -> list[str]:
    """The column names, in small letters and in any order, all there and no others."""
    header = [cell.strip().lower() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if sorted(header) == sorted(MANUAL_COLUMNS):
        return header
    missing = [name for name in MANUAL_COLUMNS if name not in header]
    unknown = [name for name in header if name not in MANUAL_COLUMNS]
    repeated = [name for name in MANUAL_COLUMNS if header.count(name) > 1]
    groups = {"missing": missing, "unknown": unknown, "repeated": repeated}
    faults = [f"{label} {', '.join(map(repr, names))}" for label, names in groups.items() if names]
    raise InputError(
        [
            f"{path}, line {line}: columns {'; '.join(faults)}; "
            f"the header must be {','.join(MANUAL_COLUMNS)}"
        ]
    )


def _spoken(image: ImageKey) -> str:
    subset, name, modality = image
    return f"{modality} of {subset} {name}"


def _unknown_image(image: ImageKey, known: list[ImageKey]) -> str:
    """What is wrong with an image's name, and what may be meant."""
    subset, name, modality = image
    if modality not in MODALITIES:
        return f"modality {modality!r} is unknown; use {' or '.join(MODALITIES)}"
    subsets = list(dict.fromkeys(image[0] for image in known))
    if subset not in subsets:
        return f"subset {subset!r} is unknown; use {', '.join(subsets)}"
    names = list(dict.fromkeys(image[1] for image in known if image[0] == subset))
    close = difflib.get_close_matches(name, names, cutoff=0.5) or names[:3]
    return (
        f"id {name!r} is not in subset {subset}; write it as in the table of pairs "
        f"({', '.join(close)}, ...) or remove the row"
    )


def _coordinates(row: _Row, width: int, height: int) -> tuple[dict[str, float], list[str]]:
    """The ten coordinates of a row, and what is wrong with them in an image of that size."""
    if not any(row.cells[column] for column in COORDINATES):
        return {}, ["no points; fill them in or remove the row"]
    texts = {column: row.cells[column] for column in COORDINATES}
    faults = [
        f"{column} {text!r} is no number; write pixels, like 75.3"
        for column, text in texts.items()
        if not NUMBER.fullmatch(text)
    ]
    values = {
        column: float(text.replace(",", "."))
        for column, text in texts.items()
        if NUMBER.fullmatch(text)
    }
    return values, faults + point_faults(values, width, height)
