"""Trainers as the report's experiment has them, for the checks."""

from typing import Any

import torch

from photosketch.configuration.settings import TrainConfig
from photosketch.training import tensors
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights, train_config

LOCAL = loss_weights(l1=100, local=25)
ABLATIONS: dict[str, dict[str, Any]] = {  # what each has of its own
    "baseline": {"losses": loss_weights(l1=100)},
    "glad": {"losses": loss_weights(l1=100, glad=100)},
    "local": {"losses": LOCAL},
    "local_glad": {"losses": loss_weights(l1=100, glad=100, local=25)},
    "local_feather": {"losses": LOCAL, "fusion": "feather"},
    "local_attention": {"losses": LOCAL, "fusion": "attention"},
    "local_blend": {"losses": LOCAL, "fusion": "blend"},
}


def configuration(
    ablation: str, width: int, precision: Any = "fp32", **changes: Any
) -> TrainConfig:
    """The configuration of an ablation at a width, batch 1."""
    values = {"epochs": 800, "batch_size": 1, "jitter": 286, **ABLATIONS[ablation], **changes}
    return train_config(
        lr=0.0002,
        beta1=0.5,
        ngf=width,
        ndf=width,
        precision=precision,
        **values,
    )


def build(config: TrainConfig, device: str | torch.device) -> Trainer:
    """A fresh trainer; `device` cuda is the first one."""
    place = torch.device("cuda", 0) if device == "cuda" else torch.device(device)
    return Trainer(config, 0, 1, place)


def advance(trainer: Trainer, steps: int, data: tensors.PackedSet | None = None) -> torch.Tensor:
    """The terms of some steps on three pairs taken in turn, [steps, T], on the device."""
    data = data or packed_pairs(trainer.device, trainer.config.frame)
    size = trainer.config.batch_size
    batches = [
        torch.arange(step, step + size, device=trainer.device) % len(data) for step in range(steps)
    ]
    return torch.stack([trainer.advance(data, indices).clone() for indices in batches])


def values(state: Any) -> list[torch.Tensor]:
    """The tensors of a state, in order, in host memory."""
    if isinstance(state, torch.Tensor):
        return [state.cpu()]
    return [v for item in state.values() for v in values(item)] if isinstance(state, dict) else []


def unequal(first: list[torch.Tensor], second: list[torch.Tensor]) -> int:
    """How many of the tensors differ in any bit."""
    return sum(not torch.equal(a, b) for a, b in zip(first, second, strict=True))
