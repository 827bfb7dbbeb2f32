"""`python -m photosketch.datasets NAME FOLDER ...` writes the table of pairs of a data set."""

import argparse
import sys
from collections.abc import Sequence

from photosketch.datasets import cufs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m photosketch.datasets",
        description="Write the table of pairs (dataset.pairs) of a data set from what is on disk.",
    )
    commands = parser.add_subparsers(metavar="NAME", required=True)
    cufs.add_command(commands)
    options = parser.parse_args(arguments)
    return options.write(options)


if __name__ == "__main__":
    sys.exit(main())
