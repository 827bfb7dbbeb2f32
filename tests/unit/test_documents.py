"""README and docs: short where they have to be, their links and commands lead somewhere."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for folder in (".", "docs", "config", "resources") for path in (ROOT / folder).glob("*.md")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def test_the_readme_is_short_and_begins_with_a_picture():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("![") for line in lines[:10])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    broken = []
    for link in LINK.findall(document.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_folders_that_documented_commands_read_and_write_are_ignored_by_git():
    pages = [*DOCUMENTS, *(ROOT / "config").glob("*.yaml")]
    command = r"(?:--output |OUTPUT=|PHOTOS=|--results |datasets [a-z]\w+ )([\w/]+)"
    named = {name for page in pages for name in re.findall(command, page.read_text())}
    folders = {name for name in named if not re.match("results/|FOLDER|DIR|folder", name)}
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    asked = ["git", "check-ignore", *sorted(folders)]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert set(done.stdout.split()) == folders


def test_every_make_target_that_is_named_exists_and_is_listed():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        named = set(
            re.findall(r"(?:`|^)make ([a-z-]+)(?![\w/-])", document.read_text(), re.MULTILINE)
        )
        assert named <= targets, document
    # a make that started the tests has its children name the folders they enter
    plain = ["make", "--no-print-directory"]
    listed = subprocess.run(plain, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == targets


def test_the_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture
def bare(tmp_path):
    """A folder with the Makefile and no environment."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def setup(folder: Path, *pythons: Path) -> subprocess.CompletedProcess:
    named = f"PYTHON={' '.join(map(str, pythons))}"
    # not what a make around the tests was told
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    environment.pop("VENV", None)
    return subprocess.run(
        ["make", "setup", named], cwd=folder, capture_output=True, text=True, env=environment
    )


def test_setup_takes_the_first_python_that_can_make_an_environment(bare):
    shim, working = bare / "shim", bare / "working"
    shim.write_text("#!/bin/sh\nexit 127\n")
    working.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "  --version) echo Python 3.12.0;;\n"
        "  -m) mkdir -p .venv/bin; cp pip .venv/bin/python;;\n"
        "esac\n"
    )
    pip = bare / "pip"
    pip.write_text('#!/bin/sh\necho "$@" >> installed\n')
    for script in (shim, working, pip):
        script.chmod(0o755)
    done = setup(bare, bare / "nothing", shim, working)
    assert done.returncode == 0, done.stderr
    assert f"Python 3.12.0, called {working}" in done.stdout
    installed = (bare / "installed").read_text()
    assert "-r requirements.txt" in installed
    assert "--editable ." in installed


def test_setup_without_a_python_says_what_to_install(bare):
    done = setup(bare, bare / "nothing", Path("/bin/false"))
    assert done.returncode != 0
    assert "apt install python3 python3-venv" in done.stdout
    assert not (bare / ".venv").exists()
