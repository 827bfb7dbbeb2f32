"""The code that made a result: the commit, whether the tree is clean, and the versions."""

import subprocess
from pathlib import Path

from photosketch.jobs import provenance


def test_a_commit_is_named_with_whether_the_tree_is_clean(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    assert "unknown" in provenance.commit(tmp_path / "missing")
    git("init", "-q")
    code = tmp_path / "workflow/scripts/photosketch/a.py"
    code.parent.mkdir(parents=True)
    code.write_text("a")
    (tmp_path / ".gitignore").write_text("/workflow\n")
    git("add", ".")
    git("commit", "-q", "-m", "a")  # a repository of notes; the project lies in its top folder
    assert provenance.commit(tmp_path) == "unknown: not a git repository of its own"
    git("add", "--force", "workflow")
    git("commit", "-q", "-m", "a")
    assert provenance.commit(tmp_path).endswith(", clean")
    code.write_text("b")
    assert provenance.commit(tmp_path).endswith(", with changes to 1 file")
    git("commit", "-q", "-a", "-m", "b")
    for own in ("CUFS/a.jpg", "my.yaml", "workflow/notes.txt"):
        (tmp_path / own).parent.mkdir(exist_ok=True)
        (tmp_path / own).touch()
    (tmp_path / ".gitignore").write_text("")
    assert provenance.commit(tmp_path).endswith(", clean")
    (tmp_path / "unpacked").mkdir()
    assert provenance.commit(tmp_path / "unpacked") == "unknown: not a git repository of its own"


def test_the_project_is_the_folder_of_its_snakefile_and_versions_name_torch() -> None:
    assert (provenance.PROJECT / "Snakefile").is_file()
    assert "torch" in provenance.versions()
