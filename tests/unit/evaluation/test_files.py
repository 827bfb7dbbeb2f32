"""The files of the evaluation: what is written is read, and people are not mixed up."""

from pathlib import Path

import numpy as np
import pytest

from photosketch.evaluation.files import (
    Features,
    read_features,
    read_image_scores,
    sample_problems,
    write_features,
)
from photosketch.jobs.job import InputError
from photosketch.training.samples import Samples, write_samples


def draw(path: Path, people: list[tuple[str, str]]) -> None:
    sketches = np.stack([np.full((5, 4), index, np.uint8) for index in range(len(people))])
    subset, ids = zip(*people, strict=True)
    write_samples(Samples(np.array(ids), np.array(subset), sketches), path)


def test_features_survive_the_file(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 2048)).astype(np.float32)
    real = Features(np.array(["1", "2"]), np.array(["AR", "AR"]), values)
    write_features(real, tmp_path / "real.npz")
    again = read_features(tmp_path / "real.npz")
    assert again.ids.tolist() == ["1", "2"]
    assert again.subset.tolist() == ["AR", "AR"]
    np.testing.assert_array_equal(again.features, values)


def test_samples_of_other_people_are_reported(tmp_path: Path) -> None:
    people = [("AR", "1"), ("AR", "2"), ("XM2VTS", "1")]
    subset, ids = zip(*people, strict=True)
    real = Features(np.array(ids), np.array(subset), np.zeros((3, 2048), np.float32))
    same, other, shuffled = (tmp_path / f"{name}.npz" for name in ("same", "other", "shuffled"))
    draw(same, people)
    draw(other, [("AR", "1"), ("AR", "3"), ("XM2VTS", "1")])
    draw(shuffled, people[::-1])
    assert sample_problems(same, real) == []
    [problem] = sample_problems(other, real)
    assert "other.npz" in problem
    assert "lacks AR 2; has besides AR 3" in problem
    [problem] = sample_problems(shuffled, real)
    assert "another order" in problem


def test_metrics_of_single_sketches_are_read_by_epoch_and_image(tmp_path: Path) -> None:
    path = tmp_path / "seed0_images.csv"
    path.write_text(
        "epoch,subset,id,ssim,fsim\n"
        "8,NA,1,0.5,0.6\n8,NA,007,0.7,0.8\n8,AR,1,0.9,1\n"
        "10,NA,1,0.1,0.2\n10,NA,007,0.3,0.4\n10,AR,1,0.5,0.6\n"
    )
    people = [("NA", "1"), ("NA", "007"), ("AR", "1")]
    scores = read_image_scores(path, people, [8, 10])
    assert list(scores) == ["ssim", "fsim"]
    assert scores["ssim"].tolist() == [[0.5, 0.7, 0.9], [0.1, 0.3, 0.5]]
    assert scores["fsim"].tolist() == [[0.6, 0.8, 1], [0.2, 0.4, 0.6]]
    with pytest.raises(InputError, match="has besides 8 NA 007, 10 NA 007; delete it"):
        read_image_scores(path, [people[0], people[2]], [8, 10])
    with pytest.raises(InputError, match="lacks 9 NA 1, 9 NA 007, 9 AR 1"):
        read_image_scores(path, people, [8, 9, 10])
