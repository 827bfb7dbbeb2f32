"""The time of a training by measured speeds."""

import pytest

from photosketch.estimate import speeds
from support.settings import loss_weights, train_config

TRAIN = train_config(
    epochs=10, batch_size=1, lr=0.0002, beta1=0.5, ngf=64, ndf=64, losses=loss_weights(l1=100)
)
LOCAL = loss_weights(l1=100, glad=100, local=25)
MEASURED = {
    "device": "CPU",
    "width": 64,
    "frame": 256,
    "rows": [
        {"ablation": "baseline", "precision": "fp32", "taken": False, "images_per_second": 1},
        {"ablation": "baseline", "precision": "fp32", "taken": True, "images_per_second": 2},
        {"ablation": "local_glad", "precision": "fp32", "taken": True, "images_per_second": 0.5},
    ],
}


def test_a_training_takes_as_long_as_its_kind_at_the_speed_that_training_has():
    assert speeds.training_seconds(MEASURED, TRAIN, 88) == pytest.approx(440)
    local = TRAIN.model_copy(update={"losses": LOCAL})
    assert speeds.training_seconds(MEASURED, local, 88) == pytest.approx(1760)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 4},
        {"ngf": 16},
        {"frame": 512, "jitter": 572},
        {"precision": "bf16"},
        {"losses": LOCAL, "fusion": "feather"},
        {"losses": loss_weights(l1=100, local=25)},
    ],
)
def test_what_was_not_measured_is_not_known(changes):
    assert speeds.training_seconds(MEASURED, TRAIN.model_copy(update=changes), 88) is None
