"""Snakemake imported once, and a fork of that process for each run: the import takes seconds.

The scripts of a run are forks as well (`script_server`).

As a program: reads a line of JSON a run (arguments, folder, environment, output) and answers with
its exit status.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psutil

if __name__ != "__main__":
    from support import script_server


@cache
def server() -> subprocess.Popen:
    """Started once in a test process, and ends with it."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", __file__, script_server.start(environment)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def run_snakemake(
    arguments: Sequence[str], folder: Path, environment: dict[str, str], seconds: float
) -> subprocess.CompletedProcess:
    """Like `subprocess.run` of `python -m snakemake`; stdout and stderr together in `stdout`."""
    with tempfile.NamedTemporaryFile("r") as output:
        run = {"folder": str(folder), "environment": environment, "output": output.name}
        print(json.dumps({"arguments": arguments, **run}), file=server().stdin, flush=True)
        answered, _, _ = select.select([server().stdout], [], [], seconds)
        if not answered:
            for process in psutil.Process(server().pid).children(recursive=True):
                process.kill()
            server().kill()
            server.cache_clear()
            raise subprocess.TimeoutExpired(list(arguments), seconds, output.read())
        status = int(server().stdout.readline())
        return subprocess.CompletedProcess(list(arguments), status, output.read())


def arguments_in_a_fork() -> list[str]:
    """Answers until there are no more runs; returns in the fork of each, prepared for it."""
    for line in sys.stdin:
        run = json.loads(line)
        fork = os.fork()
        if not fork:
            os.chdir(run["folder"])
            os.environ.clear()
            os.environ.update(run["environment"])
            output = os.open(run["output"], os.O_WRONLY | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            return run["arguments"]
        print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    from snakemake.cli import main
    from snakemake.script import PythonScript, ScriptBase

    client = sys.argv[1]

    def execute(script: PythonScript, command: str, *, py_exec: str, **options: object) -> object:
        return ScriptBase._execute_cmd(script, command, py_exec=client, **options)

    PythonScript._execute_cmd = execute
    arguments = arguments_in_a_fork()
    try:
        main(arguments)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)  # half a second of tidying up is spared
