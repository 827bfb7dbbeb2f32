"""The commands that README and docs print, and those of messages, are taken as they are typed."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import parse_args

from photosketch.datasets.__main__ import main as datasets
from photosketch.draw.__main__ import main as draw
from photosketch.jobs import run_plan

PROGRAMS = {"photosketch.datasets": datasets, "photosketch.draw": draw}
ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "config/README.md")
    + tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))
]
WRITTEN_BY_THE_READER = {"my.yaml", "weights.yaml", "FILE"}  # overlays that a text lets one write
SHEETS = {f"results/RUN/{kind}/local/seed0_epoch800.png" for kind in ("seams", "memory")}
TARGETS = {"annotate", "draw", "samples_png"} | SHEETS
RUNS_NO_JOB = {"dryrun", "unlock", "report"}  # what needs no number of cores
# of other programs, or more than a test may do; make's targets are in test_documents
NOT_TRIED = {
    "git clone": "a download",
    "pip install": "a download",
    "nano": "an editor",
    "scancel": "SLURM's; tests/cluster ends jobs in its way",
    "srun": "SLURM's",
    "make": "test_documents looks for the targets; their commands are those of the tests",
    "python tests/bench_verdicts.py": "a measurement of minutes",
    "python tests/gpu_check.py": "needs a GPU; tests/gpu runs it on one that is made up",
}
COMMAND = re.compile(r"snakemake -|snakemake [a-z]\S* -|(PYTHONPATH=\S+ )?python -m photosketch")


def commands(document: Path) -> list[list[str]]:
    """The words of each command: lines of blocks without a language, and code within sentences."""
    text = document.read_text()
    blocks = re.findall(r"^ *```\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", prose)
    printed = [re.split(r"\s{2,}#|&&", line)[0].strip() for line in lines]
    return [shlex.split(line) for line in printed if re.match(COMMAND, line)]


def typed(program: str) -> list[tuple[str, list[str]]]:
    """The arguments of each command of a program, and the document that prints it."""
    return [
        (document.name, words[words.index(program) + 1 :])
        for document in DOCUMENTS
        for words in commands(document)
        if program in words[:2]
    ]


def test_what_is_not_tried_is_printed_still():
    printed = "\n".join(document.read_text() for document in DOCUMENTS)
    assert [command for command in NOT_TRIED if command not in printed] == []


@pytest.mark.parametrize(("document", "words"), typed("snakemake"))
def test_snakemake_takes_what_is_printed(document, words):
    _, options = parse_args(words)
    assert set(options.targets) <= TARGETS
    for file in map(str, options.configfile or []):
        assert file in WRITTEN_BY_THE_READER or (ROOT / file).is_file()
    if not any(getattr(options, name, None) for name in RUNS_NO_JOB):
        assert options.cores or options.workflow_profile, "fails without --cores"


@pytest.mark.parametrize(("document", "words"), typed("python"))
def test_programs_take_what_is_printed(document, words, tmp_path, monkeypatch):
    """Up to the files, which are not there: told in a sentence, and no mistake of the options."""
    monkeypatch.chdir(tmp_path)
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.suppress(SystemExit):
        PROGRAMS[words[1]](words[2:])
    if "NAME" not in words:
        assert "usage:" not in told.getvalue()


def test_the_command_for_another_target_is_the_user_s_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = run_plan.plan_file("mine")
    files = [tmp_path / "my own.yaml", tmp_path / "-v.yaml", Path("/elsewhere/b.yaml")]
    values = {"run": "7", "landmarks": {"annotate": ["AR/1/photo"]}}
    run_plan.write_plan(plan, run_plan.options(4, tmp_path / "Snakefile", files, values))
    words = shlex.split(run_plan.command(plan, "annotate"))
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
