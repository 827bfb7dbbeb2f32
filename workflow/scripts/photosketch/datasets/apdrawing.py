"""The table of pairs of APDrawing (Yi et al., CVPR 2019).

    photosketch datasets apdrawing APDrawingDB --output APDrawing

Pictures have 1024x512 pixels, with the photo on the left and the drawing on the right, and lie in

    APDrawingDB/data/train, APDrawingDB/data/test     or     FOLDER/train, FOLDER/test

The halves are written to halves/{photos,sketches}/NAME.png beside the table. The published training
part has altered copies of its photos, which stay training pairs. Other folders are left out, such
as test_single, which has only photos.
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

HELP = "APDrawing, photo and drawing side by side"
SUBSET = "APDrawing"
SPLITS = ("train", "test")


def find_pairs(folder: Path, output: Path) -> Found:
    """All pairs, training before test pairs, and the halves to cut into `output`/halves.

    Raises InputError with all problems: missing folders, names that appear twice or cannot be ids,
    pictures that cannot be halved.
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
                f"{data / split}: is not there, or has no images; put pictures of photo and "
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `photosketch datasets apdrawing`."""
    parser.add_argument("folder", type=Path, help="the folder with APDrawing")
    parser.set_defaults(find=lambda options, output: find_pairs(options.folder, output))
