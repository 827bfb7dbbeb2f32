"""A hash of the code that a stage's result depends on: its script and the modules it imports.

Every rule has this hash among its params, because Snakemake does not track imported modules. A
regular expression finds the (absolute) imports in a tenth of the time of Python's parser.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
LIBRARY = SCRIPTS / "photosketch"
# The configuration reaches a result through params. The jobs package decides how a script runs, not
# what it computes (but for the threads). No stage reads TensorBoard's log.
EXEMPT = {
    *(LIBRARY / "configuration").glob("*.py"),
    *(LIBRARY / "jobs").glob("*.py"),
    LIBRARY / "geometry" / "patch_checks.py",
    LIBRARY / "training" / "tensorboard_log.py",
} - {LIBRARY / "jobs" / "threads.py"}
# `from photosketch.a import b, c`, also in parentheses with comments; `import photosketch.a, ...`
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(photosketch[\w.]*)[ \t]+)?import[ \t]+"
    r"(\((?:#.*|[^)#])*\)|[^(\n]+)",
    re.MULTILINE,
)


@cache
def code_version(script: str) -> str:
    """Hash of a script in workflow/scripts and of all library code it imports."""
    digest = hashlib.sha256()
    for path in reached_files(SCRIPTS / script):
        digest.update(f"{path.relative_to(SCRIPTS)}\0{_content_hash(path)}\0".encode())
    return digest.hexdigest()


def reached_files(script: Path) -> list[Path]:
    """The script, all library modules it imports but the exempt ones, and their data files, sorted.
    A data file lies beside a module and has its name with another suffix."""
    reached: set[Path] = set()
    waiting = {script}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= _imported(module) - reached - EXEMPT
    return sorted(reached.union(*map(_data_files, reached)))


@cache
def _imported(module: Path) -> frozenset[Path]:
    """The library modules that a module imports, at its top or within functions."""
    found = []
    for package, listed in _IMPORT.findall(module.read_text(encoding="utf-8")):
        items = re.sub(r"#.*", "", listed).strip("() \n").split(",")
        for name in (item.split()[0] for item in items if item.split()):
            if package:
                found.append(_module(f"{package}.{name}") or _module(package))
            elif name.startswith("photosketch."):
                found.append(_module(name))
    return frozenset(path for path in found if path)


@cache
def _module(name: str) -> Path | None:
    """The file of a module `photosketch.a.b`; None for a folder and for a name within a module."""
    path = SCRIPTS.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache
def _data_files(module: Path) -> frozenset[Path]:
    beside = module.parent.glob(f"{module.stem}.*")
    # without the backups of editors and merges, such as losses.py~ and losses.py.orig
    return frozenset(path for path in beside if not path.name.startswith(module.name))


@cache
def _content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
