"""The code that made a result: the checked-out commit and the versions of packages."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from photosketch.jobs.messages import counted

PROJECT = Path(__file__).parents[4]
TRACKED = "workflow/scripts/photosketch"  # not in the commits of other repositories
CODE = ("Snakefile", "workflow")
PACKAGES = (
    *("snakemake", "torch", "torchvision", "numpy", "opencv-python-headless", "piq"),
    *("pytorch-fid", "efficientnet-lite-pytorch"),
)
EXTRAS = ("onnxruntime", "dlib-bin")


def head(project: Path) -> str | None:
    """The hash of the checked-out commit; None if `project` is not the top folder of a repository
    that has this code."""
    top = _git(project, "rev-parse", "--show-toplevel")
    is_own = top and Path(top).samefile(project) and _git(project, "ls-tree", "HEAD", "--", TRACKED)
    return _git(project, "rev-parse", "HEAD") if is_own else None


def commit(project: Path) -> str:
    """The checked-out commit, and how many of its code files were changed since. Changes of the
    configuration do not count, because the configuration is recorded elsewhere."""
    checked_out = head(project)
    if checked_out is None:
        return "unknown: not a git repository of its own"
    changed = len((_git(project, "diff", "--name-only", "HEAD", "--", *CODE) or "").splitlines())
    changes = f"with changes to {counted(changed, 'file')}" if changed else "clean"
    return f"{checked_out}, {changes}"


def versions() -> str:
    """The versions of Python and of the packages that results depend on."""
    installed = {one.name: one.version for one in metadata.distributions()}
    named = [f"{name} {installed.get(name, 'unknown')}" for name in PACKAGES]
    named += [f"{name} {installed[name]}" for name in EXTRAS if name in installed]
    return ", ".join([f"Python {platform.python_version()}", *named])


def _git(project: Path, *arguments: str) -> str | None:
    """The output of git; None if git fails or is not installed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(project), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
