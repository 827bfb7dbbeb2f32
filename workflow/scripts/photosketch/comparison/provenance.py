"""What made a result: commit, versions, machine."""

import platform
import re
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

PACKAGES = ("snakemake", "torch", "torchvision", "numpy", "opencv-python-headless", "piq")


def commit(folder: str | Path) -> str:
    """The commit that is checked out in `folder`, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        head = git("rev-parse", "HEAD")
        changed = len(git("status", "--porcelain").splitlines())
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git repository"
    files = f"{changed} file{'s' if changed > 1 else ''}"
    return f"{head}, {f'with changes to {files}' if changed else 'clean'}"


def versions() -> str:
    """Python and the packages that results depend on."""
    named = [f"{name} {metadata.version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *named])


def devices(logs: Iterable[str | Path]) -> str:
    """The devices that jobs named in their logs; unknown where the logs are gone."""
    found: dict[str, None] = {}
    for path in map(Path, logs):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for name in re.findall(r"^using GPU [^:]*: (.+)$", text, re.MULTILINE):
                found[name] = None
            if re.search(r"running on the CPU$", text, re.MULTILINE):
                found[f"CPU ({platform.processor() or platform.machine()})"] = None
    return ", ".join(found) or "unknown: no logs"
