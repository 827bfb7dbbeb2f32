"""The table of pairs for a folder with APDrawing (Yi et al., CVPR 2019).

    export PYTHONPATH=workflow/scripts
    python -m photosketch.datasets apdrawing APDrawingDB --output APDrawing

Expected are pictures of 1024x512 pixels, the photo on the left and the drawing on the right, in

    APDrawingDB/data/train, APDrawingDB/data/test     or     FOLDER/train, FOLDER/test

The halves are written to halves/{photos,sketches}/NAME.png beside the table. The published training
part holds altered copies of its photos, which stay training pairs; photos alone in test_single are
left out.
"""

import argparse
from pathlib import Path

from photosketch.datasets import halves
from photosketch.datasets.table import Found, ListedPair, folders_in, images_in, unusable_names
from photosketch.jobs.job import InputError

SUBSET = "APDrawing"
SPLITS = ("train", "test")
SINGLE_PHOTOS = "test_single"


def find_pairs(folder: Path, output: Path) -> Found:
    """All pairs, training before test pairs, with their halves to be cut into `output`/halves.

    Raises InputError with all problems: missing folders, folders of images that are not taken,
    names that are there twice or cannot be ids, pictures that cannot be halved.
    """
    data = folder / "data" if (folder / "data").is_dir() else folder
    problems = [
        f"{data / split}: is not there, or holds no images; put pictures of photo and drawing there"
        for split in SPLITS
        if not images_in(data / split)
    ]
    problems += [
        f"{path}: holds images, and is neither train nor test; rename it or move it away"
        for path in folders_in(data)
        if path.name not in (*SPLITS, SINGLE_PHOTOS)
        and path.resolve() != (output / "halves").resolve()
        and images_in(path)
    ]
    pairs: list[ListedPair] = []
    cuts = []
    seen: dict[str, Path] = {}
    for split in SPLITS:
        for picture in images_in(data / split):
            if picture.stem in seen:
                problems.append(
                    f"{picture}: has the name of {seen[picture.stem]}; rename one of them"
                )
                continue
            seen[picture.stem] = picture
            cut = halves.planned(picture, output / "halves")
            cuts.append(cut)
            pairs.append(ListedPair(SUBSET, picture.stem, split, cut.photo, cut.sketch))
    problems += unusable_names(seen.values())
    problems += halves.problems(seen.values())
    if problems:
        raise InputError(problems)
    single = data / SINGLE_PHOTOS
    notes = [f"{single}: photos without drawings, left out"] if images_in(single) else []
    return Found(pairs, notes, cuts)


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add `apdrawing` to the commands of `python -m photosketch.datasets`."""
    parser = commands.add_parser(
        "apdrawing",
        help="APDrawing, photo and drawing side by side",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder with APDrawing")
    parser.set_defaults(find=lambda options, output: find_pairs(options.folder, output))
    return parser
