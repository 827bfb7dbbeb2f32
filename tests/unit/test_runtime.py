"""Logs, whole files, clear errors, and one GPU a job."""

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from photosketch import runtime


def run_job(tmp_path: Path, body: str) -> subprocess.CompletedProcess:
    """A process that runs `body` inside runtime.job with its log in tmp_path/job.log."""
    code = "import os, sys\nfrom photosketch import runtime\n"
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
        assert "first problem\nsecond problem\n" in text
        assert "Traceback" not in text


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


SIMULATED = """
import sys, time, torch
from photosketch import runtime
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: int(sys.argv[2])
torch.cuda.get_device_name = lambda index: f"simulated {index}"
device = runtime.acquire_device(sys.argv[1], sys.stderr, int(sys.argv[3]))
print(device.index, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("devices, slots", [(2, 1), (1, 2)])
def test_jobs_take_a_slot_each_wait_for_a_free_one_and_free_it_on_sigkill(tmp_path, devices, slots):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", SIMULATED, str(tmp_path), str(devices), str(slots)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(3)
    ]
    try:
        waiting = next(job for job in jobs if "waiting" in _first_line_of_waiting(job))
        holders = [job for job in jobs if job is not waiting]
        assert sorted(_device(job) for job in holders) == ([0, 1] if devices == 2 else [0, 0])
        holders[0].kill()
        assert _device(waiting) in range(devices)
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def _first_line_of_waiting(job):
    import select

    ready, _, _ = select.select([job.stderr], [], [], 15)
    return job.stderr.readline() if ready else ""


def _device(job):
    for line in job.stdout:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError("the job ended without a device")


def test_only_devices_that_cuda_visible_devices_names_are_taken(tmp_path, monkeypatch, capsys):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"simulated {index}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert runtime.acquire_device(tmp_path, sys.stderr) == torch.device("cuda", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-3.lock"]


def test_without_a_gpu_the_job_runs_on_the_cpu_and_says_so(tmp_path, capsys, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.acquire_device(tmp_path, sys.stderr).type == "cpu"
    assert "CPU" in capsys.readouterr().out
