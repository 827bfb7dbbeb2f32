"""The file of points placed by hand (config key `landmarks.manual`).

People edit this CSV, so the variants that spreadsheets write are accepted: a byte order mark, a
first line `sep=;`, CRLF, semicolons or tabs between the cells, decimal commas, empty lines,
trailing empty cells, and repeated headers of joined tables.
"""

import csv
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from photosketch.data.pairs import MODALITIES, Pair, header_faults
from photosketch.data.storage import write_table
from photosketch.jobs.disk import read_text
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import COORDINATES, ImageKey, point_faults

KEYS = ("subset", "id", "modality")
MANUAL_COLUMNS = (*KEYS, *COORDINATES)
CONFIG_KEY = "landmarks.manual"


def images_by_hand(manual: Path) -> set[ImageKey]:
    """The images of all rows, valid or not. Raises InputError if the file is no such table."""
    return {_image(row) for row in _read_rows(manual)[0].values()}


def manual_rows(manual: Path) -> list[dict[str, str]]:
    """The rows as text, with the columns MANUAL_COLUMNS and decimal points; they are not checked.
    Raises InputError if the file is no such table, or if a row has too many cells."""
    rows, problems = _read_rows(manual)
    if problems:
        raise InputError(problems.values())
    return list(rows.values())


def write_template(path: Path, images: Iterable[ImageKey]) -> list[str]:
    """Write a manual file with a row for each image and no points, but keep existing rows. An
    existing file that can't be read stays as it is; its problems are returned."""
    try:
        filled = {_image(row): row for row in manual_rows(path)} if path.exists() else {}
    except InputError as error:
        return error.problems
    rows = [filled.get(image, dict(zip(KEYS, image, strict=True))) for image in images]
    write_table(pd.DataFrame(rows, columns=list(MANUAL_COLUMNS)), path)
    return []


def read_manual(
    path: Path, pairs: Iterable[Pair]
) -> tuple[dict[ImageKey, Mapping[str, object]], set[ImageKey], list[str]]:
    """The valid rows as rows of a landmark table, the images of all rows, and the problems. Raises
    InputError if the file is no such table."""
    rows, too_long = _read_rows(path)
    sizes = {(pair.subset, pair.id, each): pair.size(each) for pair in pairs for each in MODALITIES}
    points: dict[ImageKey, Mapping[str, object]] = {}
    problems: list[str] = []
    lines: dict[ImageKey, int] = {}
    for line, row in rows.items():
        image = subset, name, modality = _image(row)
        where, spoken = f"{path}, line {line}", f"{modality} of {subset} {name}"
        if image not in sizes:
            known = ["/".join(each) for each in sizes]
            close = difflib.get_close_matches("/".join(image), known, cutoff=0.5) or known[:3]
            problems.append(
                f"{where}: {'/'.join(image)} (subset/id/modality) is not an image of the table of "
                f"pairs ({', '.join(close)}, ...); write it as there, or remove the row"
            )
        elif line in too_long:
            problems.append(too_long[line])
        elif lines.setdefault(image, line) != line:
            fault = f"the {spoken} is already in line {lines[image]}; remove one of the two rows"
            problems.append(f"{where}: {fault}")
        elif not any(row[column] for column in COORDINATES):
            problems.append(f"{where} ({spoken}): no points; fill them in or remove the row")
        else:
            texts = pd.Series(row)[list(COORDINATES)]
            values = pd.to_numeric(texts, errors="coerce").dropna().to_dict()
            faults = [
                f"{column} {text!r} is not a number; write pixels, such as 75.3"
                for column, text in texts.items()
                if column not in values
            ] + point_faults(values, *sizes[image])
            problems += [f"{where} ({spoken}): {fault}" for fault in faults]
            if not faults:
                points[image] = {"id": name, "modality": modality, **values, "source": "manual"}
    return points, {_image(row) for row in rows.values()}, problems


def _image(row: Mapping[str, str]) -> ImageKey:
    return row["subset"], row["id"], row["modality"]


def _read_rows(path: Path) -> tuple[dict[int, dict[str, str]], dict[int, str]]:
    """The rows as text, and the problems of rows with too many cells, both by line."""
    missing = f"is not there; correct the path in {CONFIG_KEY}, or set it to null"
    lines = [*read_text(path, missing, "CSV in UTF-8").splitlines(), ""]
    begin = 1 if lines[0].startswith("sep=") else 0  # as some spreadsheets begin
    separator = next((each for each in ";\t" if each in lines[begin]), ",")
    header: list[str] = []
    rows: dict[int, dict[str, str]] = {}
    problems: dict[int, str] = {}
    for line, cells in enumerate(csv.reader(lines[begin:], delimiter=separator), begin + 1):
        cells = [cell.strip() for cell in cells]
        while cells and not cells[-1]:
            cells.pop()
        if line == begin + 1:
            header = [cell.lower() for cell in cells]
            if faults := header_faults(header, MANUAL_COLUMNS):
                wanted = f"the header must be {','.join(MANUAL_COLUMNS)}"
                raise InputError([f"{path}, line {line}: {faults}; {wanted}"])
        elif cells and [cell.lower() for cell in cells] != header:
            if len(cells) > len(header):
                problems[line] = (
                    f"{path}, line {line}: {len(cells)} cells instead of {len(header)}; write "
                    "decimal points, or separate the cells by semicolons if you write decimal "
                    "commas"
                )
            row = dict.fromkeys(MANUAL_COLUMNS, "") | dict(zip(header, cells, strict=False))
            row["modality"] = row["modality"].lower()
            rows[line] = row | {name: row[name].replace(",", ".") for name in COORDINATES}
    return rows, problems
