import dataclasses
import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from photosketch.data.pairs import Pair
from photosketch.data.storage import Streamed
from photosketch.jobs.job import InputError
from photosketch.landmarks.table import COLUMNS, read_landmarks, write_landmarks
from photosketch.parsing.labels import Parsings, read_parsings, write_parsings
from photosketch.training.pack import pack
from photosketch.training.packed import write_packed
from photosketch.training.tensors import load_packed

WIDTH, HEIGHT = 200, 250


class Faces:
    """Two subsets of random images, points and labels, and the files that hold them."""

    def __init__(self, folder, size=(WIDTH, HEIGHT)):
        random = np.random.default_rng(0)
        width, height = size
        self.photos, self.sketches, self.labels, self.points = {}, {}, {}, {}
        self.pairs, self.landmark_files, self.parsing_files = [], {}, {}
        for subset, ids in (("ar", ["1", "2"]), ("student", ["1"])):
            rows = []
            for name in ids:
                key = subset, name
                self.photos[key] = random.integers(0, 256, (height, width, 3), np.uint8)
                self.sketches[key] = random.integers(0, 256, (height, width), np.uint8)
                self.labels[key] = random.integers(0, 8, (height, width), np.uint8)
                self.points[key] = random.uniform(50, 150, (5, 2)).round(2).astype(np.float32)
                paths, digests = zip(
                    saved(self.photos[key], folder / f"{subset}-{name}-p.png"),
                    saved(self.sketches[key], folder / f"{subset}-{name}-s.png"),
                    strict=True,
                )
                self.pairs.append(Pair(subset, name, "train", *paths, width, height, *digests))
                rows.append((name, "photo", *self.points[key].ravel(), 0.9, "mtcnn"))
                rows.append((name, "sketch", *(self.points[key].ravel() + 9), 0.9, "mtcnn"))
            self.landmark_files[subset] = folder / f"{subset}.csv"
            self.parsing_files[subset] = folder / f"{subset}.npz"
            table = pd.DataFrame(rows[::-1], columns=list(COLUMNS))
            write_landmarks(table, self.landmark_files[subset])
            other_order = ids[::-1]
            labels = np.stack([self.labels[subset, name] for name in other_order])
            parsings = Parsings(tuple(other_order), labels, np.zeros_like(labels))
            write_parsings(parsings, self.parsing_files[subset])

    def streamed(self, pairs=None, **options):
        options = {"frame": 256, "pad_value": 0, "sketch_channels": 1, **options}
        pairs = self.pairs if pairs is None else pairs
        return pack(pairs, self.landmark_files, self.parsing_files, **options)

    def pack(self, *arguments, **options):
        """What is packed, all of it in memory."""
        return {
            name: np.stack([*array.parts()]) if isinstance(array, Streamed) else array
            for name, array in self.streamed(*arguments, **options).items()
        }


def saved(image, path):
    """Where the image lies, and the hash of the file."""
    Image.fromarray(image).save(path)
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def faces(tmp_path):
    return Faces(tmp_path)


@pytest.mark.parametrize(
    ("size", "frame", "offset", "pad_value", "channels"),
    [
        ((200, 250), 256, (28, 3), 0, 1),
        ((200, 250), 256, (28, 3), 255, 3),
        ((400, 501), 512, (56, 5), 7, 1),
    ],
)
def test_images_labels_and_points_lie_in_the_centre_of_the_frame(
    tmp_path, size, frame, offset, pad_value, channels
):
    faces = Faces(tmp_path, size)
    arrays = faces.pack(frame=frame, pad_value=pad_value, sketch_channels=channels)

    margins = [(first, frame - length - first) for first, length in zip(offset, size, strict=True)]
    margins.reverse()
    for index, pair in enumerate(faces.pairs):
        key = pair.subset, pair.id
        photo = np.pad(faces.photos[key], [*margins, (0, 0)], constant_values=pad_value)
        sketch = np.pad(faces.sketches[key], margins, constant_values=pad_value)
        assert np.array_equal(arrays["photo"][index], photo)
        assert np.array_equal(arrays["sketch"][index], np.dstack([sketch] * channels))
        assert np.array_equal(arrays["parsing"][index], np.pad(faces.labels[key], margins))
        points = faces.points[key] + offset
        np.testing.assert_allclose(arrays["landmarks"][index], points, atol=1e-3)
    assert arrays["offset"].tolist() == list(offset)
    assert arrays["ids"].tolist() == ["1", "2", "1"]
    assert arrays["subset"].tolist() == ["ar", "ar", "student"]
    assert {arrays[name].dtype for name in ("photo", "sketch", "parsing")} == {np.dtype("u1")}


