"""What a stage's result depends on besides its input: the code that its script reaches.

Snakemake tracks a script by the time of its file and imported modules not at all, so every rule has
this hash among its params. Imports are found by a regular expression, which takes a tenth of the
time that parsing takes at every start; a test holds it against Python's own parser. So imports of
the library are absolute, and `__init__.py` files are empty (that of `draw` has what people import,
and no module here does).
"""

import hashlib
import re
from collections.abc import Iterator
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
        *(f"jobs/{name}" for name in ("code_version", "devices", "durations", "job", "progress")),
        *(f"jobs/{name}" for name in ("provenance", "run_plan")),
        "training/tensorboard_log",
    )
)

_FROM = re.compile(
    r"^[ \t]*from[ \t]+(photosketch[\w.]*)[ \t]+import[ \t]+(\((?:#.*|[^)#])*\)|[^(\n]+)",
    re.MULTILINE,
)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+(photosketch[^\n]*)", re.MULTILINE)
_COMMENT = re.compile(r"#.*")


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
    text = module.read_text(encoding="utf-8")
    modules = [_module(name) for name in _plainly_imported(text)]
    for package, names in _FROM.findall(text):
        for name in _names(names):
            modules.append(_module(f"{package}.{name}") or _module(package))
    return frozenset(path for path in modules if path)


def _plainly_imported(text: str) -> Iterator[str]:
    """`photosketch.a` and `photosketch.b` of `import photosketch.a as x, photosketch.b`."""
    for names in _IMPORT.findall(text):
        yield from _names(names)


def _names(listed: str) -> list[str]:
    """The names of an import statement, without what they are called here."""
    items = _COMMENT.sub("", listed).strip("() \n").split(",")
    return [item.split()[0] for item in items if item.split()]


@cache
def _module(name: str) -> Path | None:
    """The file of a module `photosketch.a.b`; None of a folder, or of what a module holds."""
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
