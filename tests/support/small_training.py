"""Configurations of small trainings: narrow networks, batches of one."""

from photosketch.configuration.settings import TrainConfig
from support.settings import loss_weights, train_config

BASELINE = loss_weights(l1=100)
LOCAL_GLAD = loss_weights(l1=100, glad=100, local=25)


def small_config(**changes) -> TrainConfig:
    """Width 2, 4 epochs, `baseline` with jitter, and the `changes`."""
    return train_config(**{"epochs": 4, "losses": BASELINE, "jitter": 286, **changes})