def test_colour_sketches_keep_their_colours_with_three_channels(faces, tmp_path):
    colour = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path, digest = saved(colour, tmp_path / "colour.png")
    pair = dataclasses.replace(faces.pairs[0], sketch=path, sketch_sha256=digest)
    window = np.s_[0, 3:253, 28:228]
    assert np.array_equal(faces.pack([pair], sketch_channels=3)["sketch"][window], colour)
    gray = np.asarray(Image.fromarray(colour).convert("L"))
    assert np.array_equal(faces.pack([pair])["sketch"][window][..., 0], gray)


def test_the_file_gives_back_what_was_packed(faces, tmp_path):
    arrays = faces.pack(pad_value=7)

    write_packed(arrays, tmp_path / "train.npz")

    packed = load_packed(tmp_path / "train.npz", torch.device("cpu"))
    assert packed.ids == ["1", "2", "1"]
    assert packed.subset == ["ar", "ar", "student"]
    assert (packed.size, packed.offset, packed.pad_value) == ((WIDTH, HEIGHT), (28, 3), 7)
    for name in ("photo", "sketch", "landmarks", "parsing"):
        assert np.array_equal(getattr(packed, name).numpy(), arrays[name])
    valid = packed.batch(torch.tensor([0])).valid[0, 0]
    assert valid[3:253, 28:228].all()
    assert valid.sum() == WIDTH * HEIGHT


def test_equal_input_gives_equal_files(faces, tmp_path):
    for name, make in (("streamed", faces.streamed), ("arrays", faces.pack)):
        write_packed(make(pad_value=7, sketch_channels=3), tmp_path / f"{name}.npz")
    assert (tmp_path / "streamed.npz").read_bytes() == (tmp_path / "arrays.npz").read_bytes()


def test_images_are_in_memory_one_at_a_time_only(faces, tmp_path):
    streamed = faces.streamed([faces.pairs[0]] * 30)
    tracemalloc.start()
    try:
        write_packed(streamed, tmp_path / "train.npz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "train.npz").stat().st_size > 30 * 256 * 256 * 5
    assert peak < 4e6


def test_a_further_test_pair_leaves_the_training_tensors_as_they_were(faces, tmp_path):
    write_packed(faces.streamed(faces.pairs[:1]), tmp_path / "before.npz")
    table, labels = (files["ar"] for files in (faces.landmark_files, faces.parsing_files))
    found = read_landmarks(table)
    further = found.tail(1).assign(id="a-longer-name", modality="photo")
    write_landmarks(pd.concat([found, further]), table)
    parsings = read_parsings(labels)
    more = [np.concatenate([maps[:1], maps]) for maps in (parsings.photo, parsings.sketch)]
    write_parsings(Parsings(("a-longer-name", *parsings.ids), *more), labels)
    write_packed(faces.streamed(faces.pairs[:1]), tmp_path / "after.npz")
    assert (tmp_path / "before.npz").read_bytes() == (tmp_path / "after.npz").read_bytes()


def test_every_missing_point_and_label_is_named_at_once(faces):
    path = faces.landmark_files["ar"]
    write_landmarks(read_landmarks(path).head(2), path)  # only id 2 remains
    other_size = np.zeros((1, 10, 12), np.uint8)
    write_parsings(Parsings(("1",), other_size, other_size), faces.parsing_files["student"])

    with pytest.raises(InputError) as caught:
        faces.pack()

    problems = caught.value.problems
    assert len(problems) == 2
    assert "ar.csv: no points for the photo of ar 1;" in problems[0]
    assert "student.npz: no label map 200x250 for the photo of student 1;" in problems[1]


def test_an_empty_split_is_refused(faces):
    with pytest.raises(InputError, match="no pairs"):
        faces.pack(pairs=[])
