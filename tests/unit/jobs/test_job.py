"""Logs, whole files, clear errors, and a folder for one job at a time."""

import errno
import hashlib
import io
import os
import platform
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from photosketch.jobs import code_version
from photosketch.jobs import job as runtime
from support.waiting import wait_for


def run_job(tmp_path: Path, body: str) -> subprocess.CompletedProcess:
    """A process that runs `body` inside runtime.job with its log in tmp_path/job.log."""
    code = "import os, sys\nfrom photosketch.jobs import job as runtime\n"
    code += "with runtime.job(sys.argv[1], 1) as console:\n" + textwrap.indent(body, "    ")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "job.log")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), runtime.write_atomically(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_finished_write_replaces_the_file_and_keeps_the_suffix(tmp_path):
    target = tmp_path / "new" / "table.csv"
    with runtime.write_atomically(target) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_what_killed_writes_of_a_file_left_is_removed_by_its_next_write(tmp_path):
    target = tmp_path / "table.csv"
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [tmp_path / f".table.{process}.csv" for process in (dead.pid, 10**12)]
    kept = [
        tmp_path / f".table.{os.getppid()}.csv",  # of a process that runs
        tmp_path / f".other.{dead.pid}.csv",
        tmp_path / ".table.csv",
        tmp_path / f".table.{dead.pid}.tsv",
    ]
    for path in (*gone, *kept):
        path.touch()
    with runtime.write_atomically(target) as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == {target, *kept}


@pytest.mark.parametrize("needed", [None, 3_210_000_000])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_folder_space_and_remedy(tmp_path, code, needed):
    target = tmp_path / "new" / "table.csv"
    with (
        pytest.raises(runtime.InputError) as caught,
        runtime.write_atomically(target, needed) as temporary,
    ):
        temporary.write_bytes(bytes(2_000_000))
        raise OSError(code, os.strerror(code))
    [problem] = caught.value.problems
    size = "3.21 GB" if needed else "more than 2.0 MB"
    assert problem.startswith(f"{target.parent}: no room for table.csv, which needs {size}: ")
    assert f"are free there ({os.strerror(code)}); make room" in problem
    assert not list(target.parent.iterdir())


def test_another_error_of_the_disk_is_not_taken_for_a_lack_of_room(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(FileExistsError),
        runtime.write_atomically(tmp_path / "file" / "table.csv"),
    ):
        raise AssertionError("nothing can be written there")


def test_output_of_python_and_of_native_code_goes_to_the_log_and_the_console_stays(tmp_path):
    done = run_job(
        tmp_path,
        "print('python')\nos.write(1, b'native\\n')\nos.system('echo child >&2')\n"
        "print('person', file=console)",
    )
    assert done.returncode == 0
    log = (tmp_path / "job.log").read_text()
    assert {"python", "native", "child"} == set(log.split())
    assert (done.stdout, done.stderr) == ("", "person\n")


def test_a_job_that_used_a_gpu_ends_its_log_with_the_peak_of_its_memory(tmp_path):
    done = run_job(
        tmp_path,
        "import torch\n"
        "torch.cuda.is_initialized = lambda: True\n"
        "torch.cuda.device_count = lambda: 2\n"
        "torch.cuda.max_memory_allocated = lambda device: [5_000_000, 2_345_600_000][device]\n"
        "print('work')",
    )
    assert done.returncode == 0
    assert (tmp_path / "job.log").read_text() == "work\npeak GPU memory: 2346 MB\n"
    done = run_job(tmp_path, "import torch\nprint('work')")
    assert (tmp_path / "job.log").read_text() == "work\n"


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content" * 100_000)
    assert runtime.file_sha256(path) == hashlib.sha256(b"content" * 100_000).hexdigest()


def test_an_input_error_shows_every_problem_without_a_traceback(tmp_path):
    done = run_job(tmp_path, "raise runtime.InputError(['first problem', 'second problem'])")
    assert done.returncode == 1
    for text in (done.stderr, (tmp_path / "job.log").read_text()):
        assert text == "first problem\nsecond problem\n"


def test_of_a_problem_without_end_the_console_is_told_beginning_and_remedy():
    problem = "reference: ['a', " + "'b', " * 60_000 + "] is no ablation; choose one"
    [told] = runtime.first_of([problem], "job.log")
    assert len(told) < 2100
    assert told.startswith("reference: ['a', 'b'")
    assert told.endswith("is no ablation; choose one")
    assert " characters: whole in job.log]" in told


def test_of_many_problems_the_console_is_told_20_and_the_log_all_each_once(tmp_path):
    done = run_job(tmp_path, "raise runtime.InputError([f'problem {n}' for n in range(23)] * 2)")
    told = [f"problem {n}" for n in (*range(16), *range(19, 23))]
    told.insert(16, f"and 3 more problems: all are in {tmp_path / 'job.log'}")
    assert done.stderr.splitlines() == told
    log = (tmp_path / "job.log").read_text().splitlines()
    assert log == [f"problem {n}" for n in range(23)]


def test_names_that_are_not_utf_8_can_be_told(tmp_path):
    name = "os.fsdecode(b'caf\\xe9')"
    done = run_job(tmp_path, f"print({name})\nraise runtime.InputError([{name}])")
    assert done.returncode == 1
    assert done.stderr == "caf\\udce9\n"
    assert (tmp_path / "job.log").read_text() == "caf\\udce9\n" * 2


def test_a_job_whose_log_is_on_a_full_disk_tells_the_console(tmp_path):
    full = "for number in (1, 2):\n    os.dup2(os.open('/dev/full', os.O_WRONLY), number)\n"
    done = run_job(tmp_path, f"{full}raise runtime.InputError(['no room'])")
    assert done.returncode != 0
    assert done.stderr == "no room\n"
    done = run_job(tmp_path, f"{full}print('work', flush=True)")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "are free beside the log: make room" in done.stderr


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "job.log").mkdir()
    done = run_job(tmp_path, "print('work')")
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'job.log'}: this log cannot be written (Is a directory)\n"


