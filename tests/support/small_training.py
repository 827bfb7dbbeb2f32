"""Configurations of small trainings: narrow networks, batches of one."""

import io
from pathlib import Path

from photosketch.configuration.settings import RunSettings, TrainConfig
from photosketch.training.kept_trainings import Training
from photosketch.training.loop import Run
from photosketch.training.trainer import Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights, train_config

BASELINE = loss_weights(l1=100)
LOCAL_GLAD = loss_weights(l1=100, glad=100, local=25)


def small_config(**changes) -> TrainConfig:
    """Width 2, 4 epochs, `baseline` with jitter, and the `changes`."""
    return train_config(**{"epochs": 4, "losses": BASELINE, "jitter": 286, **changes})


def small_run(trainer: Trainer, folder: Path | str, due: list[int], **settings) -> Run:
    """A run of the trainer in `folder`, with `settings` of the run in place of the usual ones."""
    usual = {"strip_every": 0, "state_minutes": 5.0, "keep": "all", "keep_replaced": 1}
    training = Training(trainer.config.hparams(), "code", "data", trainer.seed)
    expected = "test", Path(folder), due, training, RunSettings(**{**usual, **settings})
    return Run(trainer, packed_pairs(trainer.device), io.StringIO(), *expected)


def network_config(width: int = 2, *, local: bool = True, **changes) -> TrainConfig:
    """Networks of that width, with local ones or without."""
    losses = LOCAL_GLAD if local else BASELINE
    return train_config(ngf=width, ndf=width, losses=losses, **changes)
