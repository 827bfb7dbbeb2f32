import numpy as np

from photosketch.demo.pair import draw_pair
from photosketch.parsing.labels import CLASSES, EYES
from photosketch.parsing.montage import CLASS_COLOURS, labelled, parsing_montage


def test_labels_tint_a_sketch_and_leave_the_background():
    sketch = np.full((20, 20), 200, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = EYES
    picture = labelled(sketch, labels)
    assert (picture[:5] == 200).all()
    red, green, blue = picture[10, 10].astype(int)
    assert blue > green > red  # the colour of eyes is blue
    assert picture[5, 10].tolist() == [220, 0, 0]  # the outline of the head mask


def test_a_montage_shows_every_pair_four_times_and_the_legend():
    shown = [draw_pair(seed) for seed in range(4)]
    montage = parsing_montage(
        "pencil: 4 of 4 pairs",
        ids=list("abcd"),
        photos=[p.photo for p in shown],
        photo_labels=[p.photo_labels for p in shown],
        sketches=[p.sketch for p in shown],
        sketch_labels=[p.sketch_labels for p in shown],
    )
    colours = np.asarray(montage)
    legend = {tuple(colour) for colour in colours[30:60].reshape(-1, 3).tolist()}
    assert set(CLASS_COLOURS[1:]) <= legend
    assert len(CLASS_COLOURS) == len(CLASSES)
    # Two rows of pairs, the fourth below the first: each of its four images has ink in it.
    lower = colours[-200:, 20:640]
    images = [lower[:, 154 * k : 154 * k + 150] for k in range(4)]
    assert all((image < 128).any() for image in images)
    assert (colours[-180:, 700:] == 255).all()
