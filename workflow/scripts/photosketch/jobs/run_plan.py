"""What a run was planned as, handed on to its jobs: the versions of the scripts, and how it was
asked for.

On a cluster a job is a Snakemake of its own, which would take the code on the disk for what was
planned.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from photosketch.jobs.code_version import SCRIPTS, code_version
from photosketch.jobs.job import write_atomically


def let_jobs_import(library: str) -> None:
    """Let this process's jobs import the library in this folder, even if their environment has
    installed another one."""
    found = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{library}{os.pathsep}{found}" if found else library


def say_stopped(by: str) -> None:
    """The last line of a run that a person has stopped."""
    print(f"stopped by {by}: run the same command again to go on", file=sys.stderr)


def tell_ctrl_c(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """One line in place of a traceback for Ctrl-C while jobs are planned, or pressed twice."""
    if issubclass(kind, KeyboardInterrupt):
        say_stopped("Ctrl-C")
    else:
        sys.__excepthook__(kind, error, trace)


def plan_file(run: str) -> Path:
    """Where the plan of a run is, from the working directory."""
    return Path(".snakemake", "plans", f"{run}.json")


def options(
    cores: int | None,
    snakefile: Path,
    config_files: Iterable[Path],
    values: Mapping[str, Any],
) -> list[str]:
    """The options that ask for the same run, once they are typed in the working directory.

    `config_files` are the user's own, in their order; `values` those given by --config.
    """
    words = ["--cores", str(cores or 1)]
    if snakefile.resolve().parent != Path.cwd():
        words += ["--snakefile", str(snakefile)]
    if files := [_from_here(path) for path in config_files]:
        words += ["--configfile", *files]
    if values:
        words += ["--config", *(f"{key}={json.dumps(value)}" for key, value in values.items())]
    return words


def write_plan(path: Path, options: Sequence[str]) -> None:
    """Write (JSON) the version of every script as it is known to this process, and the options."""
    names = sorted(script.name for script in SCRIPTS.glob("*.py"))
    plan = {"versions": {name: code_version(name) for name in names}, "options": options}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")


def planned_version(path: Path, script: str) -> str | None:
    """The version of a script by the plan at `path`; None if that doesn't have it."""
    return _read(path).get("versions", {}).get(script)


def command(path: Path, *targets: str) -> str:
    """The command for other targets of the run that was planned at `path`, as it is typed.

    Targets come first: --configfile would take them for files.
    """
    return typed(_read(path).get("options", ["--cores", "1"]), *targets)


def typed(options: Sequence[str], *targets: str) -> str:
    """The command for targets with such options."""
    program = _from_here(Path(sys.executable).parent / "snakemake")
    return shlex.join([program, *targets, *options])


def _read(path: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return plan


def _from_here(path: Path) -> str:
    """A path as it is typed in the working directory."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    name = str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
    return f"./{name}" if name.startswith("-") else name  # else taken for an option
