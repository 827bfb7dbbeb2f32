"""Label maps made by hand, or by other tools: they win over the parser's.

A map is a PNG of its image's size: 8-bit gray, whose values are the classes' numbers
(`labels.CLASSES`), or colours, those of the classes (`palette.CLASS_COLOURS`; with or without a
palette of its own). Where the folder has a `classes.tsv` (columns `value` and `class`: a gray
level, or a colour as #rrggbb, and a class by its name), that says instead what each value is: so
other tools' masks serve as they are.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from photosketch.data.array_types import Labels
from photosketch.data.pairs import MODALITIES, Pair
from photosketch.jobs.job import InputError
from photosketch.parsing.labels import CLASSES, Parsings
from photosketch.parsing.manual_files import CONFIG_KEY, TABLE, map_files
from photosketch.parsing.palette import CLASS_COLOURS

MapKey = tuple[str, str, str]  # subset, id, modality
Maps = Mapping[tuple[str, str], Labels]  # of a subset, by id and modality
_COLUMNS = ["value", "class"]
_COLOUR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)
_IS_COLOUR = 1 << 24  # added to a colour 0xrrggbb, so that gray levels are other numbers
_NAMED = 5  # unknown values that a message names


@dataclass(frozen=True)
class ClassTable:
    """Which class (its number) each value of a map stands for: a gray level, or _IS_COLOUR + a
    colour 0xrrggbb."""

    classes: Mapping[int, int]
    allowed: str  # in messages


OWN_CLASSES = ClassTable(
    {
        **{number: number for number in range(len(CLASSES))},
        **{
            _IS_COLOUR | red << 16 | green << 8 | blue: number
            for number, (red, green, blue) in enumerate(CLASS_COLOURS)
        },
    },
    f"0 to {len(CLASSES) - 1}, or the classes' colours",
)


def read_manual(folder: str | Path, pairs: Iterable[Pair], subset: str) -> Maps:
    """The maps [H, W] uint8 of the subset's images that have one. All subsets' pairs and maps are
    looked at, so that mistakes are named at once.

    Raises InputError with every problem: files that belong to no pair, maps of another size or
    kind, values or colours that are no class, mistakes in the table of classes.
    """
    folder = Path(folder)
    sizes = {
        (pair.subset, pair.id, modality): (pair.width, pair.height)
        for pair in pairs
        for modality in MODALITIES
    }
    files = map_files(folder)
    table, problems = OWN_CLASSES, list[str]()
    if Path(TABLE) in files:
        table, problems = _read_table(folder / TABLE)
    maps: dict[tuple[str, str], Labels] = {}
    for path in files:
        if path == Path(TABLE):
            continue
        key = _image_of(path)
        if key is None or key not in sizes:
            problems.append(f"{folder / path}: {_stray(path, list(sizes))}")
            continue
        labels = _read_map(folder / path, sizes[key], table)
        if isinstance(labels, str):
            problems.append(f"{folder / path}: {labels}")
        elif key[0] == subset:
            maps[key[1:]] = labels
    if problems:
        raise InputError(problems)
    return maps


def with_manual(parsings: Parsings, maps: Maps) -> Parsings:
    """The parsings of a subset with its maps laid over them. Those images are listed in `manual`
    and nowhere else."""
    images = [(id, m) for id in parsings.ids for m in MODALITIES if (id, m) in maps]
    stacks = {"photo": parsings.photo, "sketch": parsings.sketch}
    for modality in {modality for _, modality in images}:
        stacks[modality] = stacks[modality].copy()
    for id, modality in images:
        stacks[modality][parsings.ids.index(id)] = maps[id, modality]
    return replace(
        parsings,
        photo=stacks["photo"],
        sketch=stacks["sketch"],
        fallback=tuple(image for image in parsings.fallback if image not in maps),
        unparsed=tuple(id for id in parsings.unparsed if (id, "sketch") not in maps),
        faceless=tuple(id for id in parsings.faceless if (id, "photo") not in maps),
        manual=tuple(images),
    )


def _image_of(path: Path) -> MapKey | None:
    """The image that a file is named after."""
    if len(path.parts) != 2 or path.suffix.lower() != ".png":
        return None
    id, _, modality = path.stem.rpartition("_")
    return path.parts[0], id, modality


def _stray(path: Path, known: Sequence[MapKey]) -> str:
    """What is wrong with the name of a file, and how the usual ones look."""
    alike = [key for key in known if key[0] == path.parts[0]] or known
    names = [f"{subset}/{id}_{modality}.png" for subset, id, modality in alike[:2]]
    return (
        "is the label map of no pair; name it SUBSET/ID_photo.png or SUBSET/ID_sketch.png as "
        f"in the table of pairs ({', '.join(names)}, ...) or remove it from {CONFIG_KEY}"
    )


def _read_map(path: Path, size: tuple[int, int], table: ClassTable) -> Labels | str:
    """The labels of a file; text where it can't be used: what is wrong with it."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.size != size:
                return (
                    f"is {image.width}x{image.height} pixels, its image {size[0]}x{size[1]}; scale "
                    "it without blending (nearest neighbour)"
                )
            if image.mode not in ("L", "P", "RGB") or "transparency" in image.info:
                return (
                    f"has the mode {image.mode}; save it as 8-bit gray or as colours, without "
                    "transparency"
                )
            pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except Exception as error:  # what broken files make Pillow raise has no class in common
        return f"is no intact PNG ({error}); replace it"
    codes = pixels.astype(np.int64)
    values = codes if codes.ndim == 2 else _IS_COLOUR | codes @ np.array([1 << 16, 1 << 8, 1])
    found = np.unique(values).tolist()
    unknown = [_spoken(value) for value in found if value not in table.classes]
    if unknown:
        listed = ", ".join(unknown[:_NAMED]) + (", ..." if unknown[_NAMED:] else "")
        return (
            f"has values that are no class ({listed}); allowed: {table.allowed}. Correct them, or "
            f"name them in {TABLE} beside the subsets (columns value, class)"
        )
    labels = np.zeros(values.shape, np.uint8)
    for value in found:
        labels[values == value] = table.classes[value]
    return labels


def _spoken(value: int) -> str:
    return f"#{value - _IS_COLOUR:06x}" if value >= _IS_COLOUR else str(value)


def _read_table(path: Path) -> tuple[ClassTable, list[str]]:
    """The table of classes, and what is wrong with it."""
    classes: dict[int, int] = {}
    problems = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return OWN_CLASSES, [f"{path}: cannot be read ({error}); save it as UTF-8 text with tabs"]
    rows = list(csv.reader(text.splitlines(), delimiter="\t"))
    if not rows or rows[0] != _COLUMNS:
        return OWN_CLASSES, [
            f"{path}, line 1: the header must be value and class, with a tab between"
        ]
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cells):
            continue
        value, name = (cell.strip() for cell in cells) if len(cells) == 2 else ("", "")
        if name in CLASSES and _COLOUR.fullmatch(value):
            classes[_IS_COLOUR | int(value[1:], 16)] = CLASSES.index(name)
        elif name in CLASSES and value.isascii() and value.isdigit() and int(value) <= 255:
            classes[int(value)] = CLASSES.index(name)
        else:
            problems.append(
                f"{path}, line {line}: write a gray level (0 to 255) or a colour (#rrggbb), a tab, "
                f"and one of {', '.join(CLASSES)}"
            )
    return ClassTable(classes, f"those of {path}"), problems
