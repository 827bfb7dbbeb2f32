"""Durations in words."""

import pytest

from photosketch.jobs import durations


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (12 * 60 + 20, "12 min"),
        (3599, "1 h 0 min"),
        (2 * 3600 + 10 * 60, "2 h 10 min"),
        (86399, "1 d 0 h"),
        (76 * 3600, "3 d 4 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, words):
    assert durations.in_words(seconds) == words
