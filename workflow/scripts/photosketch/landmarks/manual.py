"""The file of points placed by hand (config key `landmarks.manual`).

People edit this CSV, so the variants that spreadsheets write are accepted: a byte order mark, a
first line `sep=;`, CRLF, semicolons or tabs between the cells, decimal commas, empty lines,
trailing empty cells, and repeated headers of joined tables.
"""

import csv
import difflib
import io
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from photosketch.data.pairs import MODALITIES, Pair, header_faults
from photosketch.jobs.job import InputError, read_text, write_atomically
from photosketch.landmarks.table import COORDINATES, ImageKey, point_faults

KEYS = ("subset", "id", "modality")
MANUAL_COLUMNS = (*KEYS, *COORDINATES)
CONFIG_KEY = "landmarks.manual"
MOST_CELLS = 2 * len(MANUAL_COLUMNS)  # cells read of a row; unquoted decimal commas make too many


def images_by_hand(manual: Path) -> set[ImageKey]:
    """The images of all rows of the manual file, valid or not.

    Raises InputError if the file can't be read as a table.
    """
    rows, _ = _read_rows(manual)
    return set(rows[list(KEYS)].itertuples(index=False, name=None))


def manual_rows(manual: Path) -> list[dict[str, str]]:
    """The rows of the manual file as text, with the columns MANUAL_COLUMNS and decimal points.

    Points are not checked. Raises InputError if the file can't be read as a table, or if a row has
    too many cells.
    """
    rows, problems = _read_rows(manual)
    if problems:
        raise InputError(problems.values())
    return rows.to_dict("records")


def write_template(path: Path, images: Iterable[ImageKey]) -> list[str]:
    """Write a manual file with a row for each image and no points, but keep existing rows.

    An existing file that can't be read stays as it is; its problems are returned.
    """
    try:
        rows_there = manual_rows(path) if path.exists() else []
    except InputError as error:
        return error.problems
    filled = {tuple(row[key] for key in KEYS): row for row in rows_there}
    rows = [filled.get(image, dict(zip(KEYS, image, strict=True))) for image in images]
    with write_atomically(path) as temporary:
        pd.DataFrame(rows, columns=list(MANUAL_COLUMNS)).to_csv(temporary, index=False)
    return []


def read_manual(
    path: Path, pairs: Iterable[Pair]
) -> tuple[dict[ImageKey, Mapping[str, object]], set[ImageKey], list[str]]:
    """The valid rows as rows of a landmark table, the images of all rows, and the problems.

    Raises InputError if the file can't be read as a table.
    """
    rows, too_long = _read_rows(path)
    sizes: dict[ImageKey, tuple[int, int]] = {
        (pair.subset, pair.id, modality): pair.size(modality)
        for pair in pairs
        for modality in MODALITIES
    }
    points: dict[ImageKey, Mapping[str, object]] = {}
    problems: list[str] = []
    lines: dict[ImageKey, int] = {}
    for line, row in rows.iterrows():
        image = subset, name, modality = row["subset"], row["id"], row["modality"]
        where, spoken = f"{path}, line {line}", f"{modality} of {subset} {name}"
        if image not in sizes:
            problems.append(f"{where}: {_unknown_image(image, list(sizes))}")
        elif line in too_long:
            problems.append(too_long[line])
        elif lines.setdefault(image, line) != line:
            fault = f"the {spoken} is already in line {lines[image]}; remove one of the two rows"
            problems.append(f"{where}: {fault}")
        elif not any(row[column] for column in COORDINATES):
            problems.append(f"{where} ({spoken}): no points; fill them in or remove the row")
        else:
            values = pd.to_numeric(row[list(COORDINATES)], errors="coerce").dropna().to_dict()
            faults = [
                f"{column} {row[column]!r} is not a number; write pixels, such as 75.3"
                for column in COORDINATES
                if column not in values
            ] + point_faults(values, *sizes[image])
            problems += [f"{where} ({spoken}): {fault}" for fault in faults]
            if not faults:
                points[image] = {"id": name, "modality": modality, **values, "source": "manual"}
    return points, set(rows[list(KEYS)].itertuples(index=False, name=None)), problems


def _read_rows(path: Path) -> tuple[pd.DataFrame, dict[int, str]]:
    """The rows of a manual file as text, indexed by line, and the problems of rows with too many
    cells, by line. Raises InputError if the file can't be read as a table."""
    missing = f"is not there; correct the path in {CONFIG_KEY}, or set it to null"
    text = read_text(path, missing, "CSV in UTF-8")
    declared = text.startswith("sep=")  # the first line of some spreadsheets
    wanted = f"the header must be {','.join(MANUAL_COLUMNS)}"
    try:
        with warnings.catch_warnings():  # about empty cells after the last column
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            cells = pd.read_csv(
                io.StringIO(text),
                sep=None,
                engine="python",
                header=None,
                names=range(MOST_CELLS),
                index_col=False,
                skiprows=int(declared),
                skip_blank_lines=False,
                dtype=str,
                keep_default_na=False,
            )
    except (csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        fault = f"{path}, line {1 + declared}: cannot be read as a table ({error}); {wanted}"
        raise InputError([fault]) from None
    cells = cells.fillna("").map(str.strip)
    cells.index += 1 + declared
    header = cells.iloc[0].str.lower()
    width = int((header != "").to_numpy().nonzero()[0].max(initial=-1)) + 1
    if faults := header_faults(header.tolist()[:width], MANUAL_COLUMNS):
        raise InputError([f"{path}, line {cells.index[0]}: {faults}; {wanted}"])
    cells.columns = pd.Index([*header[:width], *range(width, MOST_CELLS)])
    empty = (cells == "").all(axis=1)
    repeats_header = (cells.map(str.lower) == header.to_numpy()).all(axis=1)
    cells = cells[~empty & ~repeats_header]
    counts = (cells != "").to_numpy() * range(1, MOST_CELLS + 1)
    problems = {
        line: f"{path}, line {line}: {count} cells instead of {width}; write decimal points, or "
        "separate the cells by semicolons if you write decimal commas"
        for line, count in zip(cells.index, counts.max(axis=1, initial=0), strict=True)
        if count > width
    }
    rows = cells[list(MANUAL_COLUMNS)].copy()
    rows["modality"] = rows["modality"].str.lower()
    for column in COORDINATES:
        rows[column] = rows[column].str.replace(",", ".")
    return rows, problems


def _unknown_image(image: ImageKey, known: list[ImageKey]) -> str:
    """The problem with an image's name, and similar names."""
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
