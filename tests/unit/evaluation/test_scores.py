"""The scores of a set of sketches, and of real images in their place."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from torch import nn

from photosketch.evaluation import distances
from photosketch.evaluation.extractors import extract
from photosketch.evaluation.files import Features, Gallery
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.metrics import METRICS
from photosketch.evaluation.protocol import as_scored
from photosketch.evaluation.scores import (
    Networks,
    Truth,
    evaluate,
    evaluate_epochs,
    photo_gallery,
    reference_points,
    stack_gray_photos,
)
from photosketch.evaluation.seams import Seams
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import COLUMNS
from photosketch.training.samples import Samples, write_samples

# a small network instead of Inception: means of each channel over a coarse grid, [N, 192]
MEANS = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten())
NETWORKS = Networks(MEANS)


class CoarseFaces:
    """A small network instead of face recognition: a coarse copy of each image."""

    def embed(self, images: np.ndarray, points: np.ndarray) -> np.ndarray:
        assert points.shape == (len(images), 5, 2)
        gray = images if images.ndim == 3 else images.mean(axis=3)
        return gray[:, ::8, ::8].reshape(len(images), -1).astype(np.float32)


class Levels:
    """Instead of `structure`: the mean level of each sketch."""

    def scores(self, sketches: np.ndarray) -> np.ndarray:
        return sketches.mean(axis=(1, 2))


# LPIPS is a network too, with one number per image
WITH_LPIPS = Networks(MEANS, lambda a, b: (a - b).abs().mean(dim=(1, 2, 3)))


@pytest.fixture
def truth() -> Truth:
    sketches = np.random.default_rng(0).integers(0, 256, (9, 40, 40), np.uint8)
    ids, subset = np.arange(9).astype(str), np.array(["CUHK"] * 5 + ["AR"] * 4)
    return Truth(Features(ids, subset, extract(sketches, MEANS)), Measured.of(sketches))


def test_scores_by_subset_and_by_image_are_the_metrics_of_the_registry_and_no_others(truth):
    sketches = 255 - truth.measured.sketches
    networks = replace(WITH_LPIPS, faces=CoarseFaces())
    people, points = truth.features, np.zeros((9, 5, 2), np.float32)
    gallery = Gallery(people.ids, people.subset, np.zeros((9, 25), np.float32), points)
    labels = np.zeros((9, 40, 40), np.uint8)
    labels[:, 12:28, 12:28] = 1
    seams = Seams.of(points, labels, truth.measured.sketches)
    more = {"gallery": gallery, "seams": seams, "structure": Levels()}
    known = replace(truth, **more, memory=Memory(people, people, np.ones(9)))
    scores, images, _ = evaluate(sketches, known, networks)
    every = [metric.key for metric in METRICS]
    per_image = [metric.key for metric in METRICS if metric.per_image]
    assert list(scores.columns.drop(["subset", "n", "kid_low", "kid_high"])) == every
    assert list(images.columns.drop(["subset", "id", "nearest"])) == per_image
    assert set(images["nearest"]) <= {"/".join(person) for person in people.people}
    scores, images, found = evaluate(sketches, truth, NETWORKS)
    left_out = {"lpips", "seam", "structure", "memory"}
    assert set(every) - set(scores) == left_out | {"identity_rank1", "identity_auc"}
    assert set(per_image) - set(images) == left_out
    assert scores["subset"].tolist() == ["CUHK", "AR", "all"]
    assert scores["fid"][2] == pytest.approx(distances.fid(people.features, found))
    assert images["id"].tolist() == [str(i) for i in range(9)]
    assert scores["ssim"][1] == pytest.approx(images["ssim"][5:].mean())
    assert scores["nlda"].isna().all()
    assert found.shape == (9, 192)


@pytest.mark.slow
def test_epochs_are_scored_in_turn_as_the_protocol_says_and_counted(truth, tmp_path, capsys):
    real, files = truth.features, {}
    for epoch, sketches in ((5, 255 - truth.measured.sketches), (10, truth.measured.sketches)):
        files[epoch] = tmp_path / f"{epoch}.npz"
        write_samples(Samples(real.ids, real.subset, sketches, {"lr": epoch}), files[epoch])
    run = "local, seed 0"
    scores, images, features = evaluate_epochs(run, files, truth, NETWORKS, StringIO())
    first, _, last = capsys.readouterr().out.splitlines()
    assert scores["epoch"].tolist() == [5] * 3 + [10] * 3
    assert images["epoch"].tolist() == [5] * 9 + [10] * 9
    made_with = [json.loads(text) for text in scores["made_with"].unique()]
    assert made_with == [{"scored_as": "as_drawn", "lr": epoch} for epoch in (5, 10)]
    expected, _, drawn = evaluate(255 - truth.measured.sketches, truth, NETWORKS)
    assert scores["fid"][:3].tolist() == expected["fid"].tolist()
    assert features.epochs.tolist() == [5, 10]
    np.testing.assert_array_equal(features.features[0], drawn)

    written, report = files[5].read_bytes(), "report2019"
    scored, images, _ = evaluate_epochs(run, {5: files[5]}, truth, NETWORKS, StringIO(), report)
    prepared = as_scored(255 - truth.measured.sketches, report)
    by_subset, by_image, _ = evaluate(prepared, truth, NETWORKS)
    assert scored["fid"].tolist() == by_subset["fid"].tolist() != expected["fid"].tolist()
    assert images["ssim"].tolist() == by_image["ssim"].tolist()
    assert files[5].read_bytes() == written  # samples stay as drawn
    assert first == f"local, seed 0: epoch 5, FID {expected['fid'].iloc[-1]:.4g}"
    assert last.startswith("local, seed 0: 18 images in ")  # two epochs of nine
    others = replace(truth, features=replace(real, ids=np.char.add(real.ids, "x")))
    with pytest.raises(InputError, match=r"5\.npz: .* has besides CUHK 0"):
        evaluate_epochs(run, files, others, NETWORKS, StringIO())


def test_reference_points_are_others_sketches_photos_in_gray_and_parts_of_true_sketches(truth):
    identities = {"identity_rank1": [0.2, 0.4, 0.3]}
    known, photos = replace(truth, structure=Levels()), truth.measured.sketches
    points = reference_points(known, photos, NETWORKS, identities=identities)
    gray = points[points["name"] == "photo in gray"]  # here the sketches stand for the photos
    assert gray[["ssim", "fsim", "scoot"]].min(axis=None) > 0.9999
    assert gray["fid"].abs().max() < 1e-6
    others = points[points["name"] == "other people's real sketches"]
    assert others["subset"].tolist() == ["CUHK", "AR", "all"]
    assert others[["kid", "fid_other"]].notna().all(axis=None)
    assert others[["fid", "kid_low", "kid_high", "ssim"]].isna().all(axis=None)
    # the row equals the scores of the true sketches, scored as drawn sketches
    assert others["fid_other"].tolist() == pytest.approx(gray["fid_other"].tolist())
    true = points[points["name"] == "true sketches"].dropna(axis="columns")
    assert set(true) == {"subset", "n", "structure", "identity_rank1", "name"}
    assert true["n"].tolist() == [5, 4, 9]
    assert true["structure"].tolist() == pytest.approx(
        [photos[:5].mean(), photos[5:].mean(), photos.mean()]
    )


@pytest.mark.slow
def test_photos_are_looked_up_by_drawn_and_by_true_sketches(listed):
    people, faces = listed[:2], CoarseFaces()
    rows = [
        [person.id, modality, *range(10), 1.0, "manual"]
        for person in people
        for modality in ("photo", "sketch")
    ]
    tables = {"AR": pd.DataFrame(rows, columns=list(COLUMNS))}
    gallery, known = photo_gallery(people, tables, faces, "")
    assert gallery.ids.tolist() == ["1", "2"]
    assert gallery.points[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert all(0 <= value <= 1 for value in known["identity_auc"])
    assert len(known["identity_rank1"]) == 2
    located = {"AR": tables["AR"].iloc[:3]}
    with pytest.raises(InputError, match=r"no points for the sketch of AR 2.*`snakemake annotate`"):
        photo_gallery(people, located, faces, "snakemake annotate")

    photos = stack_gray_photos(people)
    features = Features(gallery.ids, gallery.subset, extract(photos, MEANS))
    own = Truth(features, Measured.of(photos), gallery=gallery)
    networks = Networks(MEANS, faces=faces)
    scores, _, _ = evaluate(photos, own, networks)
    assert scores["identity_rank1"].tolist() == [1, 1]
    swapped, _, _ = evaluate(photos[::-1].copy(), own, networks)
    assert swapped["identity_rank1"].tolist() == [0, 0]
    assert swapped["identity_auc"].tolist() == [0, 0]
