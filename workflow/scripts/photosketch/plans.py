"""The versions of the scripts that a run was planned with, handed on to its jobs on a cluster.

There a job is a Snakemake of its own, which would take the code on the disk for what was planned.
"""

import json
from pathlib import Path

from photosketch.runtime import write_atomically
from photosketch.versions import SCRIPTS, code_version


def write_plan(path: Path) -> None:
    """Write (JSON) the version of every script as it is known to this process."""
    plan = {script.name: code_version(script.name) for script in sorted(SCRIPTS.glob("*.py"))}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")


def planned_version(path: Path, script: str) -> str | None:
    """The version of a script by the plan at `path`; None where there is no plan, or
    none of it."""
    return json.loads(path.read_text(encoding="utf-8")).get(script) if path.is_file() else None
