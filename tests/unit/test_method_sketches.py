"""Other people's sketches: found, sized by the documented rule, and all problems named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from photosketch import method_sketches
from photosketch.pairs import Pair
from photosketch.runtime import InputError

PEOPLE = [Pair("AR", name, "test", "p", "s", 200, 250, "0", "1") for name in ("1", "2")]


def save(path: Path, width: int, height: int, mode: str = "L") -> np.ndarray:
    """A smooth random image, and its pixels in gray."""
    random = np.random.default_rng(len(str(path)))
    coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(cv2.resize(coarse, (width, height))).convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return np.asarray(image.convert("L"))


def test_sketches_of_the_input_size_come_in_the_order_of_the_people(tmp_path: Path) -> None:
    second = save(tmp_path / "AR/2.png", 200, 250)
    first = save(tmp_path / "AR/1.png", 200, 250, "RGB")
    sketches, notes = method_sketches.collect(tmp_path, PEOPLE)
    assert (sketches == np.stack([first, second])).all()
    assert notes == []


def test_frames_are_cut_and_other_sizes_scaled_and_it_is_reported(tmp_path: Path) -> None:
    frame = save(tmp_path / "AR/1.png", 256, 256)
    large = save(tmp_path / "AR/2.JPG", 400, 500)
    save(tmp_path / "AR/3.png", 200, 250)
    sketches, notes = method_sketches.collect(tmp_path, PEOPLE)
    assert sketches.shape == (2, 250, 200)
    assert (sketches[0] == frame[3:253, 28:228]).all()
    halved = large.reshape(250, 2, 200, 2).mean(axis=(1, 3))
    assert np.abs(sketches[1] - halved).mean() < 3  # JPEG
    text = "\n".join(notes)
    assert "1 of 2 images of 256x256 pixels were cut to their centre" in text
    assert "1 of 2 images of 400x500 pixels were scaled" in text
    assert "1 of 2 images are JPEG" in text
    assert "AR/3.png: left out" in text


def test_a_small_sketch_grows(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 100, 125)
    sketch, size = method_sketches.read_sketch(tmp_path / "a.png", 200, 250)
    assert sketch.shape == (250, 200)
    assert size == (100, 125)


def test_missing_doubled_and_broken_images_are_named_at_once(tmp_path: Path) -> None:
    save(tmp_path / "AR/1.png", 200, 250)
    save(tmp_path / "AR/1.jpg", 200, 250)
    (tmp_path / "AR/3.png").write_bytes(b"no image")
    third = Pair("AR", "3", "test", "p", "s", 200, 250, "0", "1")
    with pytest.raises(InputError) as error:
        method_sketches.collect(tmp_path, [*PEOPLE, third])
    assert len(error.value.problems) == 3
    for words in ("more than one sketch of test pair AR 1", "no sketch of test pair AR 2"):
        assert any(words in text for text in error.value.problems)
    assert any("3.png: is no intact image" in text for text in error.value.problems)
    assert method_sketches.image_files(tmp_path / "nowhere") == []
