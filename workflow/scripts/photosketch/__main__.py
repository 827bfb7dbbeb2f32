"""The commands of photosketch, each with its own --help.

    photosketch datasets    write the table of pairs of a data set from its files
    photosketch estimate    estimate the jobs, disk, memory and time of a run
    photosketch train       train one ablation on a machine without the workflow
    photosketch draw        draw the faces of photos with a trained generator

Snakemake runs the workflow itself, from the project's folder (README.md).
"""

import argparse
import sys
from collections.abc import Sequence

from photosketch.jobs.provenance import PROJECT

COMMANDS = ("datasets", "estimate", "train", "draw")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="photosketch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    hidden = argparse.SUPPRESS
    parser.add_argument("command", choices=COMMANDS, help=hidden)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=hidden)
    asked = parser.parse_args(arguments)
    try:
        return _run(asked.command, asked.arguments)
    except ModuleNotFoundError as error:
        if (error.name or "photosketch").startswith("photosketch"):
            raise
        print(
            f"photosketch {asked.command}: the package {error.name} is not installed for "
            f"{sys.executable}; run `make setup` in {PROJECT} and use its .venv, or "
            f"{sys.executable} -m pip install -r {PROJECT}/requirements.txt",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:  # while a command's modules are imported, which takes seconds
        print("interrupted by Ctrl-C", file=sys.stderr)
        return 130


def _run(command: str, arguments: Sequence[str]) -> int:
    """Import and run a command: each loads only what it needs."""
    if command == "datasets":
        from photosketch.datasets.__main__ import main as run
    elif command == "estimate":
        from photosketch.estimate.__main__ import main as run
    elif command == "train":
        from photosketch.training.__main__ import main as run
    else:
        from photosketch.draw.__main__ import main as run
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
