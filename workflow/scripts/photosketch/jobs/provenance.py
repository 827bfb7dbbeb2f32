"""What code made a result: the commit that is checked out, and the packages' versions."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).parents[4]
TRACKED = "workflow/scripts/photosketch"  # no commit of another repository has it
CODE = ("Snakefile", "workflow")
PACKAGES = (
    *("snakemake", "torch", "torchvision", "numpy", "opencv-python-headless", "piq"),
    *("pytorch-fid", "efficientnet-lite-pytorch"),
)
EXTRAS = ("onnxruntime", "dlib-bin")


def head(project: Path) -> str | None:
    """The hash of the commit that is checked out in the folder.

    None if the folder is not the top of a repository, or its commit does not hold this code.
    """
    top = _git(project, "rev-parse", "--show-toplevel")
    is_own = top and Path(top).samefile(project) and _git(project, "ls-tree", "HEAD", "--", TRACKED)
    return _git(project, "rev-parse", "HEAD") if is_own else None


def commit(project: Path) -> str:
    """The commit that is checked out in the folder `project`, and whether tracked files of the code
    differ from it. The configuration is recorded by itself."""
    checked_out = head(project)
    if checked_out is None:
        own = " of its own" if _git(project, "rev-parse", "--show-toplevel") else ""
        return f"unknown: not a git repository{own}"
    changed = len((_git(project, "diff", "--name-only", "HEAD", "--", *CODE) or "").splitlines())
    files = f"{changed} file{'s' if changed > 1 else ''}"
    return f"{checked_out}, {f'with changes to {files}' if changed else 'clean'}"


def versions() -> str:
    """Python and the packages that results depend on."""
    installed = {one.name: one.version for one in metadata.distributions()}
    named = [f"{name} {installed.get(name, 'unknown')}" for name in PACKAGES]
    named += [f"{name} {installed[name]}" for name in EXTRAS if name in installed]
    return ", ".join([f"Python {platform.python_version()}", *named])


def _git(project: Path, *arguments: str) -> str | None:
    """What git prints; None if it fails or is not there."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(project), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
