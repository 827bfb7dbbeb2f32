"""What made a result: commit, versions, machine, configuration."""

import platform
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from photosketch.configuration import settings as config
from photosketch.data.pairs import Pair, counts_in_words
from photosketch.jobs import provenance


@dataclass(frozen=True)
class Provenance:
    """Of the run named `run`: `facts` in words, by name; the hyper-parameters of each ablation; the
    whole configuration as YAML."""

    run: str
    facts: Mapping[str, str]
    hparams: Mapping[str, Mapping[str, Any]]
    configuration: str


def gather(
    settings: Mapping[str, Any],
    ablations: Sequence[str],
    manifest: Sequence[Pair],
    logs: Path,
    points: Container[str] = (),
) -> Provenance:
    """`settings`: the whole configuration; `logs`: the folder of the run's logs; `points`: the
    ablations that sweeps have added to what was written."""
    defined = {name: own for name, own in settings["ablations"].items() if name not in points}
    return Provenance(
        settings["run"],
        {
            "Commit": provenance.commit(provenance.PROJECT),
            "Versions": provenance.versions(),
            "Devices": devices(sorted(logs.glob("train/*/*.log"))),
            "Split": counts_in_words(manifest),
        },
        {name: config.ablation_config(settings, name).hparams() for name in ablations},
        yaml.safe_dump({**settings, "ablations": defined}, sort_keys=False, allow_unicode=True),
    )


def devices(logs: Iterable[str | Path]) -> str:
    """The devices that jobs named in their logs; unknown where the logs are gone."""
    names: dict[str, None] = {}
    for path in map(Path, logs):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for name in re.findall(r"^using GPU [^:]*: (.+)$", text, re.MULTILINE):
                names[name] = None
            if re.search(r"running on the CPU$", text, re.MULTILINE):
                names[f"CPU ({platform.processor() or platform.machine()})"] = None
    return ", ".join(names) or "unknown: no logs"
