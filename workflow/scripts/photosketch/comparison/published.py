"""Values that others have published, to stand beside a run's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """FID by subset (`all`: the pooled test set) as printed in `source`, and the network of its
    features, as tables name it."""

    name: str
    source: str
    features: str
    fid: Mapping[str, float]

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return f"{self.name} (published)"


def from_hparams(published: Mapping[str, Mapping[str, Any]]) -> list[Published]:
    """From the section `published` of the configuration."""
    return [Published(name, **entry) for name, entry in published.items()]


def remarks(shown: Sequence[Published], left_out: Sequence[Published]) -> list[str]:
    """What a reader has to know of the values that are shown, and which are not and why."""
    by_source: dict[str, list[str]] = {}
    for entry in shown:
        by_source.setdefault(entry.source, []).append(entry.name)
    sources = "; ".join(f"{', '.join(names)}: {source}" for source, names in by_source.items())
    texts = []
    if shown:
        texts.append(
            "Published values are as printed, of their authors' runs and program: they can be held "
            f"against this column only where test people and scoring are the same. {sources}."
        )
    if left_out:
        listed = ", ".join(f"{entry.name} ({entry.features})" for entry in left_out)
        texts.append(f"Published values left out, because they are of other features: {listed}.")
    return texts
