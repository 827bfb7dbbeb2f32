"""What code made a result: the commit that is checked out, and the packages' versions."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).parents[4]
TRACKED = "workflow/scripts/photosketch"  # which no commit of another repository holds
PACKAGES = (
    *("snakemake", "torch", "torchvision", "numpy", "opencv-python-headless", "piq"),
    *("pytorch-fid", "efficientnet-lite-pytorch"),
)
EXTRAS = ("onnxruntime", "dlib-bin")


def commit(project: Path) -> str:
    """The commit that is checked out in the folder `project`, and whether files differ from it.

    Unknown where the folder is no repository itself, but lies within another, or is the top of one
    whose commit does not hold this code.
    """
    try:
        head = _head(project)
        changed = len(_git(project, "status", "--porcelain").splitlines())
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git repository"
    if head is None:
        return "unknown: not a git repository of its own"
    files = f"{changed} file{'s' if changed > 1 else ''}"
    return f"{head}, {f'with changes to {files}' if changed else 'clean'}"


def head(project: Path) -> str | None:
    """The hash of the commit that is checked out in the folder; None where it is no repository."""
    try:
        return _head(project)
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> str:
    """Python and the packages that results depend on."""
    installed = {one.name: one.version for one in metadata.distributions()}
    named = [f"{name} {installed.get(name, 'unknown')}" for name in PACKAGES]
    named += [f"{name} {installed[name]}" for name in EXTRAS if name in installed]
    return ", ".join([f"Python {platform.python_version()}", *named])


def _head(project: Path) -> str | None:
    if not Path(_git(project, "rev-parse", "--show-toplevel")).samefile(project):
        return None
    tracked = _git(project, "ls-tree", "HEAD", "--", TRACKED)
    return _git(project, "rev-parse", "HEAD") if tracked else None


def _git(project: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(project), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()
