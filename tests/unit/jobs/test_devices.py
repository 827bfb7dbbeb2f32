"""Where a job computes: one GPU a slot, the CPU where that is asked for, an error where neither."""

import os
import re
import select
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from photosketch.jobs import devices
from photosketch.jobs.job import InputError

SIMULATED = """
import sys, time, torch
from photosketch.jobs import devices
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: int(sys.argv[2])
class Properties:
    def __init__(self, index):
        self.name, self.uuid = f"simulated {index}", f"{sys.argv[4]}{index}"
        self.major, self.minor = 9, 0
torch.cuda.get_device_properties = Properties
torch.cuda.get_arch_list = lambda: ["sm_90"]
torch.cuda.set_device = lambda index: None
torch.cuda.synchronize = lambda: None
slots, folder = int(sys.argv[3]), sys.argv[1]
device = devices.acquire_device(sys.stderr, slots=slots, lock_folder=folder)
print(device.index, flush=True)
time.sleep(600)
"""


def _unscheduled():
    """The environment without what a scheduler would have told the tests."""
    told = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
    return {name: value for name, value in os.environ.items() if name not in told}


def simulated_jobs(count, folder, devices, slots=1, uuid="GPU-"):
    return [
        subprocess.Popen(
            [sys.executable, "-c", SIMULATED, str(folder), str(devices), str(slots), uuid],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**_unscheduled(), "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("devices, slots", [(4, 1), (1, 2)])
def test_jobs_take_a_slot_each_wait_for_a_free_one_and_free_it_on_sigkill(tmp_path, devices, slots):
    jobs = simulated_jobs(devices * slots + 1, tmp_path, devices, slots)
    try:
        waiting = _the_waiting_one(jobs)
        holders = [job for job in jobs if job is not waiting]
        assert sorted(_device(job) for job in holders) == sorted([*range(devices)] * slots)
        freed = holders[0]
        freed.kill()
        assert _device(waiting) in range(devices)
    finally:
        _end(jobs)


def test_device_0_of_a_job_confined_to_another_device_is_not_waited_for(tmp_path):
    jobs = [
        *simulated_jobs(1, tmp_path, 1, uuid="GPU-a-"),
        *simulated_jobs(1, tmp_path, 1, uuid="GPU-b-"),
    ]
    try:
        assert [_device(job) for job in jobs] == [0, 0]
    finally:
        _end(jobs)


def _end(jobs):
    for job in jobs:
        job.kill()
        job.communicate()


def _the_waiting_one(jobs):
    """The first of the jobs that says it is waiting."""
    streams = {job.stderr: job for job in jobs}
    ready, _, _ = select.select(list(streams), [], [], 120)
    assert ready, "no job says that it waits"
    assert "every GPU is in use" in ready[0].readline()
    return streams[ready[0]]


def _device(job):
    for line in job.stdout:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError("the job ended without a device")


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A function that puts files of cards into a folder in place of /dev."""
    monkeypatch.setattr(devices, "CARDS", str(tmp_path / "nvidia[0-9]*"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)

    def put(count):
        (tmp_path / "nvidiactl").touch()
        for index in range(count):
            (tmp_path / f"nvidia{index}").touch()

    return put


@pytest.fixture
def unseen(monkeypatch):
    """torch with a driver that is too old for it."""

    def init():
        raise RuntimeError("The NVIDIA driver on your system is too old.\nMore about it.")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)


@pytest.fixture
def seen(monkeypatch):
    """A function that makes torch see devices of these capabilities; gives those made current."""
    opened = []

    def see(*capabilities, uuid="GPU-x", busy=()):
        def properties(index):
            major, minor = capabilities[index]
            return SimpleNamespace(
                name=f"card {index}", uuid=f"{uuid}{index}", major=major, minor=minor
            )

        def open_device(index):
            if index in busy:
                raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable")
            opened.append(index)

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
        monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90"])
        monkeypatch.setattr(torch.cuda, "set_device", open_device)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        return opened

    return see


def acquire(tmp_path, wanted="auto", **options):
    return devices.acquire_device(sys.stderr, wanted, lock_folder=tmp_path / "locks", **options)


OLD_DRIVER = "driver on your system is too old"
INSTALL = "Install a driver for CUDA.*set device: cpu"
HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize(
    ("count", "options", "printed"),
    [
        (0, {}, f"{OLD_DRIVER}\\): running on the CPU"),
        (0, {"in_short": True}, "^no GPU: running on the CPU$"),
        (1, {"wanted": "cpu"}, "device is cpu"),
        (1, {"asked": False}, "no GPU was asked for"),
    ],
)
def test_without_a_gpu_the_cpu_is_taken_and_the_log_says_why(
    tmp_path, cards, unseen, capsys, count, options, printed
):
    cards(count)
    assert acquire(tmp_path, **options).type == "cpu"
    output = capsys.readouterr()
    assert re.search(printed, output.out)
    assert output.err == ""


@pytest.mark.parametrize(
    ("count", "options", "environment", "problem"),
    [
        (1, {}, {}, f"{OLD_DRIVER}.*{INSTALL}"),
        (1, {"in_short": True}, {}, OLD_DRIVER),
        (0, {"wanted": "cuda"}, {}, f"torch sees no GPU.*{OLD_DRIVER}"),
        (0, {"wanted": "cuda", "in_short": True}, {}, OLD_DRIVER),
        (1, {"wanted": "cuda"}, {}, "torch sees no GPU"),
        (1, {}, HIDDEN, "CUDA_VISIBLE_DEVICES is ''"),
        (0, {}, {"SLURM_JOB_ID": "7"}, "SLURM gave this job no GPU.*Have the scheduler give"),
        (1, {}, {"SLURM_JOB_ID": "7"}, "SLURM gave this job no GPU.*Have the scheduler give"),
    ],
)
def test_a_gpu_that_is_there_or_asked_for_and_not_seen_is_an_error(
    tmp_path, cards, unseen, monkeypatch, count, options, environment, problem
):
    cards(count)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=problem):
        acquire(tmp_path, **options)


@pytest.mark.parametrize("options", [{"wanted": "cpu"}, {"asked": False}])
def test_a_job_that_wants_none_takes_none_also_under_a_scheduler(
    tmp_path, cards, seen, monkeypatch, options
):
    opened = seen((9, 0))
    cards(1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert acquire(tmp_path, **options).type == "cpu"
    assert not opened


def test_no_devices_although_torch_is_available_is_not_waited_for(tmp_path, cards, seen):
    seen()
    cards(0)
    assert acquire(tmp_path).type == "cpu"


def test_the_device_taken_is_made_current(tmp_path, cards, seen):
    opened = seen((9, 0), (9, 0))
    assert acquire(tmp_path).index == 0
    assert acquire(tmp_path).index == 1  # the first lock is still held
    assert opened == [0, 1]


def test_a_device_that_a_process_has_for_itself_is_passed_over_and_left_unlocked(
    tmp_path, cards, seen
):
    seen((9, 0), (9, 0), busy=[0])
    assert acquire(tmp_path).index == 1
    seen((9, 0), (9, 0))
    assert acquire(tmp_path).index == 0


def test_a_card_too_old_for_torch_is_refused_with_what_torch_has_code_for(tmp_path, cards, seen):
    seen((7, 0))
    told = "GPU 0, card 0, has compute capability 7.0.*sm_75 sm_80 sm_90.*set device: cpu"
    with pytest.raises(InputError, match=told):
        acquire(tmp_path)


def test_of_several_cards_those_too_old_are_left_out_and_named(tmp_path, cards, seen, capsys):
    seen((7, 0), (9, 0))
    assert acquire(tmp_path).index == 1
    printed = capsys.readouterr()
    assert "GPU 0, card 0" in printed.out and "left out" in printed.err


@pytest.mark.parametrize(
    ("capability", "built", "served"),
    [
        ((8, 6), ["sm_80"], True),  # the same major version, a later minor one
        ((7, 5), ["sm_80"], False),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["sm_80", "compute_80"], True),
        ((12, 1), ["sm_120"], True),
        ((10, 0), ["sm_90a"], False),
        ((9, 0), ["sm_90a"], True),
        ((9, 0), ["gfx90a"], False),
    ],
)
def test_code_of_an_architecture_runs_on_the_cards_it_is_for(capability, built, served):
    assert devices.is_served(capability, built) == served


def test_slices_of_one_gpu_are_told_apart_by_the_name_that_makes_them_visible(
    tmp_path, cards, seen, monkeypatch
):
    seen((9, 0), uuid="GPU-parent")
    taken = []
    for name in ("MIG-a1", "MIG-GPU-b/3/0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        taken.append(acquire(tmp_path).index)
    assert taken == [0, 0]
    locks = sorted(path.name for path in (tmp_path / "locks").iterdir())
    assert locks == ["MIG-GPU-b-3-0.lock", "MIG-a1.lock"]
