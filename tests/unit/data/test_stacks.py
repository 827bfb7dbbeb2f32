"""Pictures come out of a stack one by one as they went in."""

import numpy as np
import pytest

from photosketch.data import archives, stacks

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 7, 5, 3), np.uint8)


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "faces.npz"
    photos = archives.Streamed(PICTURES.shape, lambda: iter(PICTURES))
    archives.write(path, {"photo": photos, "sketch": PICTURES[:, ::-1]})
    return path


def test_pictures_come_out_one_by_one(stack):
    assert np.array_equal(stacks.read(stack, "photo", 0), PICTURES[0])
    assert np.array_equal(stacks.read(stack, "sketch", 3), PICTURES[3, ::-1])


@pytest.mark.parametrize("row", [-1, 4])
def test_a_picture_beyond_the_stack_is_no_other_one(stack, row):
    with pytest.raises(ValueError, match=f"no picture {row} "):
        stacks.read(stack, "photo", row)
