"""The time and memory of a training step, plain and with each switch.

`python tests/bench_training.py --help`; as a module, `main([...])` returns what it prints. The
variants of an ablation take turns, so a busy machine slows all of them: compare the ratios of one
run. On a CPU, other work disturbs processor time (`cpu_ms`) less than wall time (`ms`).
"""

import argparse
import dataclasses
import gc
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import bench_common
from gpu_checks import trainers
from photosketch.configuration.settings import FRAMES
from photosketch.training.checkpoint import Saver
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.trainer import PLAIN, Switches, Trainer, fastest
from support.face_batch import packed_pairs

ABLATIONS = ("baseline", "local", "local_glad")
FUSED = dataclasses.replace(PLAIN, fused_adam=True)
# dense peak of 16-bit matrix products, FLOP/s, from NVIDIA's data sheets
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


def variants_on(device: torch.device) -> dict[str, tuple[Switches, str]]:
    """Switches and precision by name: plain, each switch added, and those of a training."""
    taken = fastest(device)
    eager = dataclasses.replace(taken, graph=False)
    variants = {
        "eager fp32": (PLAIN, "fp32"),
        "fused Adam": (FUSED, "fp32"),
        "channels_last": (dataclasses.replace(FUSED, channels_last=True), "fp32"),
        "bf16": (eager, "bf16"),
    }
    if device.type == "cuda":
        variants |= {"fp32 graph": (taken, "fp32"), "bf16 graph": (taken, "bf16")}
    return variants


def build(
    ablation: str, variant: tuple[Switches, Any], width: int, frame: int, device: torch.device
) -> Trainer:
    """A trainer of the report's experiment: batch 1, `width` channels after the first layer."""
    switches, precision = variant
    jitter = 286 * frame // 256
    config = trainers.configuration(
        ablation, width, precision, epochs=1, frame=frame, jitter=jitter
    )
    return Trainer(config, 0, 1, device, switches)


def bench_ablation(
    ablation: str, width: int, frame: int, repeats: int, steps: int, device: torch.device
) -> list[dict[str, Any]]:
    """One row per variant: medians over `repeats` turns of `steps` steps each."""
    variants = variants_on(device)
    data = packed_pairs(device, frame)
    indices = torch.tensor([0], device=device)
    built = {
        name: build(ablation, variant, width, frame, device) for name, variant in variants.items()
    }
    times: dict[str, list[np.ndarray]] = {name: [] for name in variants}

    def turn(trainer: Trainer, count: int) -> None:
        for _ in range(count):
            trainer.advance(data, indices)

    for trainer in built.values():
        turn(trainer, 1 if device.type == "cpu" else 5)
    for _ in range(repeats):
        for name, trainer in built.items():
            took, _ = bench_common.wall_and_cpu(lambda: turn(trainer, steps))  # noqa: B023
            times[name].append(took)
    flops = count_flops(ablation, width, frame)
    peaks = {precision: matrix_rate(device, precision) for precision in ("fp32", "bf16")}
    known = [peak for model, peak in PEAKS.items() if model in device_name(device)]
    rows = []
    for name, (_, precision) in variants.items():
        seconds, spent = (np.median(times[name], axis=0) / steps).tolist()
        speedups = np.divide(times["eager fp32"], times[name])
        speedup, speedup_of_cpu_time = np.median(speedups, axis=0).tolist()
        row = {
            "ablation": ablation,
            "variant": name,
            "precision": precision,
            "ms": 1e3 * seconds,
            "cpu_ms": 1e3 * spent,
            "images_per_second": 1 / seconds,
            "speedup": speedup,
            "speedup_of_cpu_time": speedup_of_cpu_time,
            "gflop": flops / 1e9,
            "share_of_matrix_product": flops / seconds / peaks[precision],
        }
        if known and precision == "bf16":
            row["share_of_nominal_peak"] = flops / seconds / known[0]
        rows.append(row)
    return rows


def count_flops(ablation: str, width: int, frame: int) -> int:
    """Floating-point operations of the convolutions of one step, forward and backward."""
    trainer = build(ablation, (PLAIN, "fp32"), width, frame, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        trainer.compute(packed_pairs(trainer.device, frame), torch.tensor([0]))
    return counter.get_total_flops()


def matrix_rate(device: torch.device, precision: str) -> float:
    """FLOP/s of a large square matrix product, which the device reaches in practice."""
    size = 8192 if device.type == "cuda" else 1024
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.randn(size, size, device=device).to(kind)
    torch.mm(matrix, matrix)
    times = [bench_common.wall_and_cpu(lambda: torch.mm(matrix, matrix))[0] for _ in range(5)]
    return 2 * size**3 / min(wall for wall, _ in times)


def peak_memory(ablation: str, variant: str, width: int, frame: int, device: torch.device) -> float:
    """The memory in GB (of the GPU, or of the process) of a training that saves its state."""
    code = "import sys, bench_training as b; b.train_for_memory(*sys.argv[1:])"
    arguments = [ablation, variant, width, frame, device.type, torch.get_num_threads()]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    folder = Path(__file__).parent
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def train_for_memory(
    ablation: str, variant: str, width: str, frame: str, kind: str, threads: str
) -> None:
    """The child of `peak_memory`: trains, saving after every step, and prints its peak in GB."""
    torch.set_num_threads(int(threads))
    device = torch.device(kind)
    trainer = build(ablation, variants_on(device)[variant], int(width), int(frame), device)
    data, indices = packed_pairs(device, int(frame)), torch.tensor([0], device=device)
    with (
        deterministic_algorithms(),
        tempfile.TemporaryDirectory() as folder,
        Saver(Path(folder)) as saver,
    ):
        for _ in range(3):
            trainer.advance(data, indices)
            trainer.is_finite()
            saver.save(trainer.state())
    if kind == "cuda":
        print(torch.cuda.max_memory_allocated() / 1e9)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


def device_name(device: torch.device) -> str:
    """The model of the GPU, or CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table, and return {"device", "threads", "width", "frame", "rows"}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ablations", nargs="+", default=list(ABLATIONS), choices=ABLATIONS)
    parser.add_argument("--width", type=int, default=64, help="ngf and ndf (default 64)")
    parser.add_argument("--frame", type=int, default=256, choices=FRAMES, help="(default 256)")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--steps", type=int, default=0, help="per turn (default 1; GPU 50)")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU (default 2)")
    parser.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    parser.add_argument("--json", type=Path, help="also write the result there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(bench_common.device())
    steps = options.steps or (50 if device.type == "cuda" else 1)
    rows = []
    for ablation in options.ablations:
        sizes = options.width, options.frame
        with deterministic_algorithms():  # as training has them
            measured = bench_ablation(ablation, *sizes, options.repeats, steps, device)
        gc.collect()
        for row in measured:
            if not options.no_memory:
                row["peak_gb"] = peak_memory(ablation, row["variant"], *sizes, device)
            print("  ".join(_cell(key, value) for key, value in row.items()), flush=True)
        rows += measured
    settings = {key: getattr(options, key) for key in ("threads", "width", "frame", "repeats")}
    result = {"device": device_name(device), **settings, "rows": rows}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return result


def _cell(name: str, value: Any) -> str:
    return f"{value:13s}" if isinstance(value, str) else f"{name} {value:.3g}"


if __name__ == "__main__":
    main()
