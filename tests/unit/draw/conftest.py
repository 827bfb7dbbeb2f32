"""Generators that the tests of drawing share."""

import pytest

from support.generators import generator_file


@pytest.fixture(scope="session")
def generators(tmp_path_factory):
    """Generator files, without and with local networks."""
    return [
        generator_file(tmp_path_factory.mktemp("model"), local=local) for local in (False, True)
    ]


@pytest.fixture(scope="session")
def generator(generators):
    """The file of a generator without local networks."""
    return generators[0]
