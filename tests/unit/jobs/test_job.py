"""Logs, clear errors, and a folder for one job at a time."""

import errno
import os
import platform
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
import threadpoolctl
import torch

from photosketch.jobs import code_version, disk, messages
from photosketch.jobs import job as runtime
from support.waiting import wait_for

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
IMPORTS = """import os, sys, signal
from pathlib import Path
from photosketch.jobs import disk, messages
from photosketch.jobs import job as runtime
"""
# tests that were started in the background ignore Ctrl-C
CTRL_C = (
    "signal.signal(signal.SIGINT, signal.default_int_handler)\nsignal.raise_signal(signal.SIGINT)"
)
SCRIPT = f"'/a/fetch_weights.py', {code_version.code_version('fetch_weights.py')!r}"
EDITED = f"'/a/compare.py', {'0' * 64!r}"
FULL_LOG = "for number in (1, 2):\n    os.dup2(os.open('/dev/full', os.O_WRONLY), number)\n"
NOT_UTF_8 = """name = os.fsdecode(b'caf\\xe9')
print('also', name)
raise messages.InputError([name])"""
GPU = """import types
torch = sys.modules["torch"] = types.SimpleNamespace(__version__="2", set_num_threads=print)
torch.cuda = types.SimpleNamespace(
    is_initialized=lambda: used,
    device_count=lambda: 2,
    max_memory_allocated=lambda device: [5_000_000, 2_345_600_000][device],
)
"""


def python(code: str, *arguments: object, imports=IMPORTS) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", imports + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
    )


def run_job(log: Path, body: str, before: str = "", script=SCRIPT) -> tuple[int, str, list[str]]:
    """Exit code, console and lines of the log of a process that runs `body` inside runtime.job."""
    body = textwrap.indent(body, "    ")
    done = python(f"{before}with runtime.job(sys.argv[1], 1, {script}) as console:\n{body}", log)
    assert done.stdout == ""
    return done.returncode, done.stderr, log.read_text().splitlines()


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (messages.InputError(["first", "second"]), 1, "first\nsecond\n"),
        (PermissionError(errno.EACCES, "Denied", "a.tsv"), 1, "a.tsv: cannot be used (Denied)"),
        (KeyboardInterrupt(), 130, "interrupted by Ctrl-C\n"),
    ],
)
def test_what_ends_a_program_is_told_in_sentences(capsys, error, code, told):
    @runtime.command
    def main(_arguments):
        raise error

    assert main() == code
    assert capsys.readouterr().err.startswith(told)


OUTPUT = """print('python')
os.write(1, b'native\\n')
os.system('echo child >&2')
print('person', file=console)"""


@pytest.mark.parametrize(
    ("body", "code", "told", "logged"),
    [
        (f"used = False\n{GPU}{OUTPUT}", 0, "person\n", {"python", "native", "child"}),
        (f"used = True\n{GPU}print('work')", 0, "", {"work", "peak GPU memory: 2346 MB"}),
        ("raise messages.InputError(['first', 'second'])", 1, "first\nsecond\n", set()),
        ("raise messages.InterruptedJobError('stopped, saved')", 75, "stopped, saved\n", set()),
        (CTRL_C, 130, "interrupted by Ctrl-C, run again to go on ({log})\n", set()),
        (NOT_UTF_8, 1, "caf\\udce9\n", {"also caf\\udce9"}),
    ],
)
def test_output_goes_to_the_log_and_what_ends_a_job_to_the_console_too_without_a_traceback(
    tmp_path, body, code, told, logged
):
    log = tmp_path / "job.log"
    ended, console, (_, *written) = run_job(log, body)
    assert (ended, console) == (code, told.format(log=log))
    if code == 0:
        assert re.fullmatch(r"finished after \d+ s", written.pop())
    assert sorted(written) == sorted([*logged, *(console.splitlines() if code else [])])


@pytest.mark.parametrize(
    ("body", "script", "told", "logged"),
    [
        (
            "{}['key']",
            SCRIPT,
            r"KeyError: 'key' \(whole traceback: \S+/job\.log\)",
            "\nTraceback (most recent call last):\n",
        ),
        ("print('begun')", EDITED, r"compare\.py, or a module .*, was edited .*", "compare.py, or"),
        (f"{FULL_LOG}raise messages.InputError(['no room'])", SCRIPT, "no room", ""),
        (
            f"{FULL_LOG}print('work', flush=True)",
            SCRIPT,
            ".*No space left on device.*free beside the log: make room, and run again",
            "",
        ),
    ],
    ids=["a mistake of ours", "edited code", "full disk, bad input", "full disk"],
)
def test_what_else_ends_a_job_is_one_line_on_the_console(tmp_path, body, script, told, logged):
    code, console, log = run_job(tmp_path / "job.log", body, script=script)
    assert code == 1
    assert re.fullmatch(f"{told}\n", console)
    assert logged in "\n".join(log)
    assert "begun" not in log


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    done = python(f"with runtime.job(sys.argv[1], 1, {SCRIPT}):\n    print('work')", tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}: this log cannot be written (Is a directory)\n"


