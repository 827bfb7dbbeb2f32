import numpy as np
import pytest
from PIL import ImageChops

from photosketch.demo.pair import draw_pair
from photosketch.parsing.labels import CLASSES, EYES, Parsings
from photosketch.parsing.montage import CLASS_COLOURS, labelled, parsing_montage
from support.drawn_pairs import on_disk


def test_labels_tint_a_sketch_and_leave_the_background():
    sketch = np.full((20, 20), 200, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = EYES
    picture = labelled(sketch, labels)
    assert (picture[:5] == 200).all()
    red, green, blue = picture[10, 10].astype(int)
    assert blue > green > red  # the colour of eyes is blue
    assert picture[5, 10].tolist() == [220, 0, 0]  # the outline of the head mask


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    """Four pairs, and their label maps in another order."""
    drawn = [draw_pair(seed) for seed in range(4)]
    labels = [np.stack([getattr(p, f"{m}_labels") for p in drawn]) for m in ("photo", "sketch")]
    pairs = on_disk(tmp_path_factory.mktemp("pairs"), "pencil", "abcd", drawn)
    return pairs, Parsings(tuple("dcba"), *(maps[::-1] for maps in labels))


def test_a_montage_shows_every_pair_four_times_and_the_legend(subset):
    colours = np.asarray(parsing_montage("pencil", *subset))
    legend = {tuple(colour) for colour in colours[50:80].reshape(-1, 3).tolist()}
    assert set(CLASS_COLOURS[1:]) <= legend
    assert len(CLASS_COLOURS) == len(CLASSES)
    # Two rows of pairs, the fourth below the first: each of its four images has ink in it.
    lower = colours[-200:, 24:648]
    images = [lower[:, 158 * k : 158 * k + 150] for k in range(4)]
    assert all((image < 128).any() for image in images)
    assert (colours[-180:, 700:] == 255).all()


def test_a_montage_names_what_was_parsed_by_grabcut_and_takes_labels_by_id(subset):
    pairs, parsings = subset
    plain = parsing_montage("pencil", pairs[:1], parsings)
    marked = Parsings(parsings.ids, parsings.photo, parsings.sketch, (("a", "sketch"),))
    assert parsing_montage("pencil", pairs[:1], marked).height > plain.height
    in_order = Parsings(tuple("abcd"), parsings.photo[::-1], parsings.sketch[::-1])
    again = parsing_montage("pencil", pairs[:1], in_order)
    assert ImageChops.difference(plain, again).getbbox() is None
