"""Faces that the local networks' rectangles do not fit are found and named."""

from dataclasses import replace

import numpy as np
import pandas as pd

from photosketch.data.pairs import Pair
from photosketch.geometry.similarity import template
from photosketch.landmarks.misplaced import misplaced
from photosketch.landmarks.table import COLUMNS

SIZE = (200, 250)
PAIR = Pair("AR", "7", "train", "p/7.png", "s/7.png", *SIZE, "", "")


def tables(photo: np.ndarray, sketch: np.ndarray | None) -> dict[str, pd.DataFrame]:
    faces = {"photo": photo, "sketch": sketch}
    rows = [
        ("7", modality, *points.ravel(), 0.9, "mtcnn")
        for modality, points in faces.items()
        if points is not None
    ]
    return {"AR": pd.DataFrame(rows, columns=list(COLUMNS))}


def test_faces_of_half_the_size_that_agree_with_each_other_are_named():
    face = template(SIZE)
    small = (face - face.mean(axis=0)) / 2 + face.mean(axis=0)

    assert misplaced([PAIR], tables(face, face), "sketch") == []
    assert misplaced([PAIR], tables(face, None), "sketch") == []
    assert misplaced([PAIR], tables(face, small), "photo") == []
    [line] = misplaced([PAIR], tables(face, small), "sketch")
    assert line.startswith("s/7.png: the eyes are 26 px apart instead of 40 to 62")
    assert line.endswith("(sketch of AR 7)")


def test_a_face_is_judged_in_the_frame_around_its_own_image():
    face = template(SIZE)
    narrow = replace(PAIR, sketch_width=100, sketch_height=250)

    assert misplaced([narrow], tables(face, face - (50, 0)), "sketch") == []
    [line] = misplaced([narrow], tables(face, face + (50, 0)), "sketch")
    assert "too near the border: right eye, mouth" in line
