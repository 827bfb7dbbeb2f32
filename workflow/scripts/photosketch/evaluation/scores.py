"""The scores of one set of generated sketches, and of real images held against the same truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import torch
from piq.perceptual import ContentLoss
from torch import nn

from photosketch.evaluation import distances, image_metrics, recognition
from photosketch.evaluation.distances import InnerProducts, subset_masks
from photosketch.evaluation.extractors import extract
from photosketch.evaluation.files import Features
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.metrics import POOLED
from photosketch.pairs import Pair, read_image

MATCHED_DRAWS = 20


@dataclass(frozen=True)
class Truth:
    """The real test sketches, and what all epochs share of their scores: the features, their inner
    products, and the sketches in the same order with what the metrics of single images measure."""

    features: Features
    products: InnerProducts
    measured: Measured

    @classmethod
    def of(
        cls, features: Features, sketches: np.ndarray, device: torch.device | str = "cpu"
    ) -> "Truth":
        """sketches [N, H, W] uint8."""
        products = InnerProducts.of(features.features, features.features)
        return cls(features, products, Measured.of(sketches, device))


def stack_sketches(pairs: Sequence[Pair]) -> np.ndarray:
    """The real sketches of the pairs, [N, H, W] uint8."""
    return np.stack([read_image(pair, "sketch") for pair in pairs])


def stack_gray_photos(pairs: Sequence[Pair]) -> np.ndarray:
    """The photos of the pairs in gray (ITU-R 601), [N, H, W] uint8."""
    return np.stack([cv2.cvtColor(read_image(pair, "photo"), cv2.COLOR_RGB2GRAY) for pair in pairs])


def evaluate(
    sketches: np.ndarray,
    truth: Truth,
    network: nn.Module,
    device: torch.device | str = "cpu",
    lpips_network: ContentLoss | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Every score of sketches [N, H, W] uint8 of the people of `truth`, in its order.

    Returns a table by subset (subset, n, fid, kid, kid_low, kid_high, the mean of each metric of
    single images, nlda), a table by image (subset, id, ssim, fsim, scoot, lpips where its network
    is given), and the features [N, 2048] float32. Networks and truth must be on `device`.
    """
    subset = truth.features.subset
    generated = extract(sketches, network, device)
    scores = distances.score(truth.products.against(truth.features.features, generated), subset)
    by_image = image_metrics.score_images(
        truth.measured, Measured.of(sketches, device), lpips_network
    )
    masks = subset_masks(subset)
    for metric in by_image:
        scores[metric] = [by_image.loc[mask, metric].mean() for mask in masks.values()]
    scores["nlda"] = [
        recognition.rank_one(truth.measured.sketches[mask], sketches[mask], device)
        for mask in masks.values()
    ]
    by_image.insert(0, "subset", subset)
    by_image.insert(1, "id", truth.features.ids)
    return scores, by_image, generated


def matched_real(
    train: Features, test: Features, draws: int = MATCHED_DRAWS, seed: int = 0
) -> pd.DataFrame:
    """FID and KID between real sketches of different people, training against test.

    As many of one side as of the other, drawn at random in every subset; the mean over `draws`,
    of the ends of KID's interval as well. Columns: subset, n, fid, kid, kid_low, kid_high. Subsets
    with fewer than two training sketches are left out.
    """
    random = np.random.default_rng(seed)
    sides: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in dict.fromkeys(test.subset.tolist()):
        rows = (np.flatnonzero(train.subset == name), np.flatnonzero(test.subset == name))
        if min(map(len, rows)) > 1:
            sides[name] = rows
    counts = {name: min(map(len, rows)) for name, rows in sides.items()}
    columns = ["fid", "kid", "kid_low", "kid_high"]
    if not sides:
        return pd.DataFrame(columns=["subset", "n", *columns])
    totals = {name: np.zeros(len(columns)) for name in [*sides, POOLED]}
    for _ in range(draws):
        drawn = {
            name: [random.choice(rows, counts[name], replace=False) for rows in both]
            for name, both in sides.items()
        }
        drawn[POOLED] = [np.concatenate([both[side] for both in drawn.values()]) for side in (0, 1)]
        for name, (first, second) in drawn.items():
            a, b = train.features[first], test.features[second]
            # for the jackknife a training and a test sketch leave together: drawn independently,
            # any pairing will do
            interval = distances.kid_interval(distances.InnerProducts.of(a, b))
            totals[name] += np.array([distances.fid(a, b), distances.kid(a, b), *interval]) / draws
    counts[POOLED] = sum(counts.values())
    return pd.DataFrame(
        [
            {"subset": name, "n": counts[name], **dict(zip(columns, values, strict=True))}
            for name, values in totals.items()
        ]
    )
