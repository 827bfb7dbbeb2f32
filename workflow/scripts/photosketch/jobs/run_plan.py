"""The plan of a run, a file for its jobs: the versions of the scripts and the command's options.

On a cluster each job is a Snakemake of its own, which would take the code on the disk for the
planned code.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from photosketch.jobs.code_version import SCRIPTS, code_version
from photosketch.jobs.disk import write_atomically


def let_jobs_import(library: str) -> None:
    """Let this process's jobs import the library in that folder, even if another is installed."""
    search = filter(None, [library, os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join(search)


def plan_file(run: str) -> Path:
    """The path of a run's plan, relative to the working directory."""
    return Path(".snakemake", "plans", f"{run}.json")


def options(
    cores: int | None, snakefile: Path, config_files: Iterable[Path], values: Mapping[str, Any]
) -> list[str]:
    """The command-line options that request this run again from the working directory, with the
    `config_files` of --configfile and the `values` of --config."""
    words = ["--cores", str(cores or 1)]
    if snakefile.resolve().parent != Path.cwd():
        words += ["--snakefile", str(snakefile)]
    if files := [_from_here(path) for path in config_files]:
        words += ["--configfile", *files]
    if values:
        words += ["--config", *(f"{key}={json.dumps(value)}" for key, value in values.items())]
    return words


def write_plan(path: Path, options: Sequence[str]) -> None:
    """Write the version of every script, as this process knows it, and the options."""
    names = sorted(script.name for script in SCRIPTS.glob("*.py"))
    plan = {"versions": {name: code_version(name) for name in names}, "options": options}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")


def planned_version(path: Path, script: str) -> str | None:
    """The version of a script in the plan at `path`; None if the plan does not have the script."""
    return _read(path).get("versions", {}).get(script)


def command(run: str, *targets: str) -> str:
    """The shell command for other targets of a planned run."""
    return typed(_read(plan_file(run)).get("options", ["--cores", "1"]), *targets)


def typed(options: Sequence[str], *targets: str) -> str:
    """The shell command for targets. They come first: --configfile would take them for files."""
    program = _from_here(Path(sys.executable).parent / "snakemake")
    return shlex.join([program, *targets, *options])


def _read(path: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return plan


def _from_here(path: Path) -> str:
    """A path as typed in the working directory; with `./` if the name looks like an option."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    name = str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
    return f"./{name}" if name.startswith("-") else name
