"""How long a step takes, alone and with other jobs on the card, and which kernels take it."""

import os
import subprocess
import sys
import time

import torch

from gpu_checks import trainers
from gpu_checks.result import Result, verdict
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs

STEPS_OF_800_EPOCHS = 800 * 268  # CUFS has 268 training pairs
# Milliseconds a step, width 64, float32, batch 1. Memory traffic alone, at an H100's 3.35 TB/s:
FLOOR = {"baseline": 0.93, "local_glad": 2.4}
FLOOR_BANDWIDTH = 3.35e12
# Estimated for an H100 before there was one to measure on
PREDICTED = {"baseline": "3 to 4", "local_glad": "12 to 15"}
JOB_SECONDS = 5.0
JOB = "import sys; from gpu_checks.speed import job; job(*sys.argv[1:])"


def of_a_step(device: str, width: int, ablation: str, precision: str) -> Result:
    """Milliseconds a step, recorded and not, and what 800 epochs of CUFS take."""
    config = trainers.configuration(ablation, width, precision)
    figures: dict[str, float | str] = {}
    with deterministic_algorithms():
        for name in ("eager",) if device == "cpu" else ("eager", "recorded"):
            trainer = trainers.build(config, device)
            trainer.recordable = name == "recorded"
            figures[f"{name} ms"] = _milliseconds(trainer, 3 if device == "cpu" else 100)
            if name == "recorded" and trainer.recorded is None:
                return Result("FAIL", "not recorded", figures)
    fastest = min(value for value in figures.values() if isinstance(value, float))
    if width == 64:
        figures["hours for 800 epochs"] = fastest * STEPS_OF_800_EPOCHS / 3.6e6
    if device != "cpu" and width == 64 and ablation in FLOOR and precision == "fp32":
        bandwidth = _bandwidth(device)
        floor = FLOOR[ablation] * FLOOR_BANDWIDTH / bandwidth
        figures["bandwidth TB/s"] = bandwidth / 1e12
        figures["share of the memory floor"] = floor / fastest
        figures["predicted for an H100, ms"] = PREDICTED[ablation]
    shown = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    )
    return verdict([], shown, **figures)


def _milliseconds(trainer: Trainer, steps: int) -> float:
    """The mean over some steps, after those that warm up."""
    data = packed_pairs(trainer.device)
    indices = torch.zeros(1, dtype=torch.int64, device=trainer.device)
    for _ in range(2):
        trainer.advance(data, indices)
    _wait(trainer.device)
    start = time.perf_counter()
    for _ in range(steps):
        trainer.advance(data, indices)
    _wait(trainer.device)
    return 1e3 * (time.perf_counter() - start) / steps


def _bandwidth(device: str) -> float:
    """Bytes a second that a copy of 1 GiB reads and writes."""
    source = torch.zeros(2**28, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(5):
        _wait(source.device)
        start = time.perf_counter()
        target.copy_(source)
        _wait(source.device)
        best = max(best, 2 * source.nbytes / (time.perf_counter() - start))
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def of_several_jobs(device: str, width: int) -> Result:
    """Steps a second of 1, 2 and 4 trainings of the baseline on one card, together."""
    figures = {}
    for count in (1, 2, 4):
        jobs = [
            subprocess.Popen(
                [sys.executable, "-c", JOB, device, str(width)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for _ in range(count)
        ]
        try:
            for each in jobs:
                while (line := each.stdout.readline().strip()) != "ready":
                    if not line and each.poll() is not None:
                        ended = f"one of {count} jobs ended: {each.returncode}"
                        return Result("FAIL", ended, figures)
            for each in jobs:
                each.stdin.write("go\n")
                each.stdin.flush()
            rates = [float(each.communicate()[0].splitlines()[-1]) for each in jobs]
        finally:
            for each in jobs:
                each.kill()
        figures[f"{count} jobs, steps/s"] = sum(rates)
    remark = ", ".join(f"{name} {rate:.0f}" for name, rate in figures.items())
    return verdict([], remark, **figures)


def job(device: str, width: str) -> None:
    """One of several: warms up, waits for a line, trains for seconds, prints steps a second."""
    trainer = trainers.build(trainers.configuration("baseline", int(width)), device)
    with deterministic_algorithms():
        _milliseconds(trainer, 10)
        print("ready", flush=True)
        sys.stdin.readline()
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < JOB_SECONDS:
            _milliseconds(trainer, 50)
            steps += 52
    print(steps / (time.perf_counter() - start))


def of_kernels(device: str, width: int, ablation: str) -> Result:
    """The kernels that take the most time of an unrecorded step."""
    from torch.profiler import ProfilerActivity, profile

    trainer = trainers.build(trainers.configuration(ablation, width), device)
    trainer.recordable = False
    with deterministic_algorithms():
        _milliseconds(trainer, 1)
        with profile(activities=[ProfilerActivity.CUDA]) as profiled:
            trainers.advance(trainer, 5)
            _wait(trainer.device)
    rows = sorted(profiled.key_averages(), key=lambda row: row.self_device_time_total, reverse=True)
    total = sum(row.self_device_time_total for row in rows)
    if not total:
        return Result("SKIP", "the profiler saw no kernel: it may be for administrators alone")
    shares = {row.key[:100]: row.self_device_time_total / total for row in rows[:12]}
    remark = ", ".join(f"{share:.0%} {name[:32]}" for name, share in [*shares.items()][:3])
    return verdict([], remark, ms_a_step=total / 5e3, shares=shares)
