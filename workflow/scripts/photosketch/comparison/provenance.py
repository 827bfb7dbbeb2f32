"""What made a result: commit, versions, machine, configuration."""

import os
import platform
import re
import subprocess
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from photosketch import config
from photosketch.pairs import Pair, counts_in_words

PROJECT = Path(__file__).parents[4]
PACKAGES = (
    *("snakemake", "torch", "torchvision", "numpy", "opencv-python-headless", "piq"),
    *("pytorch-fid", "efficientnet-lite-pytorch"),
)
EXTRAS = ("onnxruntime", "dlib-bin")


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
            "Commit": commit(PROJECT),
            "Versions": versions(),
            "Devices": devices(sorted(logs.glob("train/*/*.log"))),
            "Split": counts_in_words(manifest),
        },
        {name: config.ablation_config(settings, name).hparams() for name in ablations},
        yaml.safe_dump({**settings, "ablations": defined}, sort_keys=False, allow_unicode=True),
    )


def commit(project: Path) -> str:
    """The commit that is checked out in the folder `project`, and whether files differ from it.

    Unknown where the folder is no repository itself, but lies within another.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(project), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel")).samefile(project):
            return "unknown: not a git repository of its own"
        head = git("rev-parse", "HEAD")
        changed = len(git("status", "--porcelain").splitlines())
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git repository"
    files = f"{changed} file{'s' if changed > 1 else ''}"
    return f"{head}, {f'with changes to {files}' if changed else 'clean'}"


def versions() -> str:
    """Python and the packages that results depend on."""
    installed = {distribution.name for distribution in metadata.distributions()}
    packages = [*PACKAGES, *(name for name in EXTRAS if name in installed)]
    named = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *named])


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
