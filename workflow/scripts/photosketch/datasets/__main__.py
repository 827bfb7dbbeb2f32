"""`photosketch datasets NAME FOLDER ...` writes the table of pairs of a data set."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from photosketch.configuration.settings import NAME
from photosketch.data.pairs import split_counts
from photosketch.datasets import apdrawing, cufs, folders, fs2k
from photosketch.datasets.table import planned_copies, write_copies, write_halves, write_table
from photosketch.jobs.job import command
from photosketch.jobs.messages import InputError, listed

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
        own.add_argument(
            "--output",
            type=Path,
            required=True,
            help="the TSV to write, or a folder for pairs.tsv. Other files (halves of pictures, "
            "results) are written beside it",
        )
        own.add_argument(
            "--absolute",
            action="store_true",
            help="write absolute paths to the table (default: relative to the table's folder)",
        )
        own.add_argument("--force", action="store_true", help="overwrite existing files")
        own.add_argument(
            "--results",
            type=Path,
            action="append",
            default=[],
            metavar="NUMBERED",
            help="a folder of a method's results, numbered in the order of the test pairs or named "
            "by their ids (FS2K: photo1_image0110, also followed by _fake_B). They are copied to "
            "results/NUMBERED/SUBSET/ID beside the table, for `methods`. May be given several "
            "times",
        )
    _write(parser.parse_args(arguments))
    return 0


def _write(options: argparse.Namespace) -> None:
    """Find the pairs, write the table and the files beside it, and print the counts. Raises
    InputError with all problems before any file is written."""
    output: Path = options.output
    table = output if output.suffix.lower() == ".tsv" else output / "pairs.tsv"
    names = [folder.resolve().name for folder in options.results]
    targets = [table.parent / "results" / name for name in names]
    problems = []
    for folder, name in zip(options.results, names, strict=True):
        if not re.fullmatch(NAME, name) or len(name) > 64:
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
    tested = [(pair.subset, pair.id) for pair in found.pairs if pair.split == "test"]
    numbering = found.numbered or tested
    copies, notes = [], [*found.notes]
    for folder, target in zip(options.results, targets, strict=True):
        planned = planned_copies(folder, numbering, tested, target, problems)
        copies += planned
        if len(planned) < len(numbering):
            count = f"{len(planned)} of {len(numbering)}"
            notes.append(
                f"{folder}: {count} results belong to pairs in the table; the others are left out"
            )
    if not found.pairs:
        problems.append(f"{options.folder}: has no pairs; correct the path, or add images to it")
    files = [table, *(to for _, to in copies)]
    if found.pictures:
        files += [half for pair in found.pairs for half in (pair.photo, pair.sketch)]
    there = [path for path in files if path.exists()]
    pictures = {picture.resolve() for picture in found.pictures}
    if own := [str(path) for path in there if path.resolve() in pictures]:
        problems.append(f"{listed(own, 3)}: would be cut and overwritten; give another --output")
    elif there and not options.force:
        problems.append(
            f"{listed(map(str, there), 3)}: would be overwritten; move it away, or add --force"
        )
    if problems:
        raise InputError(problems)
    write_table(found.pairs, table, absolute=options.absolute)  # first: it may refuse a path
    write_halves(found)
    write_copies(copies)
    for note in notes:
        print(note, file=sys.stderr)
    print(*split_counts(found.pairs), sep="\n")
    for name, target in zip(names, targets, strict=True):
        print(f"methods: {{{name}: {target}}}")


if __name__ == "__main__":
    sys.exit(main())
