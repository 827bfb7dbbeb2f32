"""The metric of memory: copies of training sketches are found, and nothing else is."""

import cv2
import numpy as np
import pytest

from photosketch.configuration.settings import FeatureConfig
from photosketch.data.pairs import index_pairs, read_image
from photosketch.evaluation import extractors
from photosketch.evaluation.files import Features
from photosketch.evaluation.memory import Memory


def named(features: np.ndarray, subset: str = "AR") -> Features:
    count = len(features)
    return Features(np.arange(count).astype(str), np.full(count, subset), features)


def redrawn(sketch: np.ndarray) -> np.ndarray:
    """An inexact copy: moved by some pixels, and paler."""
    return (0.9 * np.roll(sketch, (1, 2), (0, 1)) + 20).astype(np.uint8)


@pytest.mark.slow
def test_a_generator_that_copies_is_found_and_one_that_cannot_is_not(root):
    faces = index_pairs(root / "resources/demo/pairs.tsv", (200, 250))
    photos, sketches = (
        np.stack([read_image(pair, kind) for pair in faces]) for kind in ("photo", "sketch")
    )
    training, test = slice(0, None, 2), slice(1, None, 2)  # 21 people each, of all three looks
    network = extractors.load(FeatureConfig("efficientnet-lite0"))
    features = extractors.extract(sketches, network)
    memory = Memory.of(named(features[training]), named(features[test]))
    drawn = sketches[test]
    for place, photo in enumerate(photos[test]):
        if place % 3 == 0:  # it copies the training sketch of the most similar photo
            gaps = np.abs(photos[training] - photo.astype(float)).mean(axis=(1, 2, 3))
            drawn[place] = redrawn(sketches[training][gaps.argmin()])
        elif place % 3 == 1:  # it cannot copy: a filter of the photo
            gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
            drawn[place] = cv2.divide(gray, cv2.GaussianBlur(gray, (0, 0), 6), scale=235)
        else:  # a copy of the own true sketch
            drawn[place] = redrawn(drawn[place])
    copied = memory.copied(memory.nearest(extractors.extract(drawn, network))[1])
    assert copied.reshape(7, 3).mean(axis=0).tolist() == [1, 0, 0]


@pytest.mark.slow
def test_true_sketches_are_below_the_limit_in_the_expected_share():
    """True sketches of more people, over many splits into 20 people and one more."""
    random = np.random.default_rng(0)
    copied = []
    for _ in range(1500):
        training, real, further = random.normal(size=(3, 39, 4))
        memory = Memory.of(named(training), named(real))
        copied.append(memory.copied(memory.nearest(further)[1]).mean())
    assert 0.04 < np.mean(copied) < 0.06


def test_each_subset_has_its_limit_and_one_of_few_people_has_none():
    training, real = np.random.default_rng(0).normal(size=(2, 50, 4))
    subset = np.repeat(["AR", "CUHK", "few"], [19, 21, 10])
    people = Features(np.arange(50).astype(str), subset, real)
    memory = Memory.of(named(training), people)
    _, ratios = memory.nearest(real)
    assert memory.limits[0] == ratios[:19].min() != memory.limits[19] == ratios[19:40].min()
    copied = memory.copied(memory.nearest(training)[1])
    assert (copied[:40] == 1).all() and np.isnan(copied[40:]).all()
