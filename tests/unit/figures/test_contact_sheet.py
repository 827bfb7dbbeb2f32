"""Contact sheets: the places of images, and evenly spaced positions of a list."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from photosketch.figures.contact_sheet import (
    ALARM,
    Group,
    Key,
    cell,
    edges,
    evenly_spaced,
    fitted,
    sheet,
)


def groups(count: int, alarm: bool = False, images: int = 2) -> list[Group]:
    """Groups of black images 60 pixels wide and 80 high."""
    black = Image.new("RGB", (60, 80))
    return [Group([black] * images, f"pair {i}", alarm=alarm) for i in range(count)]


def black_boxes(picture: Image.Image) -> int:
    """The number of complete images on the sheet."""
    dark = (np.asarray(picture.convert("L")) == 0).astype(int)
    padded = np.pad(dark.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    dark = padded[80:, 60:] - padded[:-80, 60:] - padded[80:, :-60] + padded[:-80, :-60]
    return int((dark == 60 * 80).sum())


@pytest.mark.parametrize(("count", "across"), [(1, 3), (3, 3), (4, 3), (7, 2)])
def test_every_image_is_whole_on_the_sheet(count: int, across: int) -> None:
    columns = ["photo", "an exceedingly long name of a column"]
    assert black_boxes(sheet("title", groups(count), across, columns=columns)) == 2 * count


def test_a_sheet_is_wide_enough_for_its_title_and_legend() -> None:
    narrow = sheet("a", groups(1), 1)
    long = "a title that is wider than the images"
    for picture in (sheet(long, groups(1), 1), sheet("a", groups(1), 1, [Key(long)])):
        assert picture.width > narrow.width
        assert (np.asarray(picture)[:, -20:] == 255).all()


def test_alarming_groups_are_framed_in_red() -> None:
    def red(picture: Image.Image) -> bool:
        return bool((np.asarray(picture) == ImageColor.getrgb(ALARM)).all(-1).any())

    assert red(sheet("a", groups(2, alarm=True), 2))
    assert not red(sheet("a", groups(2), 2))


def test_an_image_of_any_shape_is_as_large_as_fits_and_untouched_at_its_own_size() -> None:
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


def test_edges_lie_where_the_label_differs_from_the_left_or_upper_one() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[1:3, 1:3] = 1
    expected = ["....", ".###", ".#.#", ".##."]
    assert ["".join(".#"[int(edge)] for edge in row) for row in edges(labels)] == expected


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
def test_positions_are_spread_from_the_first_to_the_last(count, most, expected) -> None:
    assert evenly_spaced(count, most) == expected
