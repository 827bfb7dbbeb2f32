"""`make gpu-check` where there is no GPU: what it can check, what it leaves out and why."""

import json
import subprocess
import sys

import pytest

import gpu_check
from gpu_check import Check


def run(tmp_path, *arguments):
    """The checks on the CPU: exit code, what is printed, and the rows of the report."""
    report = tmp_path / "report.json"
    command = [sys.executable, gpu_check.__file__, "--device", "cpu", "--json", report]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, json.loads(report.read_text())["checks"]


def test_what_needs_no_gpu_is_checked_and_the_rest_left_out_with_a_reason(tmp_path):
    code, printed, rows = run(tmp_path, "--only", "drawing", "--width", "2")
    assert code == 0, printed
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    assert verdicts["drawing twice baseline"] == verdicts["drawing twice local_glad"] == "ok"
    assert rows["drawing memory_over_30_generators"]["remark"] == "needs a GPU"
    assert "2 ok, 0 FAIL, 1 SKIP" in printed and "nothing was checked on one" in printed


def test_every_check_is_a_function_of_its_module():
    for check in gpu_check.all_checks():
        module = gpu_check.importlib.import_module(f"gpu_checks.{check.module}")
        assert callable(getattr(module, check.function))


def test_a_missing_package_is_named_and_no_failure():
    check = Check("drawing", "twice", packages=("torch", "no_such_package"))
    result = gpu_check.run_here(check, "cpu", 2)
    assert result.verdict == "SKIP"
    assert "no_such_package" in result.remark


@pytest.fixture
def of_its_own(monkeypatch):
    """Runs a program in place of the process of a check, and gives the check's result."""
    popen = subprocess.Popen

    def start(program, **limits):
        def replaced(_, **options):
            return popen(["/bin/sh", "-c", program], **options)

        monkeypatch.setattr(gpu_check.subprocess, "Popen", replaced)
        return gpu_check.run_apart(Check("a", "b", gpu=False, **limits), "cpu", 2)

    return start


def test_a_check_that_hangs_is_ended_with_what_it_had_printed(of_its_own):
    result = of_its_own("echo begun; sleep 60", seconds=1)
    assert (result.verdict, result.remark) == ("FAIL", "not done after 1 s")
    assert result.figures["printed"] == "begun\n"


def test_a_check_that_crashes_fails_with_its_last_line(of_its_own):
    result = of_its_own("echo illegal memory access; exit 7")
    assert (result.verdict, result.remark) == ("FAIL", "illegal memory access")


def test_a_failure_makes_the_exit_code_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu_check, "run_apart", lambda *_: gpu_check.Result("FAIL", "so it is"))
    arguments = ["gpu_check", "--device", "cpu", "--json", str(tmp_path / "report.json")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--only", "environment"])
    with pytest.raises(SystemExit) as ended:
        gpu_check.main()
    assert ended.value.code == 1
    assert "FAIL environment describe" in capsys.readouterr().out
