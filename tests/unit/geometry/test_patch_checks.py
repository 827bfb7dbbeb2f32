"""Which faces the local networks' rectangles do not fit, and what is said of them."""

import numpy as np

from photosketch.geometry import patch_checks
from photosketch.geometry.patch_checks import refusal
from photosketch.geometry.patches import clamped
from photosketch.geometry.similarity import template


def problems(points, size, frame=256):
    return patch_checks.problems(points, clamped(points, size, frame), frame)


def test_a_face_where_cufs_has_it_has_no_problems_and_others_are_told_apart():
    face = template((200, 250))
    middle = face.mean(axis=0)
    turn = np.array([[0.9, -0.436], [0.436, 0.9]])  # by 26 degrees
    told = {
        "half as large": ((face - middle) / 2 + middle, "the eyes are 26 px apart instead of 40"),
        "tilted": ((face - middle) @ turn.T + middle, "tilted by 26 degrees"),
        "far left": (face - (90, 0), "too near the border: left eye"),
        "far down": (face + (0, 60), "too near the border: mouth"),
    }

    assert problems(face, (200, 250)) == []
    for points, problem in told.values():
        (found,) = problems(points, (200, 250))
        assert problem in found
    assert problems(template((400, 500)), (400, 500), frame=512) == []
    # the same face in a frame of twice the size is half as large
    assert "instead of 80 to 124" in problems(face, (200, 250), frame=512)[0]


def test_the_refusal_names_all_and_at_the_end_their_number_and_the_remedies():
    lines = [f"line {n}" for n in range(33)]
    *named, remedy = refusal(
        lines, ["local", "local_glad"], aligned=False, page_command="snakemake annotate --cores 2"
    )

    assert named == lines
    assert "33 photos" in remedy
    assert "local, local_glad" in remedy
    for way in ("landmarks.annotate", "dataset.align", "losses.local", "leave the pairs out"):
        assert way in remedy
    assert "and `snakemake annotate --cores 2` makes a page" in remedy
    [_, remedy] = refusal(["one"], ["local"], aligned=True, page_command="")
    assert remedy.startswith("1 photo has a face that the local")
    assert "landmarks.annotate" in remedy
    assert "dataset.align" not in remedy, "it is done already"
