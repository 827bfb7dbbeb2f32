"""Drawing: the same bytes twice, and no memory kept from generator to generator."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from gpu_checks import trainers
from gpu_checks.result import Result, verdict
from photosketch.training import checkpoint, inference, kept_trainings
from photosketch.training.determinism import deterministic_algorithms
from support.face_batch import packed_pairs


def _written(folder: str, device: str, width: int, ablation: str) -> Path:
    """The file of a fresh generator."""
    trainer = trainers.build(trainers.configuration(ablation, width), device)
    checkpoint.save_generator(
        Path(folder), 1, trainer.generator.module.state_dict(), trainer.about()
    )
    return kept_trainings.generator_path(Path(folder), 1)


def twice(device: str, width: int, ablation: str) -> Result:
    """Both statistics, each from a generator loaded anew."""
    place = torch.device(device)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        path = _written(folder, device, width, ablation)
        for statistics in ("instance", "running"):
            with deterministic_algorithms():
                first, second = (
                    inference.draw(
                        inference.load_generator(path, place),
                        packed_pairs(place),
                        statistics,
                        0,
                        1,
                        place,
                    )
                    for _ in range(2)
                )
            if not np.array_equal(first, second):
                problems.append(f"{statistics}: {(first != second).mean():.2%} of pixels differ")
    return verdict(problems, "equal to the byte")


def memory_over_30_generators(device: str, width: int) -> Result:
    """As `infer` goes through the epochs of a run."""
    place = torch.device(device)
    used = []
    with tempfile.TemporaryDirectory() as folder:
        path = _written(folder, device, width, "local_glad")
        data = packed_pairs(place)
        for epoch in range(30):
            generator = inference.load_generator(path, place)
            inference.draw(generator, data, "instance", 0, epoch, place)
            used.append(torch.cuda.memory_reserved(place) / 1e6)
    problems = [] if used[-1] == used[2] else [f"{used[2]:.0f} MB grew to {used[-1]:.0f} MB"]
    return verdict(problems, f"{used[-1]:.0f} MB reserved", megabytes=used)
