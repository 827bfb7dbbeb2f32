"""How long trainings take at the speeds that `make bench` has measured."""

from collections.abc import Mapping
from typing import Any

from photosketch.configuration.settings import TrainConfig


def training_seconds(measured: Mapping[str, Any], train: TrainConfig, pairs: int) -> float | None:
    """The seconds that one training on so many pairs takes; None where that was not measured.

    `measured` is what tests/bench_training.py gives: steps of one pair, for one width and frame,
    with the fusion of APDrawingGAN. Of the gradient loss without local networks it has no row: that
    counts as `baseline`, whose step it makes longer by the gradients of two sketches.
    """
    local = train.losses.local > 0
    if (
        train.batch_size != 1
        or not (train.ngf == train.ndf == measured["width"])
        or train.frame != measured["frame"]
        or (local and train.fusion != "apdrawing")
    ):
        return None
    kind = "baseline"
    if local:
        kind = "local_glad" if train.losses.glad else "local"
    for row in measured["rows"]:
        if row["ablation"] == kind and row.get("taken") and row["precision"] == train.precision:
            return train.epochs * pairs / row["images_per_second"]
    return None
