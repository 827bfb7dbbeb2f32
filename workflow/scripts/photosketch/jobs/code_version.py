"""What a stage's result depends on besides its input: the code that its script reaches.

Snakemake tracks a script by the time of its file and imported modules not at all, so every rule has
this hash among its params. Imports are found by a regular expression, which takes a tenth of the
time that parsing takes; a test compares them with those of Python's own parser. So imports of the
library are absolute, and `__init__.py` files are empty (that of `draw` has what people import, and
no module here imports it).
"""

import hashlib
import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
# What the configuration decides reaches a result through params. The jobs package decides how a
# script runs, not what it computes. TensorBoard's log is for people: no stage reads it.
EXEMPT = frozenset(
    SCRIPTS / "photosketch" / f"{name}.py"
    for name in (
        *(f"configuration/{name}" for name in ("checks", "loading", "settings", "sweeps")),
        "geometry/patch_checks",
        *("jobs/code_version", "jobs/devices", "jobs/job", "jobs/progress", "jobs/provenance"),
        *("jobs/run_plan", "training/tensorboard_log"),
    )
)
# `from photosketch.a import b, c` (in parentheses, with comments), or `import photosketch.a, ...`
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(photosketch[\w.]*)[ \t]+)?import[ \t]+"
    r"(\((?:#.*|[^)#])*\)|[^(\n]+)",
    re.MULTILINE,
)


@cache
def code_version(script: str) -> str:
    """Hash (hexadecimal) of a script in workflow/scripts and of all library code it reaches."""
    digest = hashlib.sha256()
    for path in reached_files(SCRIPTS / script):
        digest.update(f"{path.relative_to(SCRIPTS)}\0{_content_hash(path)}\0".encode())
    return digest.hexdigest()


def reached_files(script: Path) -> list[Path]:
    """The script, the library modules it imports, directly or through others, and their data files.

    A data file lies beside a module and has its name with another suffix. Sorted; the exempt
    modules are left out.
    """
    reached: set[Path] = set()
    waiting = {script}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= _imported(module) - reached - EXEMPT
    return sorted(reached.union(*map(_data_files, reached)))


@cache
def _imported(module: Path) -> frozenset[Path]:
    """The library modules that the text of a module imports, wherever in it."""
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
    """The file of a module `photosketch.a.b`; None for a folder, or for what a module holds."""
    path = SCRIPTS.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache
def _data_files(module: Path) -> frozenset[Path]:
    beside = module.parent.glob(f"{module.stem}.*")
    # not the backups of editors and merges, such as losses.py~ and losses.py.orig
    return frozenset(path for path in beside if not path.name.startswith(module.name))


@cache
def _content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
