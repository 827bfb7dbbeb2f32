"""Copy published results, whose files are named by numbers (1, 2, ...) or ids, for `methods`."""

import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from photosketch.data.images import SKETCH_SUFFIXES
from photosketch.datasets.table import images_in
from photosketch.jobs.job import listed, write_atomically

PIX2PIX_SUFFIX = "_fake_B"  # pix2pix and FSGAN, for example, add this to a photo's name
Copy = tuple[Path, Path]  # source, target


def planned_copies(
    folder: Path,
    numbering: Sequence[tuple[str, str]],
    wanted: Collection[tuple[str, str]],
    target: Path,
) -> tuple[list[Copy], list[str]]:
    """The copies of a folder's results to `target`/{subset}/{id}, and the problems.

    `numbering` has (subset, id) of the results 1, 2, ...; `wanted` has (subset, id) of the existing
    test pairs. A file may also be named by the id, if the id is unique and not a number. Other
    images in `target` are a problem, because `methods` would take them for results as well.
    """
    found: dict[int, Path] = {}
    problems = []
    ids = [name for _, name in numbering]
    by_id = {name: number for number, name in enumerate(ids, start=1) if ids.count(name) == 1}
    if unnumbered := sorted(set(wanted) - set(numbering)):
        problems.append(
            f"{folder}: no result belongs to the test pairs "
            f"{listed(map(' '.join, unnumbered))}; give the --split that the results were made with"
        )
    ranges = _ranges(numbering)
    for path in images_in(folder, SKETCH_SUFFIXES):
        name = path.stem.removesuffix(PIX2PIX_SUFFIX)
        number = int(name) if name.isdecimal() else by_id.get(name, 0)
        if not 1 <= number <= len(numbering):
            problems.append(
                f"{path}: its name is neither a number from 1 to {len(numbering)} ({ranges}) nor "
                "an id of a test pair; rename or remove it"
            )
        elif number in found:
            problems.append(f"{path}: {found[number].name} is also result {number}; keep one")
        else:
            found[number] = path
    if not found:
        return [], [*problems, f"{folder}: is not a folder with results; correct the path"]
    copies, missing = [], []
    for number, (subset, name) in enumerate(numbering, start=1):
        if (subset, name) in wanted and number in found:
            suffix = found[number].suffix.lower()
            copies.append((found[number], target / subset / f"{name}{suffix}"))
        elif (subset, name) in wanted:
            missing.append(f"{number} ({subset} {name})")
    if missing:
        problems.append(
            f"{folder}: lacks the results {listed(missing)}; add them as "
            f"{', '.join(SKETCH_SUFFIXES)}. The numbers of all test pairs are {ranges}"
        )
    targets = {to for _, to in copies}
    there = [path for path in sorted(target.rglob("*")) if path.suffix.lower() in SKETCH_SUFFIXES]
    if others := [str(path) for path in there if path not in targets]:
        problems.append(
            f"{target}: has images that are not among these results, {listed(others)}; move them "
            "away, or give another --output"
        )
    return copies, problems


def write_copies(copies: Iterable[Copy]) -> None:
    """Make the copies."""
    for source, target in copies:
        with write_atomically(target) as temporary:
            shutil.copyfile(source, temporary)


def _ranges(numbering: Sequence[tuple[str, str]]) -> str:
    """`CUHK 1 to 100, AR 101 to 143`."""
    numbers: dict[str, list[int]] = {}
    for number, (subset, _) in enumerate(numbering, start=1):
        numbers.setdefault(subset, []).append(number)
    return ", ".join(f"{subset} {all[0]} to {all[-1]}" for subset, all in numbers.items())
