"""Label maps drawn by hand or by other tools; they replace the parser's.

A map is a PNG of its image's size: 8-bit gray with the numbers of `labels.CLASSES`, or colours of
`labels.CLASS_COLOURS` (with or without a palette). Masks of other tools can be used unchanged if
the folder has a `classes.tsv`. Its columns are `value` (a gray level, or a colour as #rrggbb) and
`class` (the name of the class).
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from photosketch.data.array_types import Labels
from photosketch.data.images import Size
from photosketch.data.pairs import MODALITIES, Pair
from photosketch.jobs.disk import read_file
from photosketch.jobs.messages import InputError, listed
from photosketch.parsing.labels import CLASS_COLOURS, CLASSES, Parsings
from photosketch.parsing.manual_files import CONFIG_KEY, TABLE, map_files

Maps = Mapping[tuple[str, str], Labels]  # of a subset, by id and modality
# The class number of each value: a gray level in decimals, or #rrggbb.
_OWN_CLASSES = {str(number): number for number in range(len(CLASSES))} | {
    f"#{bytes(colour).hex()}": number for number, colour in enumerate(CLASS_COLOURS)
}


def read_manual(folder: str | Path, pairs: Iterable[Pair], subset: str) -> Maps:
    """The maps [H, W] uint8 of a subset's images, if they have a map. Raises InputError with every
    problem of all subsets: files that belong to no pair, maps of another size or kind, values or
    colours that are not a class, mistakes in the table of classes."""
    folder = Path(folder)
    images = {
        Path(pair.subset, f"{pair.id}_{modality}.png"): (pair, modality)
        for pair in pairs
        for modality in MODALITIES
    }
    files = map_files(folder)
    classes, problems = _OWN_CLASSES, list[str]()
    allowed = f"0 to {len(CLASSES) - 1}, or the classes' colours"
    if Path(TABLE) in files:
        files.remove(Path(TABLE))
        classes, problems = _read_table(folder / TABLE)
        allowed = f"those of {folder / TABLE}"
    maps: dict[tuple[str, str], Labels] = {}
    for path in files:
        try:
            named = path.with_suffix(path.suffix.lower())
            if named not in images:
                alike = [known for known in images if known.parts[0] == path.parts[0]] or [*images]
                raise ValueError(
                    "is not the label map of a pair; name it SUBSET/ID_photo.png or "
                    "SUBSET/ID_sketch.png as in the table of pairs "
                    f"({', '.join(map(str, alike[:2]))}, ...) or remove it from {CONFIG_KEY}"
                )
            pair, modality = images[named]
            labels = _read_map(folder / path, (pair.width, pair.height), classes, allowed)
            if pair.subset == subset:
                maps[pair.id, modality] = labels
        except ValueError as problem:
            problems.append(f"{folder / path}: {problem}")
    if problems:
        raise InputError(problems)
    return maps


def with_manual(parsings: Parsings, maps: Maps) -> Parsings:
    """The parsings of a subset, replaced by its `maps`; only `manual` lists the replaced images."""
    images = [(id, m) for id in parsings.ids for m in MODALITIES if (id, m) in maps]
    stacks = {m: getattr(parsings, m).copy() for m in {modality for _, modality in images}}
    for id, modality in images:
        stacks[modality][parsings.ids.index(id)] = maps[id, modality]
    return replace(
        parsings,
        **stacks,
        fallback=tuple(image for image in parsings.fallback if image not in maps),
        unparsed=tuple(id for id in parsings.unparsed if (id, "sketch") not in maps),
        faceless=tuple(id for id in parsings.faceless if (id, "photo") not in maps),
        manual=tuple(images),
    )


def _read_map(path: Path, size: Size, classes: Mapping[str, int], allowed: str) -> Labels:
    """The labels of a file. Raises ValueError that says what is wrong with the file."""
    try:
        data = read_file(path)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); check its permissions") from None
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            given, mode = image.size, image.mode
            transparent = "transparency" in image.info
            if given == size:  # an image of another size may be too large to decode
                pixels = np.asarray(image.convert("RGB") if mode == "P" else image, np.int64)
    except Image.DecompressionBombError:
        raise ValueError(f"has too many pixels, its image {size[0]}x{size[1]}; scale it") from None
    except Exception as error:  # Pillow's errors for broken files have no common class
        raise ValueError(f"is not an intact PNG ({error}); replace it") from error
    if given != size:
        raise ValueError(
            f"is {given[0]}x{given[1]} pixels, its image {size[0]}x{size[1]}; scale it without "
            "blending (nearest neighbour)"
        )
    if mode not in ("L", "P", "RGB") or transparent:
        raise ValueError(
            f"has the mode {mode}; save it as 8-bit gray or as colours, without transparency"
        )
    if mode != "L":
        pixels = pixels @ np.array([1 << 16, 1 << 8, 1])
    found, places = np.unique(pixels, return_inverse=True)
    values = [str(value) if mode == "L" else f"#{value:06x}" for value in found.tolist()]
    if unknown := [value for value in values if value not in classes]:
        raise ValueError(
            f"has values that are not a class ({listed(unknown, 5)}); allowed: {allowed}. Correct "
            f"them, or name them in {TABLE} beside the subsets' folders (columns value, class)"
        )
    return np.array([classes[value] for value in values], np.uint8)[places]


def _read_table(path: Path) -> tuple[dict[str, int], list[str]]:
    """The class numbers by value, and the mistakes in the table."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return _OWN_CLASSES, [f"{path}: cannot be read ({error}); save it as UTF-8 text with tabs"]
    header, *rows = csv.reader(lines or [""], delimiter="\t")
    if header != ["value", "class"]:
        fault = "the header must be value and class, separated by a tab"
        return _OWN_CLASSES, [f"{path}, line 1: {fault}"]
    classes: dict[str, int] = {}
    problems = []
    for line, cells in enumerate(rows, start=2):
        if not any(cells):
            continue
        value, name = (cell.strip() for cell in cells) if len(cells) == 2 else ("", "")
        if name in CLASSES and re.fullmatch("#[0-9a-fA-F]{6}", value):
            classes[value.lower()] = CLASSES.index(name)
        elif name in CLASSES and re.fullmatch("[0-9]+", value) and int(value) <= 255:
            classes[str(int(value))] = CLASSES.index(name)
        else:
            problems.append(
                f"{path}, line {line}: write a gray level (0 to 255) or a colour (#rrggbb), a tab, "
                f"and one of {', '.join(CLASSES)}"
            )
    return classes, problems
