"""The scores of a set of sketches, and of real images in their place."""

import numpy as np
import pytest
import torch
from torch import nn

from photosketch.evaluation import distances
from photosketch.evaluation.files import Features
from photosketch.evaluation.scores import Truth, evaluate, matched_real


class Means(nn.Module):
    """A small network in the place of Inception: means over a coarse grid."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(images[:, :1], (32, 64)).flatten(1)  # [N, 2048]


@pytest.fixture
def truth() -> Truth:
    sketches = np.random.default_rng(0).integers(0, 256, (9, 40, 40), np.uint8)
    from photosketch.evaluation.extractors import extract

    found = Features(
        np.array([str(i) for i in range(9)]),
        np.array(["CUHK"] * 5 + ["AR"] * 4),
        extract(sketches, Means()),
    )
    return Truth.of(found, sketches)


def test_scores_are_by_subset_and_by_image_and_features_are_returned(
    truth: Truth,
) -> None:
    sketches = 255 - truth.measured.sketches
    scores, images, found = evaluate(sketches, truth, Means())
    assert scores["subset"].tolist() == ["CUHK", "AR", "all"]
    assert scores["fid"][2] == pytest.approx(distances.fid(truth.features.features, found))
    assert images["id"].tolist() == [str(i) for i in range(9)]
    assert scores["ssim"][1] == pytest.approx(images["ssim"][5:].mean())
    assert scores["nlda"].isna().all()
    assert found.shape == (9, 2048)


def test_the_truth_itself_is_perfect(truth: Truth) -> None:
    scores, _, _ = evaluate(truth.measured.sketches, truth, Means())
    assert scores["fid"].abs().max() < 1e-6
    assert scores[["ssim", "fsim", "scoot"]].min(axis=None) > 0.9999


def test_real_sketches_of_others_are_matched_in_number() -> None:
    random = np.random.default_rng(0)

    def features(counts: dict[str, int]) -> Features:
        subset = np.repeat(list(counts), list(counts.values()))
        return Features(
            np.arange(len(subset)).astype(str), subset, random.normal(size=(len(subset), 16))
        )

    train, test = features({"a": 12, "b": 5, "c": 1}), features({"a": 8, "b": 9, "c": 4})
    table = matched_real(train, test, draws=40).set_index("subset")
    assert table["n"].to_dict() == {"a": 8, "b": 5, "all": 13}
    assert (table["fid"] > 0).all()
    assert abs(table.loc["all", "kid"]) < table.loc["all", "fid"] / 10
    assert (table["kid_low"] < table["kid"]).all()
    assert (table["kid"] < table["kid_high"]).all()
    assert table.loc["all", "kid_low"] < 0 < table.loc["all", "kid_high"]  # all of one kind
    apart = Features(train.ids, train.subset, train.features + 2)
    assert matched_real(apart, test).set_index("subset").loc["all", "kid_low"] > 0
    assert len(matched_real(features({"c": 1}), test)) == 0
