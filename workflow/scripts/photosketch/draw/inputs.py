"""What is drawn, checked without torch: a generator's file, photos, and points placed by hand."""

import json
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from photosketch.configuration.settings import TrainConfig
from photosketch.data.array_types import Points
from photosketch.data.storage import intact
from photosketch.jobs.messages import InputError
from photosketch.jobs.provenance import PROJECT
from photosketch.landmarks.manual import manual_rows
from photosketch.landmarks.table import points_of_row

# The default generator; docs/model-card.md describes it.
INCLUDED_GENERATOR = PROJECT / "resources" / "models" / "cufs.safetensors"
DESCRIBED = ("hparams", "size", "pad_value", "template", "needs", "frame", "seed", "epoch")
NAME_ONE = "name a generator_epoch*.safetensors of a run"
SUBSET, MODALITY = "photos", "photo"  # what photos have in a file of points
LONGEST = 150  # bytes of a name in each folder, so that suffixes can be added


def generator_faults(path: str | Path) -> list[str]:
    """The reason why a file, by its header, is no generator that can draw: missing, not a
    generator, damaged, or without metadata. Its weights are checked when they are read."""
    path = Path(path)
    if not path.is_file():
        is_what = "is a folder" if path.is_dir() else "is not there"
        return [f"{path.absolute()}: {is_what}; {NAME_ONE}"]
    try:
        with intact(path, "train"), open(path, "rb") as file:
            if file.read(9)[8:] not in (b"{", b""):  # after its length: the header, which is JSON
                return [f"{path}: is not a generator (it is not a safetensors file); {NAME_ONE}"]
            with safe_open(path, framework="numpy") as tensors:
                about = json.loads((tensors.metadata() or {}).get("photosketch", "{}"))
    except InputError as error:
        return [mended(error)]
    if not about:
        return [f"{path}: is not a generator (its metadata are missing); {NAME_ONE}"]
    if missing := [key for key in DESCRIBED if key not in about]:
        return [f"{path}: lacks the metadata {', '.join(missing)}; train it again, or use another"]
    try:
        TrainConfig.from_hparams(about["hparams"])
    except InputError as error:
        return [f"{path}: {error.problems[0]}"]
    return []


def mended(damage: InputError) -> str:
    """The message of `storage.intact`, with a remedy for people who did not train the generator."""
    remedy = "get the file again, or train it again"
    return damage.problems[0].replace("delete it: train writes it again", remedy)


@dataclass(frozen=True)
class Photo:
    """A file; its unique name in the output, a relative path without suffix; and its title for
    people, the relative path."""

    path: Path
    name: str
    title: str


def find_photos(given: Iterable[str | Path], output: Path) -> list[Photo]:
    """The given files, and all files in and below the given folders, in ascending order.

    Hidden files and files in the folder `output` are left out. A photo's name is its path in the
    given folder; the suffix is only included if names would be equal without it. Raises InputError
    with every missing path and every folder without files.
    """
    problems, output = [], output.resolve()
    found: dict[Path, Path] = {}  # each file, and its path from what was given
    for each in map(Path, given):
        if each.is_dir():
            visible = [
                path
                for path in sorted(each.rglob("*"))
                if path.is_file()
                and not any(part.startswith(".") for part in path.relative_to(each).parts)
                and output not in path.resolve().parents
            ]
            if not visible:
                problems.append(f"{each}: has no files; put photos into it")
            for path in visible:
                found.setdefault(path, path.relative_to(each))
        elif each.is_file():
            found.setdefault(each, Path(each.name))
        else:
            problems.append(f"{each.absolute()}: is not there; correct the path")
    if problems:
        raise InputError(problems)
    stems = {path: as_text(relative.with_suffix("")) for path, relative in found.items()}
    often = Counter(name.casefold() for name in stems.values())
    taken: set[str] = set()
    photos = []
    for path, relative in found.items():
        name = stems[path] if often[stems[path].casefold()] == 1 else as_text(relative)
        cut = [part.encode()[:LONGEST].decode("utf-8", "ignore") for part in name.split("/")]
        name = unique = "/".join(cut)
        number = 1
        while unique.casefold() in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        photos.append(Photo(path, unique, as_text(relative)))
    return photos


def as_text(path: Path) -> str:
    """A path as one line of UTF-8 text: accents in one Unicode form, control characters and other
    bytes replaced."""
    text = os.fsencode(path.as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", text))


def read_points(file: Path, photos: Sequence[Photo]) -> dict[str, list[Points]]:
    """The points [5, 2] of each face in a file of points placed by hand, by the photos' names.

    The click page makes such a file; a row is a face. Raises InputError with every row that lacks a
    number, or (unless `photos` is empty) that names none of the photos.
    """
    names = {photo.name for photo in photos}
    if not file.exists():
        raise InputError([f"{file.absolute()}: is not there; save the points of the page to it"])
    points = defaultdict(list)
    problems = []
    for row in manual_rows(file):
        name = unicodedata.normalize("NFC", row["id"])
        if names and ((row["subset"], row["modality"]) != (SUBSET, MODALITY) or name not in names):
            problems.append(
                f"{file}: {row['subset']}/{name}/{row['modality']} is not one of the photos; write "
                f"{SUBSET}/NAME/{MODALITY}, such as {SUBSET}/{photos[0].name}/{MODALITY}"
            )
            continue
        try:
            points[name].append(points_of_row(row))
        except ValueError:
            problems.append(f"{file}: {name} lacks a point; give all ten numbers, or remove it")
    if problems:
        raise InputError(problems)
    return dict(points)
