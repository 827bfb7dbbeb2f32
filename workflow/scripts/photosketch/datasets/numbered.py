"""Published results as folders of files 1, 2, ..., brought to the names that `methods` takes."""

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photosketch.data.images import SKETCH_SUFFIXES
from photosketch.datasets.table import folders_in, images_in, listed
from photosketch.jobs.job import write_atomically


@dataclass(frozen=True)
class Copy:
    """A file and the one it is copied to."""

    source: Path
    target: Path


def planned(
    folder: Path,
    numbering: Sequence[tuple[str, str]],
    wanted: Collection[tuple[str, str]],
    target: Path,
) -> tuple[list[Copy], list[str]]:
    """The copies of a folder's results to `target`/{subset}/{id}, and the problems met.

    numbering: (subset, id) of the results 1, 2, ...; wanted: of the test pairs that are there.
    Results of others are left out. Images that `target` already holds under other names are a
    problem.
    """
    if not folder.is_dir():
        return [], [f"{folder}: is no folder; give one with results 1 to {len(numbering)}"]
    found: dict[int, Path] = {}
    problems = [
        f"{path}: holds images, and results are looked for in {folder} itself; give this folder, "
        "or move it away"
        for path in folders_in(folder)
        if images_in(path)
    ]
    for path in images_in(folder):
        number = int(path.stem) if path.stem.isdecimal() else 0
        if not 1 <= number <= len(numbering):
            problems.append(
                f"{path}: is called by no number from 1 to {len(numbering)} ("
                f"{_ranges(numbering)}); rename or remove it"
            )
        elif number in found:
            problems.append(f"{path}: {found[number].name} is result {number} too; keep one")
        elif path.suffix.lower() not in SKETCH_SUFFIXES:
            suffixes = ", ".join(SKETCH_SUFFIXES)
            problems.append(f"{path}: results are read as {suffixes}; save it so")
        else:
            found[number] = path
    copies, missing = [], []
    for number, (subset, name) in enumerate(numbering, start=1):
        if (subset, name) not in wanted:
            continue
        if number in found:
            suffix = found[number].suffix.lower()
            copies.append(Copy(found[number], target / subset / f"{name}{suffix}"))
        else:
            missing.append(f"{number} ({subset} {name})")
    if missing and found:
        problems.append(
            f"{folder}: lacks the results {listed(missing)}; add them. Numbers go over all test "
            f"pairs: {_ranges(numbering)}"
        )
    elif missing:
        problems.append(f"{folder}: holds no results 1 to {len(numbering)}; correct the path")
    return copies, problems + _left_over(target, {copy.target for copy in copies})


def write(copies: Iterable[Copy]) -> None:
    """Make the copies."""
    for copy in copies:
        with write_atomically(copy.target) as temporary:
            shutil.copyfile(copy.source, temporary)


def _left_over(target: Path, planned: Collection[Path]) -> list[str]:
    """Images in a folder that is written to, of an earlier call for example, which `methods` would
    take for results as well."""
    others = [
        str(path)
        for path in sorted(target.rglob("*"))
        if path.suffix.lower() in SKETCH_SUFFIXES and path not in planned and path.is_file()
    ]
    if not others:
        return []
    return [
        f"{target}: holds images that are none of these results, {listed(others)}; move them away, "
        "or give another --output"
    ]


def _ranges(numbering: Sequence[tuple[str, str]]) -> str:
    """`CUHK 1 to 100, AR 101 to 143`."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, (subset, _) in enumerate(numbering, start=1):
        first.setdefault(subset, number)
        last[subset] = number
    return ", ".join(f"{subset} {first[subset]} to {last[subset]}" for subset in first)
