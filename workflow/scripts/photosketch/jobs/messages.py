"""Errors for people, and words for messages: counts, lists, sizes, durations.

Importing this module loads no heavy library, because the Snakefile imports it.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TextIO

SHOWN, LAST_SHOWN = 20, 4  # problems on the console; how many of them are the last problems


class InputError(Exception):
    """Input that a person has to correct. Each problem names file, value and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class InterruptedJobError(Exception):
    """A signal stopped the job. Its state is saved; the next run continues from there."""


def say(line: str, console: TextIO) -> None:
    """Print a line to the log and to the console."""
    print(line, flush=True)
    print(line, file=console, flush=True)


def first_of(problems: Sequence[str], everything: str | os.PathLike[str]) -> Sequence[str]:
    """At most 20 problems for a console, with a line that says how many more `everything` has. The
    last problems stay, because they may hold the remedy for all."""
    if len(problems) <= SHOWN:
        return problems
    more = f"and {counted(len(problems) - SHOWN, 'more problem')}: all are in {everything}"
    return [*problems[: SHOWN - LAST_SHOWN], more, *problems[-LAST_SHOWN:]]


def counted(number: int, one: str, several: str = "") -> str:
    """`1 photo`, `2 photos`; `several` is an irregular plural."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def listed(names: Iterable[str], most: int = 10) -> str:
    """`a, b, c`; after the first `most` names, the number of the others."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def size_in_words(size: int) -> str:
    """A size in bytes, such as 3.2 MB or 120 bytes."""
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size:,} bytes"


def duration_in_words(seconds: float) -> str:
    """A duration in its two largest units, rounded: 41 s, 12 min, 2 h 10 min, 3 d 4 h."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
