"""The commands in README, docs and messages are valid as typed."""

import contextlib
import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_args

from photosketch import __main__
from photosketch.__main__ import main as photosketch
from photosketch.jobs import run_plan
from photosketch.training.__main__ import main as train

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "config/README.md")
    + tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.*")))
    if name.endswith((".md", ".ipynb"))
]
WRITTEN_BY_THE_READER = {"my.yaml", "weights.yaml", "FILE"}  # overlays that the text asks for
SHEETS = {f"results/RUN/{kind}/local/seed0_epoch800.png" for kind in ("seams", "memory")}
TARGETS = {"annotate", "draw", "samples_png", "votes", "results/cufs/tensors/train.npz"} | SHEETS
RUNS_NO_JOB = {"dryrun", "unlock", "report"}  # need no number of cores
COMMAND = re.compile(
    r"snakemake -|snakemake [a-z]\S* -|photosketch (--)?[a-z]|PYTHONPATH=\S+ python -m photosketch"
)


def commands(document: Path) -> list[list[str]]:
    """The words of each command in blocks without a language, in code within sentences, and in the
    cells of a notebook."""
    text = document.read_text()
    if document.suffix == ".ipynb":
        cells = [line for cell in json.loads(text)["cells"] for line in cell["source"]]
        text = "".join(f"```\n{line[1:]}\n```\n" for line in cells if line.startswith("!"))
    blocks = re.findall(r"^ *```\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", prose)
    printed = [re.split(r"\s{2,}#|&&", line)[0].strip() for line in lines]
    return [shlex.split(line) for line in printed if re.match(COMMAND, line)]


def typed(program: str) -> list[tuple[str, list[str]]]:
    """The arguments of each command of a program once, and its first document."""
    found: dict[tuple[str, ...], str] = {}
    for document in DOCUMENTS:
        for words in commands(document):
            if program in words[:2]:
                found.setdefault(tuple(words[words.index(program) + 1 :]), document.name)
    return [(name, list(words)) for words, name in found.items()]


@pytest.mark.parametrize(("document", "words"), typed("snakemake"))
def test_snakemake_takes_what_is_printed(document, words):
    _, options = parse_args(words)
    assert set(options.targets) <= TARGETS
    for file in map(str, options.configfile or []):
        assert file in WRITTEN_BY_THE_READER or (ROOT / file).is_file()
    if not any(getattr(options, name, None) for name in RUNS_NO_JOB):
        assert options.cores or options.workflow_profile, "fails without --cores"


@pytest.mark.parametrize(("document", "words"), [*typed("photosketch"), *typed("python")], ids=str)
def test_photosketch_takes_what_is_printed(document, words, tmp_path, monkeypatch):
    """The options are valid; the missing files end in a sentence."""
    monkeypatch.chdir(tmp_path)
    command, given = (train, words[2:]) if words[0] == "-m" else (photosketch, words)
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.suppress(SystemExit):
        command(given)
    if "NAME" not in words:
        assert "usage:" not in told.getvalue()


def test_a_package_that_is_not_installed_is_named_with_the_remedy(monkeypatch, capsys):
    def run(command, arguments):
        raise ModuleNotFoundError(name=command)

    monkeypatch.setattr(__main__, "_run", run)
    monkeypatch.setattr(__main__, "COMMANDS", ("pandas", "photosketch.nothing"))
    assert photosketch(["pandas"]) == 1
    assert f"pandas is not installed for {sys.executable}; run `make setup` in {ROOT} and" in (
        capsys.readouterr().err
    )
    with pytest.raises(ModuleNotFoundError):  # a mistake in the library
        photosketch(["photosketch.nothing"])


def test_ctrl_c_while_a_command_loads_is_one_line(monkeypatch, capsys):
    def run(command, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "_run", run)
    assert photosketch(["draw"]) == 130
    assert capsys.readouterr().err == "interrupted by Ctrl-C\n"


def test_the_command_for_another_target_is_the_user_s_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = run_plan.plan_file("mine")
    files = [tmp_path / "my own.yaml", tmp_path / "-v.yaml", Path("/elsewhere/b.yaml")]
    values = {"run": "7", "landmarks": {"annotate": ["AR/1/photo"]}}
    run_plan.write_plan(plan, run_plan.options(4, tmp_path / "Snakefile", files, values))
    words = shlex.split(run_plan.command("mine", "annotate"))
    assert Path(words[0]).name == "snakemake"
    _, options = parse_args(words[1:])
    assert set(options.targets) == {"annotate"}
    given = [str(file) for file in options.configfile]
    assert given == ["my own.yaml", "-v.yaml", "/elsewhere/b.yaml"]
    assert options.cores == 4
    assert options.config == ['run="7"', 'landmarks={"annotate": ["AR/1/photo"]}']
    assert options.snakefile is None
    elsewhere = run_plan.options(None, Path("/project/Snakefile"), [], {})
    assert elsewhere == ["--cores", "1", "--snakefile", "/project/Snakefile"]
