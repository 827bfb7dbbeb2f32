"""The files of the evaluation: written and read again, without mixing people up."""

import numpy as np
import pytest

from photosketch.evaluation.files import (
    Features,
    read_features,
    read_image_scores,
    read_nearest,
    write_features,
)
from photosketch.jobs.messages import InputError


def test_features_survive_the_file(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 2048)).astype(np.float32)
    real = Features(np.array(["1", "2"]), np.array(["AR", "AR"]), values)
    write_features(real, tmp_path / "real.npz")
    np.testing.assert_equal(vars(read_features(tmp_path / "real.npz")), vars(real))


def test_metrics_of_single_sketches_are_read_by_epoch_and_image(tmp_path):
    path = tmp_path / "seed0_images.csv"
    path.write_text(
        "epoch,subset,id,ssim,fsim,nearest\n"
        "8,NA,1,0.5,0.6,NA/2\n8,NA,007,0.7,0.8,NA/2\n8,AR,1,0.9,1,NA/2\n"
        "10,NA,1,0.1,0.2,NA/2\n10,NA,007,0.3,0.4,AR/03\n10,AR,1,0.5,0.6,AR/03\n"
    )
    people = [("NA", "1"), ("NA", "007"), ("AR", "1")]
    scores = read_image_scores(path, people, [8, 10])
    assert list(scores) == ["ssim", "fsim"]
    assert scores["ssim"].tolist() == [[0.5, 0.7, 0.9], [0.1, 0.3, 0.5]]
    assert scores["fsim"].tolist() == [[0.6, 0.8, 1], [0.2, 0.4, 0.6]]
    assert read_nearest(path) == ["NA/2", "AR/03", "AR/03"]
    with pytest.raises(InputError, match="has besides 8 NA 007, 10 NA 007; delete it"):
        read_image_scores(path, [people[0], people[2]], [8, 10])
    with pytest.raises(InputError, match="lacks 9 NA 1, 9 NA 007, 9 AR 1"):
        read_image_scores(path, people, [8, 9, 10])
