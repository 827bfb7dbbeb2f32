"""What the host does for a GPU, on two that are not there: the tests in `fake/`, in one process.

Kernels do nothing there, so it is placement, recording, streams, memory and synchronisation that
are tested. Whether the numbers are right takes a GPU: `make gpu-check`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run(*command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, done.stdout


def test_on_two_fake_gpus(root, tmp_path):
    named = os.environ.get("PHOTOSKETCH_FAKE_GPU")
    if not named:
        pytest.skip("PHOTOSKETCH_FAKE_GPU is not set: no CUDA runtime without a device here")
    if not shutil.which("gcc") or not shutil.which("g++"):
        pytest.skip("gcc and g++ are not installed: the fake CUDA runtime cannot be built")
    source, built = Path(named).resolve(), tmp_path / "fake_gpu"
    run(source / "build.sh", built, sys.prefix, timeout=300)
    pytest_of_fakes = ("-m", "pytest", "-q", "--basetemp", tmp_path / "inner", "tests/gpu/fake")
    run(
        *(source / "run.sh", built, *pytest_of_fakes),
        cwd=root,
        env={
            **{key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"},
            "PYTHON": sys.executable,
            "FAKE_GPUS": "2",
            "FAKE_GPU_SOURCE": str(source),
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        },
        timeout=600,
    )
