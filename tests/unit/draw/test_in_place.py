"""Sketches put back: at their places, each pixel from the face that it is nearest to."""

import numpy as np
import pytest

from photosketch.draw.in_place import in_place
from photosketch.draw.sketcher import Face, Sketch
from photosketch.geometry.similarity import TEMPLATE
from support.scattered import moved


def sketch_at(place, gray) -> Sketch:
    """An even sketch of that gray, of a face that `place` brings from 200x250 into the photo."""
    face = Face(place(TEMPLATE), 1.0, "mtcnn")
    image = np.full((250, 200), gray, np.uint8)
    return Sketch(face, image, np.zeros((250, 200, 3), np.uint8), place.inverse())


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.6])
def test_a_mark_in_a_sketch_comes_to_lie_where_it_is_in_the_photo(scale):
    place = moved(scale, 20, 400, 350)
    sketch = sketch_at(place, 255)
    sketch.image[150:160, 60:70] = 0
    drawn = in_place([sketch], (800, 700))
    assert drawn.shape == (700, 800)
    dark = np.argwhere(drawn < 128)[:, ::-1]
    assert dark.mean(axis=0) == pytest.approx(place(np.array([64.5, 154.5])), abs=0.6)
    assert len(dark) == pytest.approx(100 * scale**2, rel=0.15)


def test_outside_of_all_faces_is_paper(tmp_path):
    drawn = in_place([sketch_at(moved(0.5, 0, 100, 100), 240)], (400, 300))
    assert (drawn == 240).all()


def test_where_pictures_overlap_the_nearer_face_counts():
    left, right = moved(1, 0, 150, 200), moved(1, 0, 250, 200)
    drawn = in_place([sketch_at(left, 50), sketch_at(right, 200)], (400, 400))
    row = drawn[200]
    assert (row[60:195] == 50).all()
    assert (row[205:340] == 200).all()


def test_a_face_at_the_border_is_cut_there():
    drawn = in_place([sketch_at(moved(1, 0, 20, 30), 90)], (300, 300))
    assert drawn.shape == (300, 300)
    assert (drawn[:140, :110] == 90).all()
