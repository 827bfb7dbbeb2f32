"""The metric of seams: the measured places, planted seams, and damage that is not a seam."""

import cv2
import numpy as np
import pytest

from photosketch.evaluation.seams import BORDERS, Seams, borders_of
from photosketch.geometry.patches import PARTS, PATCHES, corners
from support.faces.looks import CHARCOAL, PENCIL, SANGUINE
from support.faces.pair import draw_pair
from support.planted_seams import part_masks, planted

# a plain face: the points, the labels with a round head, and an empty sketch
POINTS = np.array([[75, 126], [125, 126], [100, 155], [82, 180], [118, 180]], np.float32)
LABELS = (np.hypot(*(np.mgrid[:250, :200] - [[[140]], [[100]]])) < 80).astype(np.uint8)
PAPER = np.full((250, 200), 200, np.uint8)


@pytest.fixture(scope="module")
def people() -> dict[str, np.ndarray]:
    """Three generated people: the photos' points and labels, and the true sketches."""
    pairs = [draw_pair(seed, look) for seed, look in enumerate((PENCIL, CHARCOAL, SANGUINE))]
    fields = {"points": "photo_landmarks", "labels": "photo_labels", "sketches": "sketch"}
    return {key: np.stack([getattr(p, field) for p in pairs]) for key, field in fields.items()}


@pytest.fixture(scope="module")
def seams(people) -> Seams:
    return Seams.of(**people)


def test_the_true_sketch_has_no_seam(people, seams):
    assert (seams.scores(people["sketches"]) == 1).all()
    assert (seams.by_border(people["sketches"]) == 1).all()


@pytest.mark.parametrize("part", PARTS)
def test_planted_seams_of_rising_contrast_rise_at_every_part(part, people, seams):
    means, own, place = [1.0], [1.0], BORDERS.index(part if part in BORDERS else "outline")
    for contrast in (10, 20, 40):
        faces = zip(people["sketches"], people["points"], people["labels"], strict=True)
        drawn = [planted(sketch, part_masks(*face)[part], contrast) for sketch, *face in faces]
        means.append(seams.scores(np.stack(drawn)).mean())
        own.append(seams.by_border(np.stack(drawn))[:, place].mean())
    assert (np.diff(means) > 0.01).all()
    assert (np.diff(own) > 0.1).all()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("contrast", [-30, 30])
def test_seams_lighter_and_darker_than_their_surroundings_count_alike(part, contrast):
    sketch = planted(PAPER, part_masks(POINTS, LABELS)[part], contrast)
    seams = Seams.of(POINTS[None], LABELS[None], PAPER[None])
    by_border = dict(zip(BORDERS, seams.by_border(sketch[None])[0], strict=True))
    # the slope half a pixel from a step of one gray level, smoothed by a gaussian of 1 pixel
    slope = np.exp(-(0.5**2) / 2) / np.sqrt(2 * np.pi)
    if part == "hair":  # hair also surrounds the rectangles if they do not overlap
        assert min(by_border.values()) > 1.5
        return
    touched = part if part in BORDERS else "outline"
    # an outline runs through pixels, so some are further away than half a pixel
    assert by_border[touched] == pytest.approx(slope * 30, rel=0.1)
    assert by_border["outline" if touched != "outline" else "nose"] == 1


@pytest.mark.parametrize(("blur", "noise"), [(0.5, 0), (1, 0), (0, 10)])  # pixels, gray levels
def test_noise_and_blur_alone_are_no_seams(blur, noise, people, seams):
    drawn = people["sketches"] + np.random.default_rng(0).normal(0, noise, (3, 250, 200))
    drawn = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    if blur:
        drawn = np.stack([cv2.GaussianBlur(sketch, (0, 0), blur) for sketch in drawn])
    assert seams.scores(drawn).mean() == pytest.approx(1, abs=0.07)
    rectangles = np.log(seams.by_border(drawn)[:, : len(PATCHES)]).mean(axis=0)
    assert np.abs(rectangles).max() < 0.15


def test_it_is_measured_on_a_border_and_three_to_six_pixels_beside_it():
    borders = dict(zip(BORDERS, borders_of(POINTS, LABELS, PAPER), strict=True))
    left, top = corners(POINTS, (200, 250))[0]
    right = left + PATCHES[0].width  # the first column to the right of the rectangle
    middle = top + 10  # a row without another part's border nearby

    def columns(pixels: np.ndarray) -> list[int]:
        y, x = np.divmod(pixels, 200)
        return sorted(x[y == middle].tolist())

    assert right > 100
    eye = borders["left_eye"]
    assert columns(eye.across.pixels) == [left - 1, left, right - 1, right]
    # on the right is the border of the other eye's rectangle
    beside = columns(eye.beside.pixels)
    assert [x - left for x in beside if x < 80] == [-6, -5, -4, 3, 4, 5]
    other = corners(POINTS, (200, 250))[1][0]
    assert all(abs(x + 0.5 - edge) >= 3 for x in beside for edge in (left, right, other))


def test_what_lies_outside_the_image_or_at_its_edge_is_left_out():
    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:] = 1  # the outline meets the image's edge
    points = np.array([[30, 30]] * 5, np.float32)
    paper = np.full((60, 60), 200, np.uint8)
    for border in filter(None, borders_of(points, labels, paper)):
        for places in (border.across, border.beside):
            y, x = np.divmod(places.pixels, 60)
            assert min(y.min(), x.min()) >= 7
            assert max(y.max(), x.max()) < 53
    nothing = Seams.of(points[None], np.zeros((1, 16, 16), np.uint8), paper[None, :16, :16])
    assert np.isnan(nothing.scores(paper[None, :16, :16])).all()
