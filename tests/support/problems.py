"""What tests of readers of a person's files share."""

import pytest

from photosketch.jobs.job import InputError


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
