"""What tests of readers of a person's files share."""

import re

import pytest

from photosketch.jobs.messages import InputError


def touch(*paths):
    """Make empty files."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def problems_of(call, *arguments, **options):
    """The problems with which a call ends."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return caught.value.problems


def assert_problems(problems, *expected):
    """Check that the problems are these, in this order. `...` stands for any text."""
    assert len(problems) == len(expected), problems
    for problem, text in zip(problems, expected, strict=True):
        assert re.fullmatch(".*".join(map(re.escape, text.split("..."))), problem), (problem, text)
