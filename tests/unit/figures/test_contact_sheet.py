"""Contact sheets: the places of images, and evenly spaced positions of a list."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageColor

from photosketch.figures import contact_sheet
from photosketch.figures.contact_sheet import Group, Key, cell, fitted, sheet


def groups(count, alarm=False):
    """Groups of two black images 60 pixels wide and 80 high."""
    return [Group([Image.new("RGB", (60, 80))] * 2, f"pair {i}", alarm=alarm) for i in range(count)]


@pytest.mark.parametrize(("count", "across"), [(1, 3), (3, 3), (4, 3), (7, 2)])
def test_every_image_is_whole_on_the_sheet(count, across):
    columns = ["photo", "an exceedingly long name of a column"]
    picture = sheet("title", groups(count), across, columns=columns)
    black = (np.asarray(picture.convert("L")) == 0).astype(np.uint8)
    whole = cv2.erode(black, np.ones((80, 60)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    assert whole.sum() == 2 * count


def test_a_sheet_is_wide_enough_for_its_title_and_legend():
    narrow = sheet("a", groups(1), 1)
    long = "a title that is wider than the images"
    for picture in (sheet(long, groups(1), 1), sheet("a", groups(1), 1, [Key(long)])):
        assert picture.width > narrow.width
        assert (np.asarray(picture)[:, -20:] == 255).all()


@pytest.mark.parametrize("alarm", [False, True])
def test_alarming_groups_are_framed_in_red(alarm):
    picture = np.asarray(sheet("a", groups(2, alarm), 2))
    assert (picture == ImageColor.getrgb(contact_sheet.ALARM)).all(-1).any() == alarm


def test_an_image_of_any_shape_is_as_large_as_fits_and_untouched_at_its_own_size():
    wide = np.full((20, 80, 3), 9, np.uint8)
    picture, scale = fitted(wide, 40, 50)
    assert (picture.size, scale) == ((40, 50), 0.5)
    assert (np.asarray(picture)[:10] == 9).all()
    assert (np.asarray(picture)[10:] == 255).all()
    picture, scale = fitted(wide.transpose(1, 0, 2), 40, 50)
    assert scale == 0.6
    assert (np.asarray(picture)[:48, :12] == 9).all()
    sketch = np.random.default_rng(0).integers(0, 256, (50, 40), np.uint8)
    assert cell(sketch, 20).size == (20, 25)
    assert (np.asarray(cell(sketch, 40)) == sketch[..., None]).all()
    picture, scale = fitted(sketch, 20, 25)
    assert (np.asarray(picture) == np.asarray(cell(sketch, 20))).all()


def test_edges_lie_where_the_label_differs_from_the_left_or_upper_one():
    labels = np.zeros((4, 4), np.uint8)
    labels[1:3, 1:3] = 1
    edges = contact_sheet.edges(labels)
    assert ["".join(np.where(row, "#", ".")) for row in edges] == ["....", ".###", ".#.#", ".##."]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (100, 6, [0, 20, 40, 59, 79, 99]),
        (188, 3, [0, 94, 187]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (3, 40, [0, 1, 2]),
        (1, 40, [0]),
    ],
)
def test_positions_are_spread_from_the_first_to_the_last(count, most, expected):
    assert contact_sheet.evenly_spaced(count, most) == expected
