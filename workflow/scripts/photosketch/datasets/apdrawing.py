"""The table of pairs for a folder with APDrawing (Yi et al., CVPR 2019).

    photosketch datasets apdrawing APDrawingDB --output APDrawing

Expected are pictures of 1024x512 pixels, the photo on the left and the drawing on the right, in

    APDrawingDB/data/train, APDrawingDB/data/test     or     FOLDER/train, FOLDER/test

The halves are written to halves/{photos,sketches}/NAME.png beside the table. The published training
part holds altered copies of its photos, which stay training pairs; other folders (test_single:
photos alone) are left aside.
"""

import argparse
from pathlib import Path

from photosketch.datasets import halves
from photosketch.datasets.table import (
    Found,
    ListedPair,
    folders_in,
    holds_images,
    images_by_name,
    left_aside,
    unusable_names,
)
from photosketch.jobs.job import InputError

SUBSET = "APDrawing"
SPLITS = ("train", "test")


def find_pairs(folder: Path, output: Path) -> Found:
    """All pairs, training before test pairs, with their halves to be cut into `output`/halves.

    Raises InputError with all problems: missing folders, names that are there twice or cannot be
    ids, pictures that cannot be halved.
    """
    data = folder / "data" if (folder / "data").is_dir() else folder
    problems: list[str] = []
    pairs: list[ListedPair] = []
    cuts = []
    seen: dict[str, Path] = {}
    for split in SPLITS:
        pictures, faults = images_by_name(data / split)
        problems += faults
        if not pictures:
            problems.append(
                f"{data / split}: is not there, or holds no images; put pictures of photo and "
                "drawing there"
            )
        for name, picture in pictures.items():
            if name in seen:
                problems.append(f"{picture}: has the name of {seen[name]}; rename one of them")
                continue
            seen[name] = picture
            cuts.append(halves.planned(picture, output / "halves"))
            pairs.append(ListedPair(SUBSET, name, split, cuts[-1].photo, cuts[-1].sketch))
    problems += unusable_names(seen.values()) + halves.problems(seen.values())
    if problems:
        raise InputError(problems)
    own = {path.resolve() for path in (output, output / "halves")}
    others = [path for path in folders_in(data) if path.name not in SPLITS and holds_images(path)]
    return Found(pairs, left_aside(path for path in others if path.resolve() not in own), cuts)


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add `apdrawing` to the commands of `photosketch datasets`."""
    parser = commands.add_parser(
        "apdrawing",
        help="APDrawing, photo and drawing side by side",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder with APDrawing")
    parser.set_defaults(find=lambda options, output: find_pairs(options.folder, output))
    return parser
