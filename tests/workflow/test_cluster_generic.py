"""The profile for other schedulers, with stand-ins for PBS's commands."""

import os
import subprocess

import pytest

from support.small_run import PARSED, edit_while_running

QSUB = """\
#!/usr/bin/env bash
# runs the script at once, in the background; its number and end are kept beside this file
here=$(dirname "$0")
until mkdir "$here/$((++number)).call" 2> /dev/null; do :; done
printf '%s\\0' "$@" > "$here/$number.call/arguments"
(bash "${@: -1}" > "$here/$number.log" 2>&1; echo $? > "$here/$number.code") > /dev/null 2>&1 &
echo "$number.server"
"""
QSTAT = """\
#!/usr/bin/env bash
# qstat -x -f NUMBER.server
here=$(dirname "$0"); number=${3%.server}
[ -e "$here/$number.call" ] || exit 153
echo "Job Id: $3"
if [ -e "$here/$number.code" ]; then
  printf '    job_state = F\\n    Exit_status = %s\\n' "$(cat "$here/$number.code")"
else
  echo '    job_state = R'
fi
"""


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """A folder with qsub and qstat, first in PATH."""
    folder = tmp_path / "pbs"
    folder.mkdir()
    for name, text in (("qsub", QSUB), ("qstat", QSTAT)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def run(project, *arguments):
    return project.snakemake(*arguments, "--workflow-profile", "profiles/cluster-generic")


@pytest.mark.slow
def test_jobs_go_through_the_scheduler_with_what_they_need(unrun, scheduler):
    # which replaces default resources of a profile
    done = run(unrun, "results/small/parsing/pencil.npz", "--default-resources", "mem_mb=2000")
    assert done.returncode == 0, done.stdout
    asked = []
    for call in scheduler.glob("*.call/arguments"):
        words = call.read_text().split("\0")
        select, walltime = (words[at + 1] for at, word in enumerate(words) if word == "-l")
        asked.append((words[words.index("-N") + 1], select, walltime))
    assert sorted(asked) == [
        ("detect_landmark", "select=1:ncpus=2:mem=2000mb:ngpus=0", "walltime=30:00"),
        ("detect_landmark", "select=1:ncpus=2:mem=2000mb:ngpus=0", "walltime=30:00"),
        ("parse_faces", "select=1:ncpus=2:mem=2000mb:ngpus=0", "walltime=30:00"),
    ]


@pytest.mark.parametrize(
    "qstat, told",
    [
        ("echo '    job_state = Q'", "running"),
        ("echo '    job_state = R'", "running"),
        ("printf '    job_state = F\\n    Exit_status = 0\\n'", "success"),
        ("printf '    job_state = F\\n    Exit_status = 271\\n'", "failed"),
        ("exit 153  # no such job", "failed"),
        ("exit 1    # no server", "running"),
        ("exit 36   # no history", ""),
    ],
)
def test_the_scheduler_s_words_are_put_in_snakemake_s(root, scheduler, qstat, told):
    (scheduler / "qstat").write_text(f"#!/bin/sh\n{qstat}\n")
    status = subprocess.run(
        [root / "profiles/cluster-generic/status.sh", "7.server"], capture_output=True, text=True
    )
    assert status.stdout.strip() == told
    assert (status.returncode == 0) == bool(told)
    assert told or "job_history_enable" in status.stderr


@pytest.mark.slow
def test_code_edited_after_planning_is_not_run_as_what_was_planned(project, scheduler):
    edit_while_running(project)
    done = run(project, "--jobs", "1", "--retries", "0", *PARSED)
    assert done.returncode != 0
    logs = [(scheduler / f"{number}.log").read_text() for number in (1, 2)]
    refused = ["parse_faces.py, or a module that it imports, was edited" in log for log in logs]
    assert refused == [False, True], done.stdout + "".join(logs)
