"""The places of a face's rectangles, and the faces that they do not fit."""

import numpy as np
import pytest
import torch

from photosketch.geometry import patches
from photosketch.geometry.patch_checks import face_problems, misplaced_faces, refusal
from photosketch.geometry.similarity import template
from photosketch.training import parts
from support.problems import assert_problems

SIZE = (200, 250)
FACE = template(SIZE)
MIDDLE = FACE.mean(axis=0)
TURN = np.array([[0.9, -0.436], [0.436, 0.9]])  # by 26 degrees


@pytest.mark.parametrize(
    ("size", "frame"), [(SIZE, 256), ((256, 256), 256), ((131, 97), 256), ((400, 500), 512)]
)
def test_the_rectangles_are_those_that_training_cuts_out(size, frame):
    points = (np.random.default_rng(0).random((60, 5, 2)) * size).astype(np.float32)
    points[:20] = np.round(points[:20])
    points[20:40] = np.round(points[20:40] * 2) / 2  # halves, where rounding may differ
    offset = np.array([(frame - length) // 2 for length in size])
    framed = torch.from_numpy((points + offset).astype(np.float32))  # as pack does
    found = [patches.corners(own, size, frame) + offset for own in points]
    np.testing.assert_array_equal(found, parts.rectangles(framed, frame).numpy())


def test_a_rectangle_is_clamped_as_soon_as_a_pixel_of_it_would_lie_outside():
    eye = patches.PATCHES[0]
    points = np.full((5, 2), 128.0)
    points[0] = eye.width // 2, eye.height // 2 - eye.shift
    assert patches.clamped(points, (256, 256)) == []
    assert patches.clamped(points - (1, 0), (256, 256)) == ["left_eye"]
    assert patches.clamped(points - (1, 0), SIZE) == []  # the image lies inside the frame


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
    assert_problems(found, *([f"...{problem}..."] if problem else []))
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
