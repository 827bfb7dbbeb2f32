"""Small learned parsers that tests of parsing share."""

import hashlib

import pytest

from photosketch.parsing.bisenet import Parser
from support import small_parser


def load(path):
    return Parser("resnet18", path, hashlib.sha256(path.read_bytes()).hexdigest())


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