def test_ctrl_c_ends_a_job_with_one_line(tmp_path):
    # who started the tests in the background has Ctrl-C ignored
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    done = run_job(tmp_path, f"import signal\n{heard}\nsignal.raise_signal(signal.SIGINT)")
    log = tmp_path / "job.log"
    assert done.returncode == 130
    assert done.stderr == log.read_text() == f"interrupted by Ctrl-C, run again to go on ({log})\n"


def test_ctrl_c_while_a_script_imports_its_modules_is_one_line_and_no_traceback(tmp_path):
    script = (
        "import signal\nsnakemake = 'put here by Snakemake'\n"
        "from photosketch.jobs import job as runtime\n"
        "{}\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.raise_signal(signal.SIGINT)"
    )
    told = "interrupted by Ctrl-C before the job began\n"
    for before, ending in (("", told), ("raise ValueError('other')", "ValueError: other\n")):
        done = subprocess.run(
            [sys.executable, "-c", script.format(before)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=60,
        )
        assert done.returncode != 0
        assert done.stderr.endswith(ending)
        assert ("Traceback" in done.stderr) == bool(before)


def test_the_log_of_a_script_begins_with_versions_and_ends_with_the_time(tmp_path):
    planned = code_version.code_version("compare.py")
    body = f"with runtime.job(sys.argv[1], 2, '/a/compare.py', {planned!r}):\n    pass"
    code = f"import sys, numpy\nfrom photosketch.jobs import job as runtime\n{body}"
    log = tmp_path / "job.log"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, log], env=environment, check=True, timeout=60)
    first, last = log.read_text().splitlines()
    assert first == (
        f"compare.py: Python {platform.python_version()}, numpy {np.__version__}; threads: 2"
    )
    assert re.fullmatch(r"finished after \d+ s", last)


