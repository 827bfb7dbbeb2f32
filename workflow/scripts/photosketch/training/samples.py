"""The files of drawn sketches: from inference, or sketches by other programs, in the same form."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.data.pairs import Pair
from photosketch.data.storage import intact, read_arrays, require_rows, write_arrays

NAMES = ("ids", "subset", "sketches", "drawn_by")


@dataclass(frozen=True)
class Samples:
    """Sketches with the pairs they belong to: ids [N], subset [N], sketches [N, H, W] uint8.
    `drawn_by`: `inference.statistics` and the hyper-parameters of the generator; empty for other
    people's sketches."""

    ids: np.ndarray
    subset: np.ndarray
    sketches: np.ndarray
    drawn_by: Mapping[str, Any] = field(default_factory=dict)

    def of(self, subset: str, ids: Sequence[str]) -> list[np.ndarray]:
        """The sketches [H, W] of these people of a subset."""
        people = zip(self.subset.tolist(), self.ids.tolist(), strict=True)
        sketches = dict(zip(people, self.sketches, strict=True))
        return [sketches[subset, id] for id in ids]


def ids_and_subsets(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """The ids [N] and the subsets [N] of pairs."""
    return np.array([pair.id for pair in pairs]), np.array([pair.subset for pair in pairs])


def write_samples(samples: Samples, path: str | Path) -> None:
    arrays = {**vars(samples), "drawn_by": json.dumps(samples.drawn_by)}
    write_arrays(path, arrays, compressed=True)


def read_samples(path: str | Path, people: Sequence[tuple[str, str]] | None = None) -> Samples:
    """Read what `write_samples` wrote. Raises InputError if the sketches are not those of `people`
    (subset, id), if given, in order."""
    stage = "infer or collect_sketches"
    arrays = read_arrays(path, stage, NAMES)
    with intact(path, stage):
        samples = Samples(**{**arrays, "drawn_by": json.loads(str(arrays["drawn_by"]))})
    if people is not None:
        drawn = zip(samples.subset.tolist(), samples.ids.tolist(), strict=True)
        require_rows(path, stage, drawn, people, "the people of the table of pairs")
    return samples
