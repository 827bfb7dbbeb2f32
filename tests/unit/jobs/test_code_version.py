"""Every rule's `code` covers its script and the library code that the script imports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from photosketch.jobs import code_version
from support.imports import LIBRARY, SCRIPTS, imported

ROOT = Path(__file__).parents[3]
EXEMPT = code_version.EXEMPT
WATCHED = LIBRARY / "training/tensorboard_log.py"  # no stage reads its output
CHECK = LIBRARY / "geometry/patch_checks.py"  # only errors depend on it and its imports


def test_a_rule_has_all_it_should_have_and_the_code_of_its_own_script_which_asks_for_it():
    text = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    _, *parts = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)
    scripts = set()
    for rule, rest in zip(parts[::2], parts[1::2], strict=True):
        block, *_ = re.split(r"^\S", rest, maxsplit=1, flags=re.MULTILINE)
        keys = re.findall(r"^    (\w+):|^        (hp)=", block, re.MULTILINE)
        found = {key for pair in keys for key in pair}
        if "script" in found:
            assert found > {"output", "log", "benchmark", "params", "hp", "conda", "message"}, rule
            [script] = re.findall(r'"\.\./scripts/(\w+\.py)"', block)
            assert re.findall(r'code_version\("(\w+\.py)"\)', block) == [script], rule
            scripts.add(script)
    assert scripts == {path.name for path in SCRIPTS.glob("*.py")}
    for script in scripts:
        arguments = "snakemake.threads, __file__, snakemake.params.code"
        assert arguments in (SCRIPTS / script).read_text(), script


@pytest.mark.slow
def test_the_imports_that_are_found_are_those_that_pythons_own_parser_finds():
    for module in SCRIPTS.rglob("*.py"):
        assert code_version._imported(module) == imported(module), module


def test_modules_are_reached_through_others_but_not_those_that_only_watch_a_training():
    reached = set(code_version.reached_files(SCRIPTS / "train.py"))
    needed = ("training/loop", "training/losses", "training/parts", "geometry/patches")
    assert {LIBRARY / f"{name}.py" for name in needed} <= reached
    assert not {WATCHED, LIBRARY / "figures/contact_sheet.py"} & reached


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """A small library: modules a, b, c/d with d.html beside it, and backups of c/d."""
    folder = tmp_path / "photosketch"
    (folder / "c").mkdir(parents=True)
    for name in ("__init__.py", "c/__init__.py", "a.py", "b.py", "c/d.py", "config.py"):
        (folder / name).write_text("")
    (folder / "c" / "d.html").write_text("<p>")
    for backup in ("d.py~", "d.py.orig"):
        (folder / "c" / backup).write_text("of an editor or a merge")
    monkeypatch.setattr(code_version, "SCRIPTS", tmp_path)
    monkeypatch.setattr(code_version, "EXEMPT", frozenset({folder / "config.py"}))
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Clear the caches, which assume that files do not change while a process runs."""
    for function in vars(code_version).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("from photosketch import a\n", {"a.py"}),
        ("from photosketch.a import something, other\n", {"a.py"}),
        ("from photosketch import a as x, b as y\n", {"a.py", "b.py"}),
        ("import photosketch.a as x, photosketch.b\n", {"a.py", "b.py"}),
        ("from photosketch import (\n    a,  # why, and (why)\n    b,\n)\n", {"a.py", "b.py"}),
        ("def f():\n    from photosketch.c import d\n", {"c/d.py", "c/d.html"}),
        ("from photosketch.c.d import f\n", {"c/d.py", "c/d.html"}),
        ("from photosketch import c\n", set()),
        ("from photosketch import config\n", set()),
        ("# from photosketch import a\nimport photosketchier\n", set()),
    ],
)
def test_imports_are_found_however_they_are_written(text, reached, library):
    script = library / "script.py"
    script.write_text(text)
    files = {str(path.relative_to(library)) for path in code_version.reached_files(script)}
    assert files == {"script.py"} | {f"photosketch/{name}" for name in reached}


def test_the_version_follows_the_content_of_everything_reached_and_nothing_else(library):
    (library / "script.py").write_text("from photosketch.c import d\n")
    (library / "photosketch/c/d.py").write_text("from photosketch import b\n")

    def version() -> str:
        forget()
        return code_version.code_version("script.py")

    seen = [version()]
    (library / "photosketch/a.py").write_text("1")
    (library / "photosketch/config.py").write_text("1")
    assert version() == seen[0]
    for name in ("script.py", "photosketch/c/d.py", "photosketch/b.py", "photosketch/c/d.html"):
        path = library / name
        path.write_text(path.read_text() + "\n# edited\n")
        seen.append(version())
    assert len(set(seen)) == 5


def test_every_data_file_has_the_name_of_a_module_beside_it():
    data = [path for path in LIBRARY.rglob("*.*") if path.suffix not in (".py", ".pyc")]
    assert data
    assert all(path.with_suffix(".py").is_file() for path in data)


def test_the_exempt_modules_import_nothing_that_is_not_exempt():
    assert LIBRARY / "jobs/threads.py" not in EXEMPT
    assert {WATCHED, CHECK} < EXEMPT
    for path in EXEMPT - {WATCHED, CHECK}:
        assert path.parent.name in ("configuration", "jobs")
        assert imported(path) <= EXEMPT


@pytest.mark.slow
def test_what_the_snakefile_imports_is_light():
    lines = (ROOT / "workflow/rules/common.smk").read_text().splitlines()
    imports = [line for line in lines if line.startswith("from photosketch")]
    assert imports
    code = [
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})",
        *imports,
        "print({'torch', 'cv2', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"
