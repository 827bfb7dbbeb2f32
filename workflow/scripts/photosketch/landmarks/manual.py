"""The file of points placed by hand (config key `landmarks.manual`).

A CSV that people edit, so what spreadsheets write is accepted: a byte order mark, a first line
`sep=;`, CRLF, semicolons or tabs between the cells, decimal commas, empty lines, trailing empty
cells, and the header again if tables were joined.
"""

import csv
import difflib
import io
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from photosketch.data.pairs import MODALITIES, Pair
from photosketch.jobs.job import InputError, read_file, write_atomically
from photosketch.landmarks.table import COORDINATES, ImageKey, point_faults

KEYS = ("subset", "id", "modality")
MANUAL_COLUMNS = (*KEYS, *COORDINATES)
CONFIG_KEY = "landmarks.manual"
MOST_CELLS = 2 * len(MANUAL_COLUMNS)  # of a row that is told apart, as of unquoted decimal commas


def images_by_hand(manual: Path) -> set[ImageKey]:
    """The images that the manual file names, whatever it says of them.

    Raises InputError if the file can't be read as a table.
    """
    rows, _ = _read_rows(manual)
    return set(rows[list(KEYS)].itertuples(index=False, name=None))


def manual_rows(manual: Path) -> list[dict[str, str]]:
    """The rows of the manual file as text, columns as in MANUAL_COLUMNS, decimal points.

    Points are not checked. Raises InputError if the file can't be read as a table, or if a row has
    too many cells.
    """
    rows, problems = _read_rows(manual)
    if problems:
        raise InputError(problems.values())
    return rows.to_dict("records")


def write_template(path: Path, images: Iterable[ImageKey]) -> list[str]:
    """Write a manual file without points for the images, keeping what is filled in already.

    A file there that can't be read stays as it is; the problems say why.
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
    """The valid rows as rows of a landmark table, the images that any row names, the problems.

    Raises InputError if the file can't be read as a table at all.
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
            problems.append(
                f"{where}: the {spoken} is already in line {lines[image]}; "
                "remove one of the two rows"
            )
        elif not any(row[column] for column in COORDINATES):
            problems.append(f"{where} ({spoken}): no points; fill them in or remove the row")
        else:
            values = pd.to_numeric(row[list(COORDINATES)], errors="coerce").dropna().to_dict()
            faults = [
                f"{column} {row[column]!r} is not a number; write pixels, like 75.3"
                for column in COORDINATES
                if column not in values
            ] + point_faults(values, *sizes[image])
            problems += [f"{where} ({spoken}): {fault}" for fault in faults]
            if not faults:
                points[image] = {"id": name, "modality": modality, **values, "source": "manual"}
    return points, set(rows[list(KEYS)].itertuples(index=False, name=None)), problems


def _read_rows(path: Path) -> tuple[pd.DataFrame, dict[int, str]]:
    """The rows of a manual file as text, indexed by line, and the problems of rows with too many
    cells by line. Raises InputError if it can't be read as a table."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            [f"{path}: is not there; correct the path in {CONFIG_KEY}, or set it to null"]
        ) from None
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); correct the path or its permissions"
        raise InputError([f"{path}: {fault}"]) from None
    except UnicodeDecodeError as error:
        raise InputError([f"{path}: cannot be read ({error}); save it as CSV in UTF-8"]) from None
    declared = text.startswith("sep=")  # as some spreadsheets begin
    try:
        with warnings.catch_warnings():  # of empty cells behind the last column
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
        raise InputError(
            [
                f"{path}, line {1 + declared}: cannot be read as a table ({error}); "
                f"the header must be {','.join(MANUAL_COLUMNS)}"
            ]
        ) from None
    cells = cells.fillna("").map(str.strip)
    cells.index += 1 + declared
    header = cells.iloc[0].str.lower()
    width = int((header != "").to_numpy().nonzero()[0].max(initial=-1)) + 1
    _check_header(path, cells.index[0], header.tolist()[:width])
    cells.columns = pd.Index([*header[:width], *range(width, MOST_CELLS)])
    empty, again = (
        (cells == "").all(axis=1),
        (cells.map(str.lower) == header.to_numpy()).all(axis=1),
    )
    cells = cells[~empty & ~again]
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


def _check_header(path: Path, line: int, header: list[str]) -> None:
    """Raise InputError unless the columns are there in any order, each once, and no others."""
    if sorted(header) == sorted(MANUAL_COLUMNS):
        return
    groups = {
        "missing": [name for name in MANUAL_COLUMNS if name not in header],
        "unknown": [name for name in header if name not in MANUAL_COLUMNS],
        "repeated": [name for name in MANUAL_COLUMNS if header.count(name) > 1],
    }
    faults = [f"{label} {', '.join(map(repr, names))}" for label, names in groups.items() if names]
    raise InputError(
        [
            f"{path}, line {line}: columns {'; '.join(faults)}; "
            f"the header must be {','.join(MANUAL_COLUMNS)}"
        ]
    )


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
