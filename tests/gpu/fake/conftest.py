"""The control of the fake CUDA runtime, in a process that runs on it."""

import gc
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture
def fake() -> ModuleType:
    """Counts, notes and failures to be injected (`fake_gpu.py`), as in a new process."""
    path = Path(os.environ["FAKE_GPU_SOURCE"], "fake_gpu.py")
    spec = importlib.util.spec_from_file_location("fake_gpu", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.fail_at("")
    module.reset()
    return module


@pytest.fixture(autouse=True)
def fresh_devices():
    """Each test begins on device 0, no memory in use, with deterministic algorithms as training."""
    torch.cuda.set_device(0)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    gc.collect()
    torch.cuda.empty_cache()
