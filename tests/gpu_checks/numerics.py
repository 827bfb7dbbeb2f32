"""The first step on the GPU against that on the CPU."""

import torch

from gpu_checks import trainers
from gpu_checks.result import Result, verdict
from photosketch.training.determinism import deterministic_algorithms
from photosketch.training.layers import HalfDropout
from support.face_batch import packed_pairs

TOLERANCE = {"fp32": 1e-3, "bf16": 0.03}  # of each term


def first_step_as_on_the_cpu(device: str, width: int, ablation: str, precision: str) -> Result:
    """Each term, without what is random: no dropout, no jitter; float32 without TensorFloat-32."""
    config = trainers.configuration(ablation, width, precision, jitter=0)
    terms = []
    for place in ("cpu", device):
        trainer = trainers.build(config, place)
        for module in trainer.generator.module.modules():
            if isinstance(module, HalfDropout):
                module.eval()
        indices = torch.zeros(1, dtype=torch.int64, device=trainer.device)
        with (
            deterministic_algorithms(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        ):
            terms.append(trainer.compute(packed_pairs(trainer.device), indices).cpu())
    difference = ((terms[1] - terms[0]).abs() / terms[0].abs()).tolist()
    found = dict(zip(trainer.terms, difference, strict=True))
    problems = [
        f"{name} is {value:.2%} off"
        for name, value in found.items()
        if not value < TOLERANCE[precision]
    ]
    return verdict(problems, f"at most {max(difference):.1e} of a term", relative=found)
