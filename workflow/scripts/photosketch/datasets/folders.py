"""The table of pairs for photos and sketches in two folders, or side by side in one.

    export PYTHONPATH=workflow/scripts
    python -m photosketch.datasets folders PHOTOS SKETCHES --test-share 0.2 --output mine
    python -m photosketch.datasets folders PICTURES --test-share 0.2 --output mine

Two folders: a photo and its sketch have the same name, but for the suffix. One: each picture has
the photo on the left and its sketch on the right; the halves are written to
halves/{photos,sketches}/NAME.png beside the table. Which pairs are for testing is drawn by --seed
and the names, so that it is the same on every machine.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from photosketch.data.pairs import MIN_TEST_PAIRS, clashes, name_problem
from photosketch.datasets import halves
from photosketch.datasets.table import Cut, Found, ListedPair, folders_in, images_in, unusable_names
from photosketch.jobs.job import InputError, counted


def find_pairs(
    folders: Sequence[Path],
    output: Path,
    subset: str = "faces",
    test_share: float = 0.2,
    validation_share: float = 0.0,
    seed: int = 0,
) -> Found:
    """All pairs in ascending order of their names, those of one folder with their halves to be cut
    into `output`/halves.

    test_share, validation_share: 0 to 1, of all pairs; at least two each, validation none with 0.
    Raises InputError with all problems: a subset and names that cannot be used, images without
    partner or there twice, folders below, pictures that cannot be halved, shares that leave nothing
    to train on.
    """
    unusable = name_problem("subset", subset)
    problems = [f"--subset: {fault}" for fault in ([unusable] if unusable else clashes([subset]))]
    faults = [
        f"{folder}: {fault}" for folder in folders for fault in _faults(folder, output / "halves")
    ]
    if faults:
        raise InputError(problems + faults)
    cuts: list[Cut] = []
    if len(folders) == 1:
        pictures, faults = _by_name(folders[0])
        problems += faults
        problems += unusable_names(pictures.values())
        problems += halves.problems(pictures.values())
        cuts = [halves.planned(picture, output / "halves") for picture in pictures.values()]
        files = {cut.picture.stem: (cut.photo, cut.sketch) for cut in cuts}
    else:
        files, faults = _matched(*folders)
        problems += faults
        problems += unusable_names(photo for photo, _ in files.values())
    splits, faults = draw_splits(list(files), subset, test_share, validation_share, seed)
    problems += faults
    if problems:
        raise InputError(problems)
    return Found(
        [ListedPair(subset, name, splits[name], *places) for name, places in files.items()],
        cuts=cuts,
    )


def draw_splits(
    names: Sequence[str], subset: str, test_share: float, validation_share: float, seed: int
) -> tuple[dict[str, str], list[str]]:
    """The split of each name, and what is wrong with the shares.

    Names are put in the order of a hash of seed, subset and name; the first ones are for testing,
    the next for validation, the others for training.
    """
    problems = [
        f"{option} {share}: is no share; give a number from 0 to below 1"
        for option, share in (
            ("--test-share", test_share),
            ("--validation-share", validation_share),
        )
        if not 0 <= share < 1
    ]
    if problems or not names:
        return {}, problems
    test = max(MIN_TEST_PAIRS, round(test_share * len(names)))
    share = round(validation_share * len(names))
    validation = max(MIN_TEST_PAIRS, share) if validation_share else 0
    if test + validation >= len(names):
        return {}, [
            f"--test-share {test_share}, --validation-share {validation_share}: of {len(names)} "
            f"pairs {test} are for testing and {validation} for validation, which leaves none to "
            "train on; lower the shares or add pairs"
        ]
    drawn = sorted(
        names, key=lambda name: hashlib.sha256(f"{seed}:{subset}:{name}".encode()).digest()
    )
    splits = ["test"] * test + ["val"] * validation + ["train"] * (len(names) - test - validation)
    return dict(zip(drawn, splits, strict=True)), []


def _faults(folder: Path, own: Path) -> list[str]:
    """What is wrong with a folder of images; `own`: where halves are written to."""
    if not folder.is_dir():
        return ["is not a folder; correct the path"]
    below = [
        f"its folder {path.name} holds images, which are not read; give it by itself, or move it"
        for path in folders_in(folder)
        if path.resolve() != own.resolve() and any(map(images_in, [path, *folders_in(path)]))
    ]
    if not images_in(folder):
        return below or ["holds no images; correct the path"]
    return below


def _by_name(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The images of a folder by their names without suffix, and those that are there twice."""
    images: dict[str, Path] = {}
    problems = []
    for path in images_in(folder):
        if path.stem in images:
            problems.append(f"{path}: {images[path.stem].name} has that name too; keep one of them")
        images.setdefault(path.stem, path)
    return images, problems


def _matched(
    photo_folder: Path, sketch_folder: Path
) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """Photo and sketch by name, and the problems met."""
    photos, problems = _by_name(photo_folder)
    sketches, more = _by_name(sketch_folder)
    problems += more
    if photos and sketches and not photos.keys() & sketches.keys():
        photo, sketch = next(iter(photos.values())), next(iter(sketches.values()))
        problems.append(
            f"{counted(len(photos), 'photo')} and {counted(len(sketches), 'sketch', 'sketches')}, "
            "and no name in common "
            f"({photo.name}, {sketch.name}): but for the extension, such as .jpg, a pair has the "
            "same name; rename them, or write the table by hand (docs/other-datasets.md)"
        )
        return {}, problems
    problems += [
        f"{path}: photo without a sketch; add {sketch_folder / path.name} or remove the photo"
        for name, path in photos.items()
        if name not in sketches
    ]
    problems += [
        f"{path}: sketch without a photo; add {photo_folder / path.name} or remove the sketch"
        for name, path in sketches.items()
        if name not in photos
    ]
    return {name: (photos[name], sketches[name]) for name in photos if name in sketches}, problems


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add `folders` to the commands of `python -m photosketch.datasets`."""
    parser = commands.add_parser(
        "folders",
        help="photos and sketches in two folders, or side by side in one",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the photos, or photos and sketches side by side")
    parser.add_argument("sketches", type=Path, nargs="?", help="the sketches, of the same names")
    parser.add_argument("--subset", default="faces", help="their subset (default: faces)")
    parser.add_argument(
        "--test-share", type=float, default=0.2, help="share of the pairs (default: 0.2)"
    )
    parser.add_argument(
        "--validation-share", type=float, default=0.0, help="share of the pairs (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.set_defaults(find=_find)
    return parser


def _find(options: argparse.Namespace, output: Path) -> Found:
    return find_pairs(
        [folder for folder in (options.folder, options.sketches) if folder],
        output,
        options.subset,
        options.test_share,
        options.validation_share,
        options.seed,
    )
