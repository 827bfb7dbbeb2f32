"""The table of pairs for a folder with FS2K (Fan et al. 2021, "Deep Facial Synthesis: A New
Challenge"; github.com/DengPingFan/FS2K).

    export PYTHONPATH=workflow/scripts
    python -m photosketch.datasets fs2k FS2K --output FS2K

The folder is expected as it is published:

    FS2K/anno_train.json, anno_test.json   [{"image_name": "photo1/image0110", "style": 0}, ...]
    FS2K/photo/photo1/image0110.jpg        photo1 to photo3; .jpg or .png
    FS2K/sketch/sketch1/sketch0110.jpg     the sketch of that photo

The three styles become the subsets style1, style2 and style3 (0, 1 and 2 in the annotations), and
photo1/image0110 gets the id photo1_image0110. The images are of many sizes and not aligned.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from photosketch.datasets.table import Found, ListedPair, folders_in, images_in, listed
from photosketch.jobs.job import InputError

ANNOTATIONS = {"train": "anno_train.json", "test": "anno_test.json"}
STYLES = (0, 1, 2)
NAME = re.compile(r"photo(\w+)/image(\w+)", re.ASCII)  # what an id may be made of


def find_pairs(folder: Path) -> Found:
    """All annotated pairs, by style and training before test pairs, in the order of annotations.

    Raises InputError with all problems: annotations that are missing or say something else, images
    that are missing or there twice, folders of images that no annotation speaks of.
    """
    if not folder.is_dir():
        raise InputError([f"{folder}: is not a folder; give the one that holds {_files()}"])
    pairs: list[ListedPair] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for split, file in ANNOTATIONS.items():
        entries, faults = _read(folder / file)
        problems += faults
        for name, style in entries:
            if name in seen:
                problems.append(
                    f"{folder / file}: {name} is already in {seen[name]}; remove one of the entries"
                )
                continue
            seen[name] = file
            photo, sketch = _images(folder, name)
            problems += [*_absent(photo), *_absent(sketch)]
            files = (photo[0], sketch[0])
            pairs.append(ListedPair(f"style{style + 1}", name.replace("/", "_"), split, *files))
    notes, faults = _unlisted(folder, pairs)
    if not problems:  # else a broken annotation would be told image by image
        problems += faults
    if problems:
        raise InputError(problems)
    pairs.sort(key=lambda pair: pair.subset)
    return Found(pairs, notes)


def _files() -> str:
    return ", ".join([*ANNOTATIONS.values(), "photo and sketch"])


def _read(path: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """(image_name, style) of an annotation file's entries, and the problems met."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], [f"{path}: is not there; FS2K holds {_files()}"]
    except (OSError, ValueError) as error:
        return [], [f"{path}: cannot be read as JSON ({error}); replace it by the published file"]
    if not isinstance(entries, list):
        return [], [f"{path}: is no list of annotations; replace it by the published file"]
    found, problems = [], []
    for number, entry in enumerate(entries, start=1):
        name, style = _described(entry)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            problems.append(
                f"{path}, entry {number}: image_name {name!r} is not of the form photo1/image0110; "
                "correct it"
            )
        elif style not in STYLES:
            problems.append(f"{path}, entry {number}: style of {name} is {style!r}; use 0, 1 or 2")
        else:
            found.append((name, STYLES.index(style)))
    return found, problems


def _described(entry: Any) -> tuple[Any, Any]:
    return (
        (entry.get("image_name"), entry.get("style")) if isinstance(entry, dict) else (None, None)
    )


def _images(folder: Path, name: str) -> tuple[list[Path], list[Path]]:
    """The files that may be the photo and the sketch of an image name; where there is none, the
    path that was looked for."""
    match = NAME.fullmatch(name)
    assert match
    group, number = match.groups()
    places = (
        folder / "photo" / f"photo{group}" / f"image{number}",
        folder / "sketch" / f"sketch{group}" / f"sketch{number}",
    )
    photo, sketch = (
        [
            path
            for suffix in (".jpg", ".png", ".jpeg")
            if (path := Path(f"{place}{suffix}")).is_file()
        ]
        or [Path(f"{place}.jpg")]
        for place in places
    )
    return photo, sketch


def _absent(files: list[Path]) -> Iterator[str]:
    if len(files) > 1:
        yield f"{files[1]}: {files[0].name} is there too; keep one of them"
    elif not files[0].is_file():
        yield (
            f"{files[0]}: is not there, nor as .png, but the annotations name it; add it or remove "
            "its entry"
        )


def _unlisted(folder: Path, pairs: list[ListedPair]) -> tuple[list[str], list[str]]:
    """Images that no annotation names: as a note, as a problem where they fill a folder."""
    known = {path for pair in pairs for path in (pair.photo, pair.sketch)}
    taken = {path.parent for path in known}
    notes, problems = [], []
    for place in (place for kind in ("photo", "sketch") for place in folders_in(folder / kind)):
        images = [path for path in images_in(place) if path not in known]
        if images and place not in taken:
            problems.append(
                f"{place}: holds images, and no annotation names one of them; move it away, or add "
                "them to the annotations"
            )
        elif images:
            names = listed(path.name for path in images)
            notes.append(f"{place}: no annotation names {names}, left out")
    return notes, problems


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add `fs2k` to the commands of `python -m photosketch.datasets`."""
    parser = commands.add_parser(
        "fs2k",
        help="FS2K, three styles of sketches",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder with FS2K")
    parser.set_defaults(find=lambda options, _: find_pairs(options.folder))
    return parser
