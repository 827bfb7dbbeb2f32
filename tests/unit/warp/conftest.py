"""Two generated pairs on disk, for all tests of warping them."""

from dataclasses import replace
from functools import cache

import pytest

from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.warp_pairs import warp_pairs
from support.drawn_pairs import on_disk, true_parsings, true_points
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair


class Subset:
    """Two generated pairs on disk, with the truth for points and labels."""

    def __init__(self, folder):
        self.drawn = [draw_pair(seed, PENCIL, deformation=10) for seed in (0, 1)]
        self.pairs = on_disk(folder, "pencil", "ab", self.drawn)
        self.table = true_points("ab", self.drawn)
        self.parsings = true_parsings("ab", self.drawn)

    @cache  # noqa: B019, there is one subset
    def warp(self, count=2, mode="face", parse=parse_segmentation, detect=None, by_hand=()):
        """Warp the first `count` pairs; `by_hand` are the sketches labelled by hand."""
        detect = detect or (lambda _: [pair.photo_landmarks for pair in self.drawn[:count]])
        parsings = replace(self.parsings, manual=by_hand)
        return warp_pairs(self.pairs[:count], self.table, parsings, mode, parse, parse, detect)


@pytest.fixture(scope="session")
def subset(tmp_path_factory):
    return Subset(tmp_path_factory.mktemp("pairs"))