def test_a_job_whose_code_was_edited_after_planning_does_not_begin(tmp_path):
    planned = code_version.code_version("compare.py")
    for code, begun in ((planned, "begun\n"), ("0" * 64, "")):
        log = tmp_path / f"{code:.4}.log"
        body = f"with runtime.job({str(log)!r}, 1, '/a/compare.py', {code!r}):\n    print('begun')"
        done = subprocess.run(
            [sys.executable, "-c", f"from photosketch.jobs import job as runtime\n{body}"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (done.returncode == 0) == bool(begun)
        assert begun in log.read_text()
        assert ("compare.py, or a module that it imports, was edited" in done.stderr) != bool(begun)


def test_an_interrupted_job_ends_with_a_code_of_its_own(tmp_path):
    done = run_job(tmp_path, "raise runtime.InterruptedJobError('stopped, saved')")
    assert done.returncode == runtime.INTERRUPTED == 75
    assert done.stderr == (tmp_path / "job.log").read_text() == "stopped, saved\n"


def test_another_error_leaves_its_traceback_in_the_log_and_says_where(tmp_path):
    done = run_job(tmp_path, "{}['key']")
    assert done.returncode == 1
    assert "Traceback" in (tmp_path / "job.log").read_text()
    assert "KeyError" in done.stderr
    assert "job.log" in done.stderr


HOLDER = """
import sys, time
from pathlib import Path
from photosketch.jobs import job as runtime
with runtime.sole_writer(Path(sys.argv[1]), sys.stderr):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works in tmp_path/run."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    job = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert job.stdout.readline() == "holding\n"
    yield job
    job.kill()
    job.communicate()


def test_a_job_that_waits_leaves_the_log_to_the_one_at_work(tmp_path, holder):
    log = tmp_path / "job.log"
    log.write_text("of the one at work\n")
    console = open(tmp_path / "console", "w")
    code = (
        "import sys\nfrom pathlib import Path\nfrom photosketch.jobs import job as runtime\n"
        "with runtime.job(sys.argv[1], 1, alone_in=Path(sys.argv[2])):\n    print('alone')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    job = subprocess.Popen(
        [sys.executable, "-c", code, log, tmp_path / "run"], stderr=console, env=environment
    )
    wait_for("claim", 30, lambda: runtime.is_claimed(tmp_path / "run"), by=job)
    assert log.read_text().startswith("of the one at work\n")
    holder.kill()
    assert job.wait(30) == 0
    assert log.read_text() == "alone\n"
    assert not runtime.is_claimed(tmp_path / "run")
    assert f"in use by process {holder.pid}" in (tmp_path / "console").read_text()


def test_where_there_are_no_locks_the_job_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(runtime.fcntl, "flock", refuse)
    with runtime.sole_writer(tmp_path / "run", sys.stderr):
        pass
    assert "no locks in" in capsys.readouterr().out


def test_a_second_writer_is_refused_with_the_name_of_the_first(tmp_path, holder, capsys):
    with (
        pytest.raises(runtime.InputError, match=rf"run is in use by process {holder.pid} on \S+:"),
        runtime.sole_writer(tmp_path / "run", sys.stderr, patience=0),
    ):
        raise AssertionError("two at work")
    assert not runtime.is_claimed(tmp_path / "run")


def test_a_second_writer_waits_for_the_end_of_the_first_and_says_so(tmp_path, holder, capsys):
    threading.Timer(1.5, holder.kill).start()
    with runtime.sole_writer(tmp_path / "run", sys.stderr):
        assert holder.poll() is not None
    output = capsys.readouterr()
    assert output.out == output.err
    assert f"in use by process {holder.pid}" in output.err and "waiting" in output.err


def test_a_file_on_the_disk_of_tmpdir_is_read_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = tmp_path / "tensors.npz"
    file.write_bytes(b"content")
    with runtime.staged(file) as read:
        assert read == file


@pytest.fixture
def other_disk():
    """A folder on another file system than the tests' own."""
    folder = Path("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        pytest.skip("/dev/shm is not there: no second file system")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        yield Path(made)


def test_a_file_on_another_disk_is_copied_and_the_copy_removed(
    tmp_path, other_disk, monkeypatch, capsys
):
    monkeypatch.setattr(tempfile, "tempdir", str(other_disk))
    file = tmp_path / "tensors.npz"
    file.write_bytes(b"content")
    with runtime.staged(file) as read:
        assert read.is_relative_to(other_disk) and read.read_bytes() == b"content"
    assert not list(other_disk.iterdir())
    assert f"copied {file}" in capsys.readouterr().out


def test_without_room_in_tmpdir_the_file_is_read_where_it_lies(
    tmp_path, other_disk, monkeypatch, capsys
):
    monkeypatch.setattr(tempfile, "tempdir", str(other_disk))
    full = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(runtime.shutil, "disk_usage", lambda _: full)
    file = tmp_path / "tensors.npz"
    file.write_bytes(b"content")
    with runtime.staged(file) as read:
        assert read == file
    assert "too little room" in capsys.readouterr().out


def test_a_job_uses_no_more_threads_than_it_was_given_processors(tmp_path):
    allowed = sorted(os.sched_getaffinity(0))[:1]
    body = (
        "blas = threadpoolctl.ThreadpoolController().select(user_api='blas').info()\n"
        "    print(torch.get_num_threads(), cv2.getNumThreads(), {b['num_threads'] for b in blas})"
    )
    code = (
        f"import os, sys, torch, cv2, threadpoolctl\nos.sched_setaffinity(0, {allowed})\n"
        "from photosketch.jobs import job as runtime\n"
        f"with runtime.job(sys.argv[1], 4):\n    {body}\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    log = tmp_path / "job.log"
    subprocess.run([sys.executable, "-c", code, log], env=environment, check=True, timeout=60)
    assert log.read_text() == "1 1 {1}\n"


def test_what_is_said_on_a_terminal_empties_its_line_first(capsys):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal("local, seed 0: epoch 1/12, 4 img/s\r")
    runtime.say("training set: 8 MB", terminal)
    assert terminal.getvalue().startswith("\x1b[Ktraining set: 8 MB\n")
    assert capsys.readouterr().out == "training set: 8 MB\n"


def test_all_is_told_where_no_file_can_hold_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problems = [f"problem {number}" for number in range(30)]
    assert len(runtime.told(problems, "Mistakes:")) == 21
    assert (tmp_path / runtime.PROBLEMS).read_text().splitlines() == ["Mistakes:", *problems]
    (tmp_path / runtime.PROBLEMS).unlink()
    (tmp_path / runtime.PROBLEMS).parent.rmdir()
    (tmp_path / runtime.PROBLEMS).parent.touch()  # in the folder's place
    assert runtime.told(problems) == problems
