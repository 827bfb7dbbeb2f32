"""Doubt about label maps: planted faults, one sign each."""

import numpy as np
import pytest

from photosketch.parsing.label_quality import Doubt, doubt_of
from photosketch.parsing.labels import BACKGROUND, CLOTHES, EYES, HAIR, MOUTH, SKIN
from support.faces.pair import draw_pair


@pytest.fixture(scope="module")
def drawn():
    return draw_pair(0)


@pytest.fixture
def labels(drawn):
    return drawn.photo_labels.copy()


def test_a_true_map_is_hardly_doubtful_whatever_the_clothes_touch(drawn, labels):
    assert (labels[-1] == CLOTHES).any()
    doubt = doubt_of(labels, drawn.photo_landmarks)
    assert doubt.total == doubt.border + doubt.points + doubt.pieces
    assert doubt.total < 0.1


def test_background_taken_for_hair_shows_at_the_border(drawn, labels):
    before = doubt_of(labels, drawn.photo_landmarks)
    labels[:120][labels[:120] == BACKGROUND] = HAIR
    doubt = doubt_of(labels, drawn.photo_landmarks)
    assert doubt.border > before.border + 0.3
    assert (doubt.points, doubt.pieces) == (before.points, before.pieces)


def test_features_elsewhere_or_missing_disagree_with_the_points(drawn, labels):
    before = doubt_of(labels, drawn.photo_landmarks)
    moved = np.roll(labels, 40, axis=1)
    distance = np.linalg.norm(drawn.photo_landmarks[1] - drawn.photo_landmarks[0])
    assert doubt_of(moved, drawn.photo_landmarks).points > 0.3 * 20 / distance
    labels[labels == MOUTH] = SKIN
    assert doubt_of(labels, drawn.photo_landmarks).points == pytest.approx(
        before.points + 0.4, abs=0.02
    )
    assert doubt_of(labels, None).points == 0


def test_a_head_in_pieces_is_noticed_and_specks_are_not(drawn, labels):
    labels[2:4, 2:4] = HAIR
    assert doubt_of(labels, drawn.photo_landmarks).pieces == 0
    labels[2:30, 2:12] = HAIR
    assert doubt_of(labels, drawn.photo_landmarks).pieces == pytest.approx(1 / 2)


def test_nothing_but_background_is_the_most_doubtful_of_all(drawn, labels):
    assert doubt_of(np.zeros_like(labels), drawn.photo_landmarks) == Doubt(1, 1, 1)
    only_eyes = np.where(labels == EYES, EYES, 0)
    assert doubt_of(only_eyes, drawn.photo_landmarks).total < 3
