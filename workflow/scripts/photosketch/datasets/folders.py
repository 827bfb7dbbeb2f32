"""The table of pairs of photos and sketches in two folders, or side by side in one folder.

    photosketch datasets folders PHOTOS SKETCHES --test-share 0.2 --output mine
    photosketch datasets folders PICTURES --test-share 0.2 --output mine

In two folders a photo and its sketch have the same name; the suffix may differ. In one folder each
picture has the photo on the left and the sketch on the right; the halves are written to
halves/{photos,sketches}/NAME.png beside the table. The choice of the test pairs depends only on
--seed and the names, so it is the same on every machine.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from photosketch.data.pairs import MIN_TEST_PAIRS, clashes, name_problem
from photosketch.datasets import table
from photosketch.datasets.table import Found, ListedPair
from photosketch.jobs.messages import InputError, counted

HELP = "photos and sketches in two folders, or side by side in one"


def find_pairs(
    folders: Sequence[Path],
    output: Path,
    subset: str = "faces",
    test_share: float = 0.2,
    validation_share: float = 0.0,
    seed: int = 0,
) -> Found:
    """All pairs in ascending order of their names, with one folder to be cut into `output`/halves.
    The shares are parts of all pairs, 0 to 1, each at least two pairs; a validation_share of 0
    means none. Raises InputError with all problems."""
    unusable = name_problem("subset", subset)
    problems = [f"--subset: {fault}" for fault in ([unusable] if unusable else clashes([subset]))]
    images: list[dict[str, Path]] = []
    beside: list[Path] = []
    for folder in folders:
        images.append(table.images_by_name(folder, problems))
        more = table.with_images(table.folders_in(folder), output / "halves")
        beside += more
        if not folder.is_dir():
            problems.append(f"{folder}: is not a folder; correct the path")
        elif not images[-1]:
            hint = f" (its folder {more[0].name} does)" if more else ""
            problems.append(f"{folder}: has no images{hint}; correct the path")
    if not all(images):
        raise InputError(problems)
    photos, *rest = images
    if rest:
        sketches = rest[0]
        problems += _unmatched(photos, sketches)
        problems += table.unusable_names({**sketches, **photos}.values())
        files = {id: (photos[id], sketches[id]) for id in photos if id in sketches}
    else:
        files = table.planned_halves(photos.values(), output, problems)
    splits, faults = draw_splits([*files], subset, test_share, validation_share, seed)
    if problems := problems + faults:
        raise InputError(problems)
    pairs = [ListedPair(subset, id, splits[id], *places) for id, places in files.items()]
    return Found(pairs, table.left_aside(beside), [] if rest else list(photos.values()))


def draw_splits(
    names: Sequence[str], subset: str, test_share: float, validation_share: float, seed: int
) -> tuple[dict[str, str], list[str]]:
    """The split of each name, and the problems of the shares. Of the names sorted by a hash of
    seed, subset and name, the first are for testing, the next for validation."""
    problems = [
        f"--{part}-share {share}: is not a share; give a number from 0 to below 1"
        for part, share in (("test", test_share), ("validation", validation_share))
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
    keys = {name: f"{seed}:{subset}:{name}".encode(errors="surrogateescape") for name in names}
    drawn = sorted(names, key=lambda name: hashlib.sha256(keys[name]).digest())
    splits = ["test"] * test + ["val"] * validation + ["train"] * (len(names) - test - validation)
    return dict(zip(drawn, splits, strict=True)), []


def _unmatched(photos: dict[str, Path], sketches: dict[str, Path]) -> list[str]:
    """The images without a partner of the same name; one problem if no image has a partner."""
    if photos.keys() & sketches.keys():
        return table.unpaired(photos, sketches)
    photo, sketch = next(iter(photos.values())), next(iter(sketches.values()))
    return [
        f"{counted(len(photos), 'photo')} and {counted(len(sketches), 'sketch', 'sketches')} have "
        f"no name in common ({photo.name}, {sketch.name}); give photo and sketch of a pair the "
        "same name before the suffix, or write the table by hand (docs/other-datasets.md)"
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the photos, or photos and sketches side by side")
    parser.add_argument("sketches", type=Path, nargs="?", help="the sketches, with the same names")
    parser.add_argument("--subset", default="faces", help="name of the subset (default: faces)")
    for part, default in {"test": 0.2, "validation": 0.0}.items():
        told = f"share of the pairs (default: {default:g})"
        parser.add_argument(f"--{part}-share", type=float, default=default, help=told)
    parser.add_argument("--seed", type=int, default=0, help="of the random choice (default: 0)")
    parser.set_defaults(
        find=lambda options, output: find_pairs(
            [folder for folder in (options.folder, options.sketches) if folder],
            output,
            options.subset,
            options.test_share,
            options.validation_share,
            options.seed,
        )
    )
