import dataclasses
import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from photosketch.data.pairs import Pair
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import COLUMNS, read_landmarks, write_landmarks
from photosketch.parsing.labels import Parsings, read_parsings, write_parsings
from photosketch.training.pack import pack
from photosketch.training.packed import write_packed
from photosketch.training.tensors import load_packed

WIDTH, HEIGHT = 200, 250


class Faces:
    """Random images, points and labels of two subsets, and the files that hold them in an order of
    their own."""

    def __init__(self, folder, size=(WIDTH, HEIGHT)):
        random = np.random.default_rng(0)
        shape = size[::-1]
        self.pairs, self.photos, self.sketches, self.labels, self.points = [], [], [], [], []
        for subset, name in (("ar", "1"), ("ar", "2"), ("student", "1")):
            self.photos.append(random.integers(0, 256, (*shape, 3), np.uint8))
            self.sketches.append(random.integers(0, 256, shape, np.uint8))
            self.labels.append(random.integers(0, 8, shape, np.uint8))
            self.points.append(random.uniform(50, 150, (5, 2)).round(2).astype(np.float32))
            photo, photo_digest = saved(self.photos[-1], folder / f"{subset}-{name}-p.png")
            sketch, digest = saved(self.sketches[-1], folder / f"{subset}-{name}-s.png")
            self.pairs.append(
                Pair(subset, name, "train", photo, sketch, *size, photo_digest, digest)
            )
        self.landmark_files, self.parsing_files = {}, {}
        for subset, own in (("ar", [1, 0]), ("student", [2])):
            self.landmark_files[subset] = folder / f"{subset}.csv"
            self.parsing_files[subset] = folder / f"{subset}.npz"
            rows = [
                (self.pairs[i].id, modality, *(self.points[i].ravel() + moved), 0.9, "mtcnn")
                for i in own
                for modality, moved in (("sketch", 9), ("photo", 0))
            ]
            table = pd.DataFrame(rows, columns=list(COLUMNS))
            write_landmarks(table, self.landmark_files[subset])
            labels = np.stack([self.labels[i] for i in own])
            parsings = Parsings(tuple(self.pairs[i].id for i in own), labels, 0 * labels)
            write_parsings(parsings, self.parsing_files[subset])

    def pack(self, pairs=None, **options):
        options = {"frame": 256, "pad_value": 0, "sketch_channels": 1, **options}
        pairs = self.pairs if pairs is None else pairs
        return pack(pairs, self.landmark_files, self.parsing_files, **options)


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
    write_packed(arrays, tmp_path / "train.npz")
    packed = load_packed(tmp_path / "train.npz", torch.device("cpu"))

    margins = [(offset[i], frame - size[i] - offset[i]) for i in (1, 0)]
    for i in range(3):
        photo = np.pad(faces.photos[i], [*margins, (0, 0)], constant_values=pad_value)
        sketch = np.pad(faces.sketches[i], margins, constant_values=pad_value)
        assert np.array_equal(packed.photo[i], photo)
        assert np.array_equal(packed.sketch[i], np.dstack([sketch] * channels))
        assert np.array_equal(packed.parsing[i], np.pad(faces.labels[i], margins))
    np.testing.assert_allclose(packed.landmarks, np.add(faces.points, offset), atol=1e-3)
    assert (packed.size, packed.offset, packed.pad_value) == (size, offset, pad_value)
    assert packed.ids == ["1", "2", "1"]
    assert packed.subset == ["ar", "ar", "student"]
    assert {packed.photo.dtype, packed.sketch.dtype, packed.parsing.dtype} == {torch.uint8}


def test_colour_sketches_keep_their_colours_with_three_channels(faces, tmp_path):
    colour = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path, digest = saved(colour, tmp_path / "colour.png")
    pair = dataclasses.replace(faces.pairs[0], sketch=path, sketch_sha256=digest)
    window = np.s_[3:253, 28:228]
    for channels, image in ((3, colour), (1, Image.fromarray(colour).convert("L"))):
        sketches = faces.pack([pair], sketch_channels=channels)["sketch"].parts()
        assert np.array_equal(next(sketches)[window].squeeze(), image)


def test_images_are_in_memory_one_at_a_time_only(faces, tmp_path):
    arrays = faces.pack([faces.pairs[0]] * 30)
    tracemalloc.start()
    try:
        write_packed(arrays, tmp_path / "train.npz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "train.npz").stat().st_size > 30 * 256 * 256 * 5
    assert peak < 4e6


def test_a_further_test_pair_leaves_the_training_tensors_as_they_were(faces, tmp_path):
    write_packed(faces.pack(faces.pairs[:1]), tmp_path / "before.npz")
    table, labels = (files["ar"] for files in (faces.landmark_files, faces.parsing_files))
    found = read_landmarks(table)
    further = found.tail(1).assign(id="a-longer-name", modality="photo")
    write_landmarks(pd.concat([found, further]), table)
    parsings = read_parsings(labels)
    more = [np.concatenate([maps[:1], maps]) for maps in (parsings.photo, parsings.sketch)]
    write_parsings(Parsings(("a-longer-name", *parsings.ids), *more), labels)
    write_packed(faces.pack(faces.pairs[:1]), tmp_path / "after.npz")
    assert (tmp_path / "before.npz").read_bytes() == (tmp_path / "after.npz").read_bytes()


def test_every_missing_point_and_label_is_named_at_once(faces):
    path = faces.landmark_files["ar"]
    write_landmarks(read_landmarks(path).head(2), path)  # only id 2 remains
    other_size = np.zeros((1, 10, 12), np.uint8)
    write_parsings(Parsings(("1",), other_size, other_size), faces.parsing_files["student"])
    with pytest.raises(InputError) as caught:
        faces.pack()
    points, labels = caught.value.problems
    assert "ar.csv: no points for the photo of ar 1;" in points
    assert "student.npz: no label map 200x250 for the photo of student 1;" in labels


def test_an_empty_split_is_refused(faces):
    with pytest.raises(InputError, match="no pairs"):
        faces.pack(pairs=[])
