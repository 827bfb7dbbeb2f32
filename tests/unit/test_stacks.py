"""Pictures come out of a stack one by one as they went in."""

import zipfile

import numpy as np
import pytest

from photosketch import stacks

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


@pytest.mark.parametrize("row", [-1, 4])
def test_a_picture_beyond_the_stack_is_no_other_one(stack, row):
    with pytest.raises(ValueError, match=f"no picture {row} "):
        stacks.read(stack, "photo", row)


def test_a_stack_of_fewer_or_other_pictures_than_its_shape_says_is_not_written(tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.npz", "w") as archive:
        wrong = {"few": PICTURES[:3], "many": [*PICTURES, PICTURES[0]], "real": PICTURES / 255}
        for name, pictures in wrong.items():
            with pytest.raises(ValueError, match="pictures"):
                stacks.write(archive, name, PICTURES.shape, pictures)
