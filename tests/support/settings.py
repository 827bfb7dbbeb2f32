"""Hyper-parameters for tests: all must be given, so a test names those that it is about."""

from typing import Any

from photosketch.configuration.settings import LossWeights, TrainConfig


def loss_weights(**weights: float) -> LossWeights:
    """Those, and no other loss."""
    return LossWeights(**{name: weights.get(name, 0.0) for name in LossWeights.model_fields})


def train_config(**changes: Any) -> TrainConfig:
    """One epoch of the narrowest `baseline` without jitter, but for `changes`."""
    usual = {
        "epochs": 1,
        "batch_size": 1,
        "lr": 0.001,
        "beta1": 0.5,
        "lr_decay_epochs": 0,
        "ngf": 2,
        "ndf": 2,
        "jitter": 0,
        "glad_form": "magnitude",
        "precision": "fp32",
        "warp": "none",
        "fusion": "apdrawing",
        "decoder": "transposed",
        "flip": False,
        "losses": loss_weights(l1=100),
        "frame": 256,
    }
    return TrainConfig(**{**usual, **changes})
