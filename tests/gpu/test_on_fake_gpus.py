"""What the host does for a GPU, on two that are not there: the tests in `fake/`, a process a file.

Kernels do nothing there, so it is placement, recording, streams, memory and synchronisation that
are tested. Whether the numbers are right takes a GPU: `make gpu-check`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = sorted(path.name for path in Path(__file__).parent.glob("fake/test_*.py"))


@pytest.mark.parametrize("name", TESTS)
def test_on_two_fake_gpus(name, fake_gpu_folder, root, tmp_path):
    source, built = fake_gpu_folder
    test = Path(__file__).parent / "fake" / name
    done = subprocess.run(
        [source / "run.sh", built, "-m", "pytest", "-q", "--basetemp", tmp_path / "inner", test],
        cwd=root,
        env={
            **{key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"},
            "PYTHON": sys.executable,
            "FAKE_GPUS": "2",
            "FAKE_GPU_SOURCE": str(source),
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
