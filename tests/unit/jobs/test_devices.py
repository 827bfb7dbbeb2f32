"""The device of a job: one GPU for each slot, the CPU if it is requested, an error otherwise."""

import contextlib
import errno
import fcntl
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
import sys, time
from types import SimpleNamespace
from photosketch.jobs import devices
folder, count, slots = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
cuda = SimpleNamespace(
    is_available=lambda: True,
    device_count=lambda: count,
    get_device_properties=lambda index: SimpleNamespace(
        name=f"simulated {index}", uuid=f"GPU-{index}", major=9, minor=0
    ),
    get_arch_list=lambda: ["sm_90"],
    set_device=lambda index: None,
    synchronize=lambda: None,
)
sys.modules["torch"] = SimpleNamespace(cuda=cuda, device=lambda kind, index: index)
print(devices.acquire_device(sys.stderr, slots=slots, lock_folder=folder), flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def simulated_jobs(count, *arguments):
    told = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")  # perhaps set by a scheduler for the tests
    environment = {name: value for name, value in os.environ.items() if name not in told}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", SIMULATED, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(count)
    ]
    try:
        yield jobs
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def device_of(job):
    return next(int(line) for line in job.stdout if line.strip().isdigit())


@pytest.mark.slow
@pytest.mark.parametrize("devices, slots", [(3, 1), (1, 2)])
def test_jobs_take_a_slot_each_wait_for_a_free_one_and_free_it_on_sigkill(tmp_path, devices, slots):
    with simulated_jobs(devices * slots + 1, tmp_path, devices, slots) as jobs:
        ready, _, _ = select.select([job.stderr for job in jobs], [], [], 120)
        assert ready, "no job says that it waits"
        assert "every GPU is in use" in ready[0].readline()
        [waiting] = [job for job in jobs if job.stderr is ready[0]]
        holders = [job for job in jobs if job is not waiting]
        assert sorted(map(device_of, holders)) == sorted([*range(devices)] * slots)
        holders[0].kill()
        assert device_of(waiting) in range(devices)


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A function that creates the files of cards, in a folder that replaces /dev."""
    monkeypatch.setattr(devices, "CARDS", str(tmp_path / "nvidia[0-9]*"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    (tmp_path / "nvidiactl").touch()

    def put(count):
        for index in range(count):
            (tmp_path / f"nvidia{index}").touch()

    return put


@pytest.fixture
def unseen(monkeypatch):
    """torch with a driver that is too old."""

    def init():
        raise RuntimeError("The NVIDIA driver on your system is too old.\nMore about it.")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)


@pytest.fixture
def seen(monkeypatch):
    """A function that makes torch see devices with these capabilities; returns the current ones."""
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


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({}, f"{OLD_DRIVER}\\): running on the CPU"),
        ({"in_short": True}, "^no GPU: running on the CPU$"),
    ],
)
def test_without_a_gpu_the_cpu_is_taken_and_the_log_says_why(
    tmp_path, cards, unseen, capsys, options, printed
):
    assert acquire(tmp_path, **options).type == "cpu"
    output = capsys.readouterr()
    assert re.search(printed, output.out)
    assert output.err == ""


@pytest.mark.parametrize(
    ("count", "options", "environment", "problem"),
    [
        (1, {}, {}, f"{OLD_DRIVER}.*Install a driver for CUDA.*set device: cpu"),
        (1, {"in_short": True}, {}, OLD_DRIVER),
        (0, {"wanted": "cuda"}, {}, f"torch sees no GPU.*{OLD_DRIVER}"),
        (0, {"wanted": "cuda", "in_short": True}, {}, OLD_DRIVER),
        (1, {}, {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES is ''"),
        (0, {}, {"SLURM_JOB_ID": "7"}, "SLURM gave this job no GPU.*Have the scheduler give"),
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


@pytest.mark.parametrize(
    ("options", "printed"),
    [({"wanted": "cpu"}, "device is cpu"), ({"asked": False}, "resource gpu is 0")],
)
def test_a_job_that_wants_none_takes_none_also_under_a_scheduler(
    tmp_path, cards, seen, monkeypatch, capsys, options, printed
):
    opened = seen((9, 0))
    cards(1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert acquire(tmp_path, **options).type == "cpu"
    assert printed in capsys.readouterr().out
    assert not opened


@pytest.mark.parametrize(
    ("wanted", "card", "environment", "may"),
    [
        ("auto", False, {}, False),
        ("auto", True, {}, True),
        ("auto", False, {"SLURM_JOB_ID": "7"}, True),
        ("cpu", True, {}, False),
        ("cuda", False, {}, True),
    ],
)
def test_a_job_may_use_a_gpu_if_the_machine_or_the_scheduler_may_have_one(
    tmp_path, monkeypatch, wanted, card, environment, may
):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(devices, "POSSIBLE_CARDS", (str(tmp_path / "kfd"), str(tmp_path / "dxg")))
    if card:
        (tmp_path / "dxg").touch()
    assert devices.may_use_gpu(wanted) == may


def test_no_devices_although_torch_is_available_is_not_waited_for(tmp_path, cards, seen):
    seen()
    assert acquire(tmp_path).type == "cpu"


def test_the_device_taken_is_made_current(tmp_path, cards, seen):
    opened = seen((9, 0), (9, 0))
    assert [acquire(tmp_path).index for _ in range(2)] == [0, 1]  # the first lock is still held
    assert opened == [0, 1]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_a_device_is_taken_without_locks_and_the_console_told(
    tmp_path, cards, seen, monkeypatch, capsys, code
):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    seen((9, 0), (9, 0))
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert acquire(tmp_path).index == 0
    assert capsys.readouterr().err == (
        f"no locks in {tmp_path / 'locks'} ({os.strerror(code)}): make sure that no other job "
        "uses GPU 0\n"
    )


def test_a_folder_of_locks_that_cannot_be_made_is_named(tmp_path, cards, seen):
    seen((9, 0))
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(InputError, match=r"-x0\.lock: cannot be used \(File exists\)"):
        acquire(tmp_path)


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


@pytest.mark.parametrize(
    ("uuids", "visible", "locks"),
    [
        (["GPU-a", "GPU-b"], ["", ""], ["gpu-GPU-a0.lock", "gpu-GPU-b0.lock"]),
        (["GPU-c"] * 2, ["MIG-a1", "MIG-GPU-b/3/0"], ["MIG-GPU-b-3-0.lock", "MIG-a1.lock"]),
    ],
    ids=["other cards", "slices of one card"],
)
def test_device_0_of_a_job_confined_to_another_device_is_not_waited_for(
    tmp_path, cards, seen, monkeypatch, uuids, visible, locks
):
    for uuid, name in zip(uuids, visible, strict=True):
        seen((9, 0), uuid=uuid)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        assert acquire(tmp_path).index == 0
    assert sorted(path.name for path in (tmp_path / "locks").iterdir()) == locks
