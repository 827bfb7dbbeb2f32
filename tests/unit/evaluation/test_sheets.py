"""The contact sheets of seams and of memory. Each drawing has its own gray level, which shows its
place on the sheet."""

import numpy as np

from photosketch.data.pairs import read_image
from photosketch.evaluation.files import Features
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.seams import Border, Places, Seams
from photosketch.evaluation.sheets import colour_of, memory_sheet, seam_sheet, with_borders


def border(pixels: list[int]) -> Border:
    places = Places(np.array(pixels), np.tile([1.0, 0.0], (len(pixels), 1)))
    return Border(places, places)


def test_borders_are_coloured_by_their_ratio_and_nothing_else_is():
    sketch = np.full((5, 4), 200, np.uint8)
    borders = [border([0, 1]), None, border([19])]
    picture = with_borders(sketch, borders, np.array([1.0, np.nan, 4.0]))
    assert picture[0, 0].tolist() == picture[0, 1].tolist() == list(colour_of(1))
    assert picture[4, 3].tolist() == list(colour_of(4)) == list(colour_of(9))
    assert (picture[1:4] == 200).all()
    greens = [colour_of(ratio)[1] for ratio in (0.5, 1, 1.4, 2, 3, 4)]
    assert greens == sorted(greens, reverse=True)
    assert greens[0] == greens[1] > greens[2] > greens[3]


def test_the_worst_come_first(listed):
    drawn = np.stack([np.full((250, 200), gray, np.uint8) for gray in (50, 100, 150)])
    for sketch, step in zip(drawn, (0, 40, 20), strict=True):
        sketch[:, 100:] += step
    at_step, on_plain = border([125 * 200 + 100]).across, border([125 * 200 + 20]).across
    borders = [Border(at_step, on_plain), None, None, None, None]
    true_ratios = np.where([border is not None for border in borders], 1.0, np.nan)
    seams = Seams([borders] * 3, np.tile(true_ratios, (3, 1)))
    sheet = np.asarray(seam_sheet("title", listed, drawn, seams))
    places = [np.argwhere((sheet == gray).all(axis=2))[0].tolist() for gray in (100, 150, 50)]
    assert places == sorted(places)  # two in the first row, one in the second row


def test_the_most_suspicious_come_first_beside_their_nearest(listed):
    drawn = np.stack([np.full((250, 200), gray, np.uint8) for gray in (50, 90)])
    ids, subset = np.array(["1", "2"]), np.array(["AR", "AR"])
    training = Features(ids[:1], subset[:1], np.array([[0.0, 0]]))
    real = Features(ids, subset, np.array([[4.0, 0], [0, 4]]))
    memory = Memory(training, real, np.full(2, 0.5))
    features = np.array([[0, 3.0], [0, 1]])
    sheet = np.asarray(memory_sheet("local", listed[:2], listed[2:], drawn, features, memory))
    places = [np.argwhere((sheet == gray).all(axis=2))[0, 1] for gray in (90, 50)]
    assert places == sorted(places)
    nearest = sheet[:, places[0] + 208 : places[0] + 408]  # beside the first drawing
    true = read_image(listed[2], "sketch")
    assert any((nearest[y : y + 250] == true[..., None]).all() for y in range(len(nearest) - 249))
