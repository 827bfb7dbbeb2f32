"""Pictures come out of a stack one by one as they went in, and a damaged file says so."""

import zipfile

import numpy as np
import pytest

from photosketch import stacks
from photosketch.runtime import InputError

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 7, 5, 3), np.uint8)


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "faces.npz"
    with zipfile.ZipFile(path, "w") as archive:
        stacks.write(archive, "photo", PICTURES.shape, iter(PICTURES))
        stacks.write(archive, "sketch", PICTURES[:, ::-1].shape, iter(PICTURES[:, ::-1]))
    return path


def test_pictures_come_out_one_by_one_and_all_at_once(stack):
    assert np.array_equal(stacks.read(stack, "photo", 0), PICTURES[0])
    assert np.array_equal(stacks.read(stack, "sketch", 3), PICTURES[3, ::-1])
    with np.load(stack) as loaded:
        assert np.array_equal(loaded["photo"], PICTURES)


def test_what_is_not_there_is_said_with_the_file(stack):
    cut = stack.with_name("cut.npz")
    cut.write_bytes(stack.read_bytes()[:-200])
    asked = [(stack, "photo", 4), (stack, "map", 0), (cut, "photo", 0), (stack / "x", "photo", 0)]
    for path, name, row in asked:
        with pytest.raises(InputError, match="delete it: it is written again"):
            stacks.read(path, name, row)
