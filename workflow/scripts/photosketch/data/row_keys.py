"""The rows of a table, held by their keys against those that it must have."""

import os
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from photosketch.jobs.job import InputError

Key = Sequence[Hashable]  # such as (subset, id)
SHOWN = 10  # rows that a message names, of each kind


def faults(found: Iterable[Key], expected: Iterable[Key]) -> list[str]:
    """What keeps the rows from being the expected ones, in words; nothing where they are the same,
    in the same order."""
    found, expected = [tuple(key) for key in found], [tuple(key) for key in expected]
    if found == expected:
        return []
    counts, wanted = Counter(found), set(expected)
    kinds = {
        "lacks": [key for key in expected if key not in counts],
        "repeats": [key for key, count in counts.items() if count > 1],
        "has besides": [key for key in counts if key not in wanted],
    }
    return [f"{word} {_named(keys)}" for word, keys in kinds.items() if keys] or [
        "has its rows in another order"
    ]


def problems(
    path: str | os.PathLike[str],
    stage: str,
    found: Iterable[Key],
    expected: Iterable[Key],
    source: str = "",
) -> list[str]:
    """The problem of a file whose rows are not the expected ones; none where they are.

    `stage` writes the file again, `source` says what the expected rows are from.
    """
    wrong = faults(found, expected)
    held = f"held against {source}, it " if source else ""
    remedy = f"delete it: it is written again by {stage}"
    return [f"{path}: {held}{'; '.join(wrong)}; {remedy}"] if wrong else []


def require(
    path: str | os.PathLike[str],
    stage: str,
    found: Iterable[Key],
    expected: Iterable[Key],
    source: str = "",
) -> None:
    """Raise InputError with the problem of `problems`, where there is one."""
    if found_problems := problems(path, stage, found, expected, source):
        raise InputError(found_problems)


def require_once(path: str | os.PathLike[str], stage: str, found: Iterable[Key]) -> None:
    """Raise InputError where a row is in a file more than once."""
    found = [tuple(key) for key in found]
    require(path, stage, found, dict.fromkeys(found))


def _named(keys: Sequence[Key]) -> str:
    names = ", ".join(" ".join(map(str, key)) for key in keys[:SHOWN])
    return f"{names} and {len(keys) - SHOWN} more" if len(keys) > SHOWN else names
