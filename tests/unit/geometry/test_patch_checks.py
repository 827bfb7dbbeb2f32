"""The faces that the local networks' rectangles do not fit, and the messages about them."""

import numpy as np
import pytest

from photosketch.geometry.patch_checks import face_problems, misplaced_faces, refusal
from photosketch.geometry.similarity import template

SIZE = (200, 250)
FACE = template(SIZE)
MIDDLE = FACE.mean(axis=0)
TURN = np.array([[0.9, -0.436], [0.436, 0.9]])  # by 26 degrees


@pytest.mark.parametrize(
    ("points", "size", "frame", "problem"),
    [
        (FACE, SIZE, 256, None),
        (template((400, 500)), (400, 500), 512, None),
        (FACE, SIZE, 512, "instead of 80 to 124"),  # half as large as in a frame of 256
        ((FACE - MIDDLE) / 2 + MIDDLE, SIZE, 256, "the eyes are 26 px apart instead of 40 to 62"),
        ((FACE - MIDDLE) @ TURN.T + MIDDLE, SIZE, 256, "tilted by 26 degrees"),
        (FACE - (90, 0), SIZE, 256, "too near the border: left eye"),
        (FACE + (0, 60), SIZE, 256, "too near the border: mouth"),
        (FACE - (50, 0), (100, 250), 256, None),
        (FACE + (50, 0), (100, 250), 256, "too near the border: right eye, mouth"),
    ],
)
def test_a_face_where_cufs_has_it_has_no_problems_and_others_are_told_apart(
    points, size, frame, problem
):
    found = face_problems(points, size, frame)
    assert len(found) == (problem is not None)
    assert all(problem in text for text in found)
    lines = misplaced_faces([("7.png", points, size), ("8.png", points, size)], frame)
    assert lines == [f"{name}.png: {text}" for name in (7, 8) for text in found]


def test_the_refusal_names_all_and_at_the_end_their_number_and_the_remedies():
    lines = [f"line {n}" for n in range(33)]
    command = "snakemake annotate --cores 2"
    *named, remedy = refusal(lines, ["local", "glad"], aligned=False, page_command=command)
    assert named == lines
    for part in (
        *("33 photos", "local, glad", "landmarks.annotate", "dataset.align", "losses.local"),
        *("leave the pairs out", "`snakemake annotate --cores 2`"),
    ):
        assert part in remedy
    [_, remedy] = refusal(["one"], ["local"], aligned=True, page_command="")
    assert remedy.startswith("1 photo has a face that the local")
    assert "landmarks.annotate" in remedy
    assert "dataset.align" not in remedy, "it is done already"
