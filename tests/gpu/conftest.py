"""A CUDA runtime without a device, for the tests in `fake/`: those run in their own processes."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# set in a process that runs on the fake GPUs; any other one collects the tests that start it
collect_ignore = [] if "FAKE_CUDA" in os.environ else ["fake"]


@pytest.fixture(scope="session")
def fake_gpu_folder(tmp_path_factory, worker_id) -> tuple[Path, Path]:
    """Where the fake runtime's sources are, and where it is built, once for all test processes."""
    named = os.environ.get("PHOTOSKETCH_FAKE_GPU")
    if not named:
        pytest.skip("PHOTOSKETCH_FAKE_GPU is not set: no CUDA runtime without a device here")
    if not shutil.which("gcc") or not shutil.which("g++"):
        pytest.skip("gcc and g++ are not installed: the fake CUDA runtime cannot be built")
    source = Path(named).resolve()
    base = tmp_path_factory.getbasetemp()
    built = (base if worker_id == "master" else base.parent) / "fake_gpu"
    with open(built.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built / "libcuda.so.1").exists():  # the last that it makes
            done = subprocess.run(
                [source / "build.sh", built, sys.prefix],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout
    return source, built
