"""Every rule's `code` lists the modules its script imports, directly or through others, and the
templates beside them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
EXEMPT = {
    "photosketch/__init__.py",  # holds nothing
    "photosketch/config.py",  # decides only through hp
    "photosketch/runtime.py",  # decides nothing about results
}


def rules() -> dict[str, str]:
    """The text of every rule that runs a script, by name."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)[1:]
    named = zip(blocks[::2], blocks[1::2], strict=True)
    return {name: block for name, block in named if re.search("^    script:", block, re.MULTILINE)}


def imported(module: Path) -> set[Path]:
    """Library modules that `module` imports, anywhere in its code."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "photosketch":
            names |= {f"photosketch.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("photosketch."):
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("photosketch.")}
    return {SCRIPTS / (name.replace(".", "/") + ".py") for name in names}


def closure(script: Path) -> set[Path]:
    """The script and every library module it reaches."""
    found: set[Path] = set()
    waiting = {script}
    while waiting:
        module = waiting.pop()
        found.add(module)
        found |= {path for path in [module.with_suffix(".html")] if path.exists()}
        waiting |= imported(module) - found
    return found


@pytest.mark.parametrize("rule", rules())
def test_a_rule_lists_exactly_what_its_script_imports(rule):
    text = rules()[rule]
    script = SCRIPTS / re.search(r'"\.\./scripts/(\w+\.py)"', text)[1]
    listing = re.search(r"code_version\((.*?)\)", text, re.DOTALL)[1]
    listed = set(re.findall(r'"([^"]+)"', listing))
    needed = {str(path.relative_to(SCRIPTS)) for path in closure(script)} - EXEMPT
    assert listed == needed


def test_the_closure_follows_imports_of_imports():
    reached = {path.name for path in closure(SCRIPTS / "train.py")}
    assert {"train.py", "training.py", "losses.py", "networks.py", "parts.py"} <= reached


@pytest.mark.parametrize("rule", rules())
def test_a_rule_has_all_it_should_have(rule):
    text = rules()[rule]
    for part in (
        "output",
        "log",
        "benchmark",
        "threads",
        "resources",
        "params",
        "conda",
        "message",
    ):
        assert re.search(rf"^    {part}:", text, re.MULTILINE), part
    assert re.search(r"^        hp=", text, re.MULTILINE)


def test_the_exempt_modules_import_nothing_that_is_not_exempt():
    for name in EXEMPT:
        assert {str(path.relative_to(SCRIPTS)) for path in imported(SCRIPTS / name)} <= EXEMPT


def test_a_dry_run_imports_no_heavy_library():
    import subprocess
    import sys

    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from photosketch import config, pairs, runtime;"
        "print(sorted({'torch', 'cv2', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPTS)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
