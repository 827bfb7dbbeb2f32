"""Configurations of small trainings: narrow networks, batches of one."""

from photosketch.configuration.settings import LossWeights, TrainConfig

BASELINE = LossWeights(l1=100)
LOCAL_GLAD = LossWeights(l1=100, glad=100, local=25)


def small_config(**changes) -> TrainConfig:
    """Width 2, 4 epochs, `baseline` with jitter, and the `changes`."""
    values = {
        "epochs": 4,
        "batch_size": 1,
        "lr": 0.001,
        "beta1": 0.5,
        "ngf": 2,
        "ndf": 2,
        "losses": BASELINE,
        "jitter": 286,
    }
    return TrainConfig(**{**values, **changes})
