"""The device of a job: one GPU for each slot, the CPU if it is requested, an error otherwise."""

import errno
import fcntl
import os
import sys
from types import SimpleNamespace

import pytest
import torch

from photosketch.jobs import devices
from photosketch.jobs.disk import try_lock
from photosketch.jobs.messages import InputError


@pytest.fixture(autouse=True)
def cards(tmp_path, monkeypatch):
    """No scheduler, and a folder without cards that replaces /dev."""
    monkeypatch.setattr(devices, "CARDS", str(tmp_path / "nvidia[0-9]*"))
    monkeypatch.setattr(devices, "POSSIBLE_CARDS", (str(tmp_path / "kfd"), str(tmp_path / "dxg")))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    (tmp_path / "nvidiactl").touch()


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
        cards = [
            SimpleNamespace(name=f"card {index}", uuid=f"{uuid}{index}", major=major, minor=minor)
            for index, (major, minor) in enumerate(capabilities)
        ]

        def open_device(index):
            if index in busy:
                raise RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable")
            opened.append(index)

        for name, function in {
            "is_available": lambda: True,
            "device_count": lambda: len(cards),
            "get_device_properties": cards.__getitem__,
            "get_arch_list": lambda: ["sm_75", "sm_80", "sm_90"],
            "set_device": open_device,
            "synchronize": lambda: None,
        }.items():
            monkeypatch.setattr(torch.cuda, name, function)
        return opened

    return see


def acquire(tmp_path, wanted="auto", **options):
    return devices.acquire_device(sys.stderr, wanted, lock_folder=tmp_path / "locks", **options)


OLD_DRIVER = "driver on your system is too old"


def test_without_a_gpu_the_cpu_is_taken_and_the_log_says_why(tmp_path, unseen, capsys):
    assert acquire(tmp_path).type == acquire(tmp_path, in_short=True).type == "cpu"
    output = capsys.readouterr()
    assert output.out.endswith(f"{OLD_DRIVER}): running on the CPU\nno GPU: running on the CPU\n")
    assert output.err == ""


@pytest.mark.parametrize(
    ("card", "options", "environment", "problem"),
    [
        (True, {}, {}, f"{OLD_DRIVER}.*Install a driver for CUDA.*set device: cpu"),
        (True, {"in_short": True}, {}, OLD_DRIVER),
        (False, {"wanted": "cuda"}, {}, f"torch sees no GPU.*{OLD_DRIVER}"),
        (False, {"wanted": "cuda", "in_short": True}, {}, OLD_DRIVER),
        (True, {}, {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES is ''"),
        (False, {}, {"SLURM_JOB_ID": "7"}, "SLURM gave this job no GPU.*Have the scheduler give"),
    ],
)
def test_a_gpu_that_is_there_or_asked_for_and_not_seen_is_an_error(
    tmp_path, unseen, monkeypatch, card, options, environment, problem
):
    if card:
        (tmp_path / "nvidia0").touch()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=problem):
        acquire(tmp_path, **options)


def test_a_job_that_wants_none_takes_none_also_under_a_scheduler(
    tmp_path, seen, monkeypatch, capsys
):
    opened = seen((9, 0))
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert acquire(tmp_path, "cpu").type == acquire(tmp_path, asked=False).type == "cpu"
    printed = capsys.readouterr().out.splitlines()
    assert "device is cpu" in printed[0]
    assert "resource gpu is 0" in printed[1]
    assert not opened


def test_a_job_may_use_a_gpu_if_the_machine_or_the_scheduler_may_have_one(tmp_path, monkeypatch):
    may = devices.may_use_gpu
    assert (may("auto"), may("cuda")) == (False, True)
    (tmp_path / "dxg").touch()
    assert (may("auto"), may("cpu")) == (True, False)
    (tmp_path / "dxg").unlink()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert may("auto")


def test_no_devices_although_torch_is_available_is_not_waited_for(tmp_path, seen):
    seen()
    assert acquire(tmp_path).type == "cpu"


def test_jobs_take_a_slot_each_make_its_device_current_and_wait_for_a_free_one(
    tmp_path, seen, monkeypatch, capsys
):
    opened = seen((9, 0), (9, 0))
    of_another = try_lock(tmp_path / "locks/gpu-GPU-x1-slot1.lock", sys.stderr, "it")
    monkeypatch.setattr(devices.time, "sleep", lambda seconds: os.close(of_another))
    assert [acquire(tmp_path, slots=2).index for _ in range(3)] == [0, 1, 0]
    assert capsys.readouterr().err == ""
    assert acquire(tmp_path, slots=2).index == 1
    assert capsys.readouterr().err == "every GPU is in use (2, 2 jobs each): waiting\n"
    assert opened == [0, 1, 0, 1]


def test_a_device_is_taken_without_locks_and_the_console_told(tmp_path, seen, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    seen((9, 0), (9, 0))
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert acquire(tmp_path).index == 0
    fault = f"no locks in {tmp_path / 'locks'} (No locks available)"
    assert capsys.readouterr().err == f"{fault}: make sure that no other job uses GPU 0\n"


def test_a_folder_of_locks_that_cannot_be_made_is_named(tmp_path, seen):
    seen((9, 0))
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(InputError, match=r"-x0\.lock: cannot be used \(File exists\)"):
        acquire(tmp_path)


def test_a_device_that_a_process_has_for_itself_is_passed_over_and_left_unlocked(tmp_path, seen):
    seen((9, 0), (9, 0), busy=[0])
    assert acquire(tmp_path).index == 1
    seen((9, 0), (9, 0))
    assert acquire(tmp_path).index == 0


def test_cards_too_old_for_torch_are_named_with_what_it_has_code_for(tmp_path, seen, capsys):
    seen((7, 0))
    told = "GPU 0, card 0, has compute capability 7.0.*sm_75 sm_80 sm_90.*set device: cpu"
    with pytest.raises(InputError, match=told):
        acquire(tmp_path)
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
    tmp_path, seen, monkeypatch, uuids, visible, locks
):
    for uuid, name in zip(uuids, visible, strict=True):
        seen((9, 0), uuid=uuid)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        assert acquire(tmp_path).index == 0
    assert sorted(path.name for path in (tmp_path / "locks").iterdir()) == locks
