"""The montage of warped sketches."""

import numpy as np
from PIL import ImageColor

from photosketch.figures.contact_sheet import ALARM
from photosketch.warp.montage import COLUMNS as CELLS
from photosketch.warp.montage import overlay, warp_montage


def test_the_montage_shows_the_ink_over_the_photo(subset):
    warped, scores = subset.warp()
    shown = warp_montage(
        "pencil", "face", subset.pairs, subset.parsings, warped, scores.assign(worse=[False, True])
    )
    picture = np.asarray(shown)
    assert picture.shape[1] > 2 * len(CELLS) * 130
    assert (picture == ImageColor.getrgb(ALARM)).all(-1).any()  # the pair that got worse
    calm = np.asarray(warp_montage("pencil", "face", subset.pairs, subset.parsings, warped, scores))
    assert not (calm == ImageColor.getrgb(ALARM)).all(-1).any()
    drawn = subset.drawn[0]
    laid = overlay(drawn.photo, np.zeros((250, 200), np.uint8), drawn.photo_labels)
    ink = drawn.sketch < 128
    assert (laid[ink][:, 2] > laid[ink][:, 0].astype(int) + 30).mean() > 0.9
