"""Two generated pairs on disk, for all tests of warping them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from photosketch.parsing.labels import Parsings
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.warp_pairs import warp_pairs
from support.drawn_pairs import on_disk, true_points
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair

SEEDS = (0, 1)


class Subset:
    """Two generated pairs on disk, with the truth for points and labels."""

    def __init__(self, folder):
        self.drawn = [draw_pair(seed, PENCIL, deformation=10) for seed in SEEDS]
        self.pairs = on_disk(folder, "pencil", "ab", self.drawn)
        self.table = true_points("ab", self.drawn)
        self.parsings = Parsings(
            ("a", "b"),
            np.stack([pair.photo_labels for pair in self.drawn]),
            np.stack([pair.sketch_labels for pair in self.drawn]),
        )

    @cache  # noqa: B019, there is one subset
    def warp(self, count=2, mode="face", parse=parse_segmentation, detect=None, by_hand=()):
        """Warp the first `count` pairs; `by_hand` are the sketches labelled by hand."""
        return warp_pairs(
            self.pairs[:count],
            self.table,
            replace(self.parsings, manual=by_hand),
            mode,
            parse,
            parse,
            detect or (lambda _: [pair.photo_landmarks for pair in self.drawn[:count]]),
        )


@pytest.fixture(scope="session")
def subset(tmp_path_factory):
    return Subset(tmp_path_factory.mktemp("pairs"))
