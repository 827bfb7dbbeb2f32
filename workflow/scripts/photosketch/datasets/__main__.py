"""`photosketch datasets NAME FOLDER ...` writes the table of pairs of a data set."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from photosketch.data.pairs import split_counts
from photosketch.datasets import apdrawing, cufs, folders, fs2k, halves, numbered
from photosketch.datasets.table import Cut, write_table
from photosketch.jobs.job import InputError, command, listed

METHOD_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as in the configuration's schema
READERS = {"cufs": cufs, "fs2k": fs2k, "apdrawing": apdrawing, "folders": folders}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="photosketch datasets",
        description="Write the table of pairs (dataset.pairs) of a data set from its files.",
    )
    commands = parser.add_subparsers(metavar="NAME", required=True)
    for name, reader in READERS.items():
        own = commands.add_parser(
            name,
            help=reader.HELP,
            description=reader.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        reader.add_arguments(own)
        _add_output(own)
    _write(parser.parse_args(arguments))
    return 0


def _add_output(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that all data sets have in common."""
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="the TSV to write, or a folder for pairs.tsv. Other files (halves of pictures, "
        "results) are written beside it",
    )
    parser.add_argument(
        "--absolute",
        action="store_true",
        help="write absolute paths to the table (default: relative to the table's folder)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--results",
        type=Path,
        action="append",
        default=[],
        metavar="NUMBERED",
        help="a folder of a method's results, numbered in the order of the test pairs or named by "
        "their ids (FS2K: photo1_image0110, also followed by _fake_B). They are copied to "
        "results/NUMBERED/SUBSET/ID beside the table, for `methods`. May be given several times",
    )


def _write(options: argparse.Namespace) -> None:
    """Find the pairs, write the table and the files beside it, and print the counts.

    Raises InputError with all problems before any file is written.
    """
    output: Path = options.output
    table = output if output.suffix.lower() == ".tsv" else output / "pairs.tsv"
    names = [folder.resolve().name for folder in options.results]
    problems = []
    for folder, name in zip(options.results, names, strict=True):
        if not METHOD_NAME.fullmatch(name):
            problems.append(
                f"{folder}: {name!r} becomes a name in `methods`, which has at most 64 letters, "
                "digits, '_' and '-', and begins with a letter or digit; rename the folder"
            )
        if names.count(name) > 1:
            problems.append(f"{folder}: two folders of results are called {name}; rename one")
    try:
        found = options.find(options, table.parent)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    test = {(pair.subset, pair.id) for pair in found.pairs if pair.split == "test"}
    copies, notes = [], [*found.notes]
    for folder, name in zip(options.results, names, strict=True):
        target = table.parent / "results" / name
        planned, faults = numbered.planned_copies(folder, found.numbering, test, target)
        copies += planned
        problems += faults
        if len(planned) < len(found.numbering):
            count = f"{len(planned)} of {len(found.numbering)}"
            notes.append(
                f"{folder}: {count} results belong to pairs in the table; the others are left out"
            )
    if not found.pairs:
        problems.append(f"{options.folder}: has no pairs; correct the path, or add images to it")
    files = [table, *(to for cut in found.cuts for to in (cut.photo, cut.sketch))]
    problems += _overwritten([*files, *(to for _, to in copies)], found.cuts, options.force)
    if problems:
        raise InputError(problems)
    write_table(found.pairs, table, absolute=options.absolute)  # first: it may refuse a path
    halves.write(found.cuts)
    numbered.write_copies(copies)
    print(*notes, sep="\n", end="\n" if notes else "", file=sys.stderr)
    print(*split_counts((pair.subset, pair.split) for pair in found.pairs), sep="\n")
    for name in names:
        print(f"methods: {{{name}: {table.parent / 'results' / name}}}")


def _overwritten(files: Iterable[Path], cuts: Iterable[Cut], force: bool) -> list[str]:
    """The problem if writing would destroy existing files (without `force`) or pictures to cut."""
    pictures = {cut.picture.resolve() for cut in cuts}
    there = [path for path in files if path.exists()]
    if own := [str(path) for path in there if path.resolve() in pictures]:
        return [f"{listed(own, 3)}: would be cut and overwritten; give another --output"]
    if there and not force:
        return [f"{listed(map(str, there), 3)}: would be overwritten; move it away, or add --force"]
    return []


if __name__ == "__main__":
    sys.exit(main())
