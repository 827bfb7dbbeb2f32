"""The table of pairs of FS2K (Fan et al. 2021, "Deep Facial Synthesis: A New Challenge";
github.com/DengPingFan/FS2K).

    photosketch datasets fs2k FS2K --output FS2K

The folder has to be as published:

    FS2K/anno_train.json, anno_test.json   [{"image_name": "photo1/image0110", "style": 0}, ...]
    FS2K/photo/photo1/image0110.jpg        photo1 to photo3; .jpg, .JPG, .png, ...
    FS2K/sketch/sketch1/sketch0110.jpg     the sketch of that photo

The three styles become the subsets style1, style2 and style3 (0, 1 and 2 in the annotations), and
photo1/image0110 gets the id photo1_image0110. The images have many sizes and are not aligned.
"""

import argparse
import json
import re
from pathlib import Path

from photosketch.datasets.table import Found, ListedPair, folders_in, images_by_name, images_in
from photosketch.jobs.messages import InputError, listed

HELP = "FS2K, three styles of sketches"
ANNOTATIONS = {"train": "anno_train.json", "test": "anno_test.json"}
FILES = ", ".join([*ANNOTATIONS.values(), "photo and sketch"])
STYLES = (0, 1, 2)
NAME = re.compile(r"photo(\w+)/image(\w+)", re.ASCII)


def find_pairs(folder: Path) -> Found:
    """All annotated pairs, by style, training before test pairs, in the order of annotations.
    Raises InputError with all problems."""
    if not folder.is_dir():
        raise InputError([f"{folder}: is not a folder; give the folder with {FILES}"])
    problems: list[str] = []
    places = [place for kind in ("photo", "sketch") for place in folders_in(folder / kind)]
    images = {place: images_by_name(place, problems) for place in places}
    pairs: list[ListedPair] = []
    seen: dict[str, str] = {}
    for split, file in ANNOTATIONS.items():
        for name, style in _read_annotations(folder / file, problems):
            if name in seen:
                problems.append(
                    f"{folder / file}: {name} is already in {seen[name]}; remove one of the entries"
                )
                continue
            seen[name] = file
            sketch = NAME.sub(r"sketch\1/sketch\2", name)
            files = []
            for wanted in (folder / f"photo/{name}.jpg", folder / f"sketch/{sketch}.jpg"):
                files.append(images.get(wanted.parent, {}).get(wanted.stem, wanted))
                if not files[-1].is_file():
                    problems.append(
                        f"{wanted}: is not there, nor with another suffix, but the annotations "
                        "name it; add it or remove its entry"
                    )
            pairs.append(ListedPair(f"style{style + 1}", name.replace("/", "_"), split, *files))
    if problems:
        raise InputError(problems)
    known = {path for pair in pairs for path in (pair.photo, pair.sketch)}
    notes = []
    for place in places:
        if unnamed := [path.name for path in images_in(place) if path not in known]:
            notes.append(f"{place}: no annotation names {listed(unnamed)}; left out")
    return Found(sorted(pairs, key=lambda pair: pair.subset), notes)


def _read_annotations(path: Path, problems: list[str]) -> list[tuple[str, int]]:
    """(name, style) of each intact entry of an annotation file."""
    entries = []
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problems.append(f"{path}: is not there; FS2K has {FILES}")
    except (OSError, ValueError) as error:
        fault = f"cannot be read as JSON ({error}); replace it by the published file"
        problems.append(f"{path}: {fault}")
    found = []
    for number, entry in enumerate(entries, start=1):
        values = entry if isinstance(entry, dict) else {}
        name, style = values.get("image_name"), values.get("style")
        if not (match := NAME.fullmatch(str(name))):
            fault = f"image_name {name!r} is not of the form photo1/image0110; correct it"
            problems.append(f"{path}, entry {number}: {fault}")
        elif style not in STYLES:
            fault = f"style of {name} is {style!r}; use 0, 1 or 2"
            problems.append(f"{path}, entry {number}: {fault}")
        else:
            found.append((match[0], STYLES.index(style)))
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the folder with FS2K")
    parser.set_defaults(find=lambda options, _: find_pairs(options.folder))