@pytest.mark.parametrize(
    ("before", "ending"),
    [
        ("", "interrupted by Ctrl-C before the job began\n"),
        ("raise ValueError('other')\n", "ValueError: other\n"),
    ],
)
def test_ctrl_c_while_a_script_imports_its_modules_is_one_line_and_no_traceback(before, ending):
    done = python(f"{before}{CTRL_C}", imports=f"snakemake = 'put here by Snakemake'\n{IMPORTS}")
    assert done.returncode != 0
    assert done.stderr.endswith(ending)
    assert ("Traceback" in done.stderr) == bool(before)


@pytest.mark.slow
def test_the_log_of_a_script_begins_with_versions_and_ends_with_the_time(tmp_path):
    body = "print(cv2.getNumThreads())"
    code, _, (first, *written) = run_job(tmp_path / "job.log", body, before="import cv2\n")
    assert code == 0
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, cv2 {cv2.__version__}"
    assert first == f"fetch_weights.py: {versions}; threads: 1"
    assert re.fullmatch(r"1\nfinished after \d+ s", "\n".join(written))


@pytest.mark.parametrize(("processors", "used"), [({0}, 1), ({0, 1, 2}, 3), (set(range(9)), 4)])
def test_a_job_uses_no_more_threads_than_it_was_given_processors(monkeypatch, processors, used):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: processors)
    try:
        runtime.set_threads(4)
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (used, used)
        blas = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
        assert {library["num_threads"] for library in blas} == {1}
    finally:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)


def test_of_many_problems_the_console_is_told_20_and_the_log_all_each_once(tmp_path):
    body = "raise messages.InputError([f'problem {n}' for n in range(23)] * 2)"
    _, console, log = run_job(tmp_path / "job.log", body)
    shown = [f"problem {n}" for n in (*range(16), *range(19, 23))]
    shown.insert(16, f"and 3 more problems: all are in {tmp_path / 'job.log'}")
    assert console.splitlines() == shown
    assert log[1:] == [f"problem {n}" for n in range(23)]


def test_all_is_told_if_no_file_can_hold_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problems = [f"problem {number}" for number in range(30)]
    assert len(runtime.told(problems, "Mistakes:")) == 21
    assert (tmp_path / runtime.PROBLEMS).read_text().splitlines() == ["Mistakes:", *problems]
    (tmp_path / runtime.PROBLEMS).unlink()
    (tmp_path / runtime.PROBLEMS).parent.rmdir()
    (tmp_path / runtime.PROBLEMS).parent.touch()  # a file in place of the folder
    assert runtime.told(problems) == problems


HOLDER = """
with disk.sole_writer(Path(sys.argv[1]), sys.stderr):
    print("holding", flush=True)
    sys.stdin.read()
"""
WAITING = f"""
with runtime.job(sys.argv[2], 1, {SCRIPT}, alone_in=Path(sys.argv[1])):
    print("alone")
"""


@pytest.mark.slow
def test_a_second_job_in_a_folder_is_refused_or_waits_and_leaves_the_log_to_the_first(tmp_path):
    folder, log = tmp_path / "run", tmp_path / "job.log"
    log.write_text("of the one at work\n")

    def started(code):
        command = [sys.executable, "-c", IMPORTS + code, folder, log]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=ENVIRONMENT, text=True, **pipes)

    with started(HOLDER) as holder:
        assert holder.stdout.readline() == "holding\n"
        told = rf"run is in use by process {holder.pid} on \S+:"
        with (
            pytest.raises(messages.InputError, match=told),
            disk.sole_writer(folder, sys.stderr, patience=0),
        ):
            raise AssertionError("two at work")
        assert not disk.is_claimed(folder)
        waiting = started(WAITING)
        wait_for("claim", 30, lambda: disk.is_claimed(folder), by=waiting)
        assert log.read_text().startswith("of the one at work\n")
        holder.kill()
        _, console = waiting.communicate(timeout=30)
        assert waiting.returncode == 0
        assert f"in use by process {holder.pid}" in console
    assert log.read_text().splitlines()[1:-1] == ["alone"]
    assert not disk.is_claimed(folder)
