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

from photosketch.datasets import table
from photosketch.datasets.table import Found, ListedPair
from photosketch.jobs.messages import InputError

HELP = "APDrawing, photo and drawing side by side"


def find_pairs(folder: Path, output: Path) -> Found:
    """All pairs, training before test pairs, and the halves to cut into `output`/halves. Raises
    InputError with all problems."""
    data = folder / "data" if (folder / "data").is_dir() else folder
    parts = [data / "train", data / "test"]
    problems: list[str] = []
    pictures: dict[str, Path] = {}
    for part in parts:
        found = table.images_by_name(part, problems)
        if not found:
            problems.append(
                f"{part}: is not there, or has no images; put pictures of photo and drawing there"
            )
        for name, picture in found.items():
            if (first := pictures.setdefault(name, picture)) != picture:
                problems.append(f"{picture}: has the name of {first}; rename one of them")
    halves = table.planned_halves(pictures.values(), output, problems)
    if problems:
        raise InputError(problems)
    pairs = [
        ListedPair("APDrawing", name, picture.parent.name, *halves[name])
        for name, picture in pictures.items()
    ]
    others = table.with_images(table.folders_in(data), *parts, output, output / "halves")
    return Found(pairs, table.left_aside(others), list(pictures.values()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the folder with APDrawing")
    parser.set_defaults(find=lambda options, output: find_pairs(options.folder, output))
