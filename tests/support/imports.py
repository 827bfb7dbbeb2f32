"""What a module of the library imports, by Python's own parser."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
LIBRARY = SCRIPTS / "photosketch"


def file_of(name: str) -> Path:
    """Where a module `photosketch.a.b` would lie."""
    return SCRIPTS.joinpath(*name.split(".")).with_suffix(".py")


@cache
def imported(module: Path) -> frozenset[Path]:
    """Library modules that `module` imports, anywhere in its code.

    Fails where it imports in a way that leaves open what: relatively, or by a name made at run
    time.
    """
    paths = set()
    for node in ast.walk(ast.parse(module.read_text())):
        assert not hides_an_import(node), f"{module}, line {node.lineno}: an import that hides"
        paths |= {file_of(name) for name in library_names(node)}
    return frozenset(path for path in paths if path.is_file())


def library_names(node: ast.AST) -> Iterator[str]:
    """The dotted names that an import statement may mean a library module by."""
    if isinstance(node, ast.ImportFrom):
        assert not node.level, f"line {node.lineno}: a relative import"
        if (node.module or "").split(".")[0] == "photosketch":
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.split(".")[0] == "photosketch")


def hides_an_import(node: ast.AST) -> bool:
    """Whether a node imports by a text: importlib, __import__, exec, runpy."""
    if isinstance(node, ast.Name):
        return node.id in {"__import__", "exec", "eval"}
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
        hiding = {"importlib", "importlib.util", "import_module", "runpy", "pkgutil"}
        # importlib.metadata tells versions; it imports nothing
        return bool(names & hiding) and names != {"importlib", "metadata"}
    return False
