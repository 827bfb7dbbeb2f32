"""Sketches of other methods: found, resized by the documented rule, and all problems named."""

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from photosketch.data.pairs import Pair
from photosketch.evaluation.method_sketches import collect, image_files, read_sketch
from support.problems import problems_of


def people(*names: str) -> list[Pair]:
    return [Pair("AR", name, "test", "p", "s", 200, 250, "0", "1") for name in names]


PEOPLE = people("1", "2")


def save(path: Path, width: int, height: int, mode: str = "L") -> np.ndarray:
    """A smooth random image, and its pixels in gray."""
    random = np.random.default_rng(len(str(path)))
    coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(cv2.resize(coarse, (width, height))).convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return np.asarray(image.convert("L"))


def test_sketches_of_the_input_size_come_in_the_order_of_the_people(tmp_path):
    second = save(tmp_path / "elsewhere/m.1.png", 200, 250)  # an id may contain a dot
    first = save(tmp_path / "elsewhere/1.png", 200, 250, "RGB")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/AR").symlink_to(tmp_path / "elsewhere")  # and the folder may be a link
    sketches, notes = collect(tmp_path / "theirs", people("1", "m.1"))
    assert (sketches == np.stack([first, second])).all()
    assert notes == []


def test_frames_are_cut_and_other_sizes_scaled_and_it_is_reported(tmp_path):
    content = save(tmp_path / "AR/1.png", 200, 250)
    frame = np.pad(content, ((3, 3), (28, 28)), constant_values=250)
    frame[::2, :28] -= 9  # like padding drawn by a network
    Image.fromarray(frame).save(tmp_path / "AR/1.png")
    large = save(tmp_path / "AR/2.JPG", 400, 500)
    save(tmp_path / "AR/3.png", 200, 250)
    sketches, notes = collect(tmp_path, PEOPLE)
    assert sketches.shape == (2, 250, 200)
    assert (sketches[0] == content).all()
    halved = large.reshape(250, 2, 200, 2).mean(axis=(1, 3))
    assert np.abs(sketches[1] - halved).mean() < 3  # JPEG
    text = "\n".join(notes)
    assert "1 of 2 images of 256x256 pixels were cut to their centre" in text
    assert "1 of 2 images of 400x500 pixels were scaled" in text
    assert "1 of 2 images are JPEG" in text
    assert "AR/3.png: left out" in text


def test_frames_of_512_are_cut_squeezed_frames_and_other_sizes_are_scaled(tmp_path):
    path = tmp_path / "a.png"
    content = save(path, 400, 500)
    frame = Image.new("L", (512, 512), 255)
    frame.paste(Image.fromarray(content), (56, 6))
    frame.save(path)
    sketch, treatment = read_sketch(path, 400, 500)
    assert treatment == "of 512x512 pixels were cut to their centre"
    assert (sketch == content).all()

    content = save(path, 200, 250)
    Image.fromarray(cv2.resize(content, (256, 256))).save(path)  # as pix2pix writes by default
    sketch, treatment = read_sketch(path, 200, 250)
    assert treatment == "of 256x256 pixels were scaled to the input size"
    assert np.abs(sketch.astype(int) - content).mean() < 1

    save(path, 100, 125)
    sketch, treatment = read_sketch(path, 200, 250)
    assert sketch.shape == (250, 200)
    assert treatment == "of 100x125 pixels were scaled to the input size"


def test_missing_doubled_and_broken_images_are_named_at_once(tmp_path):
    save(tmp_path / "AR/1.png", 200, 250)
    save(tmp_path / "AR/1.jpg", 200, 250)
    (tmp_path / "AR/3.png").write_bytes(b"no image")
    doubled, missing, broken = problems_of(collect, tmp_path, people("1", "2", "3"))
    assert f"{tmp_path}/AR/1.jpg and {tmp_path}/AR/1.png: more than one sketch" in doubled
    assert f"{tmp_path}/AR/2.png: no sketch of test pair AR 2" in missing
    assert f"{tmp_path}/AR/3.png: is not an intact image" in broken
    [no_folder] = problems_of(collect, tmp_path / "nowhere", PEOPLE)
    assert f"{tmp_path}/nowhere is not a folder" in no_folder


def test_folders_are_not_searched_without_end(tmp_path):
    for place in ("AR", "old/AR", "old/AR/deeper"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "1.PNG").touch()
    (tmp_path / "old/again").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "AR")
    found = image_files(tmp_path)
    assert found == [str(tmp_path / name / "1.PNG") for name in ("AR", "linked", "old/AR")]


def test_only_images_right_in_a_subsets_folder_are_taken(tmp_path):
    save(tmp_path / "old/AR/1.png", 200, 250)
    save(tmp_path / "2.png", 200, 250)
    *missing, elsewhere = problems_of(collect, tmp_path, PEOPLE)
    assert len(missing) == 2
    assert f"no test pair belongs to {tmp_path}/2.png, {tmp_path}/old/AR/1.png" in elsewhere
    assert f"looked for in {tmp_path}/SUBSET/ID.png" in elsewhere
    first = save(tmp_path / "AR/1.png", 200, 250)
    second = save(tmp_path / "AR/2.png", 200, 250)
    sketches, (note,) = collect(tmp_path, PEOPLE)
    assert (sketches == np.stack([first, second])).all()
    assert "old/AR/1.png: left out" in note


def test_names_of_files_are_told_as_text_that_is_no_markup(tmp_path):
    for name in ("1.png", "2.png", "|*x*`<b>é_[1](u).png"):
        save(tmp_path / "AR" / name, 200, 250)
    unreadable = os.fsencode(tmp_path) + b"/AR/caf\xe9.png"
    os.link(tmp_path / "AR/1.png", unreadable)
    _, (note,) = collect(tmp_path, PEOPLE)
    assert "AR/caf%E9.png" in note
    assert "AR/%7C%2Ax%2A%60%3Cb%3Eé_%5B1%5D(u).png: left out" in note
    note.encode()
