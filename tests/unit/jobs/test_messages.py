"""The words of messages."""

from photosketch.jobs import messages


def test_sizes_and_durations_are_rounded_to_words_that_say_something():
    sizes = map(messages.size_in_words, (0, 40_960, 100_000, 3_210_000_000))
    assert ", ".join(sizes) == "0 bytes, 40,960 bytes, 0.1 MB, 3.21 GB"
    seconds = (0.2, 59.4, 59.6, 12 * 60 + 20, 3599, 2 * 3600 + 10 * 60, 86399, 76 * 3600)
    words = "0 s, 59 s, 1 min, 12 min, 1 h 0 min, 2 h 10 min, 1 d 0 h, 3 d 4 h"
    assert ", ".join(map(messages.duration_in_words, seconds)) == words
