"""Small learned parsers that tests of parsing share."""

import pytest

from support import small_parser
from support.small_parser import load


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    return small_parser.write(tmp_path_factory.mktemp("weights") / "small.onnx")


@pytest.fixture(scope="session")
def parser(weights):
    return load(weights)


@pytest.fixture(scope="session")
def blind(tmp_path_factory):
    """Sees background everywhere."""
    return load(small_parser.write(tmp_path_factory.mktemp("weights") / "blind.onnx", blind=True))
