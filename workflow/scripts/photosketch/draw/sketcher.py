"""A trained generator that draws the faces of any photo.

    from photosketch.draw import Sketcher

    sketcher = Sketcher.load()  # or Sketcher.load("generator_epoch800.safetensors")
    for sketch in sketcher("photo.jpg"):
        print(sketch.face.points, sketch.image.shape)

A detector finds the five points of each face. The face is brought to the place and size of the
training faces, parsed, put on white, and drawn like a test photo (`training.inference`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, get_args

import cv2
import numpy as np
import torch

from photosketch.configuration.settings import Background
from photosketch.data import images
from photosketch.data.array_types import Image, Labels, Points
from photosketch.draw import inputs
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, similarity
from photosketch.jobs.messages import InputError
from photosketch.landmarks import detection
from photosketch.landmarks.table import NOT_UPRIGHT, faults_of
from photosketch.parsing.labels import BACKGROUND
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.training import checkpoint, inference, networks, pack, tensors

WHITE = (255.0, 255.0, 255.0)
MIN_FACE_SIZE = 40  # pixels, in a copy of the photo of images.LONGEST pixels at most


@dataclass(frozen=True)
class Face:
    """A face in a photo: its points [5, 2] (x, y) in pixels of the photo, in the order of
    `landmarks.table`; the detector's score (0 to 1), and their source: mtcnn or manual."""

    points: Points
    score: float
    source: str


@dataclass(frozen=True)
class Sketch:
    """A drawn face: `image` [H, W] uint8, gray, in the size of the training pictures; `photo`
    [H, W, 3], the aligned photo; `transform`: (x, y) in the original photo -> (x, y) in both."""

    face: Face
    image: Image
    photo: Image
    transform: Similarity


@dataclass(frozen=True)
class Sketcher:
    """Draws faces, in any number of threads. `about`: the generator's metadata
    (`loop.describe_run`)."""

    generator: networks.Generator
    about: dict[str, Any]
    device: torch.device
    statistics: inference.Statistics = "instance"
    seed: int | None = None  # of dropout; None: the training's seed
    background: Background = "white"

    @classmethod
    def load(
        cls,
        path: str | Path = inputs.INCLUDED_GENERATOR,
        device: str | torch.device = "cpu",
        statistics: inference.Statistics = "instance",
        seed: int | None = None,
        background: Background = "white",
    ) -> Self:
        """Load a safetensors file that training wrote, by default the included generator.

        `statistics`: instance (pix2pix: normalised by the single image, dropout on) or running.
        `background`: white makes everything but the person white, because a generator trained on
        plain backgrounds draws busy ones as black clouds; keep does not change the background.
        Raises InputError if the file is damaged or lacks metadata that drawing needs.
        """
        if statistics not in (known := get_args(inference.Statistics)):
            raise InputError([f"statistics: {statistics!r} is unknown; use {' or '.join(known)}"])
        weights, about = read_generator(path)
        device = torch.device(device)
        generator = inference.build(weights, about).to(device)
        return cls(generator, about, device, statistics, seed, background)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sketches."""
        width, height = self.about["size"]
        return width, height

    def __call__(
        self,
        photo: str | Path | Image,
        points: Points | None = None,
        *,
        name: str | None = None,
        aligned: bool = False,
    ) -> list[Sketch]:
        """The sketches of all faces of a photo, from left to right.

        `photo`: a file, read in its displayed orientation and colours (`images`), or RGB [H, W, 3]
        uint8. `points` [5, 2] or [K, 5, 2]: the faces, if known. `name`: SUBSET/ID, the seed of
        dropout; default: the file's stem (for an array `photo`) and the face's number from 1. With
        `aligned` the photo is drawn unchanged: its size and the face's place must be those of the
        training photos. Raises InputError if photo or points can't be used.
        """
        if isinstance(photo, np.ndarray):
            stem, image = "photo", photo
        else:
            path = Path(photo)
            stem, image = inputs.as_text(Path(path.stem)), read_photo(path)
        faces, _ = self.faces(image, points)
        return [
            self.draw(image, face, name or f"{stem}/{number}", aligned=aligned)
            for number, face in enumerate(faces, 1)
        ]

    def faces(
        self, image: Image, points: Points | Sequence[Points] | None = None
    ) -> tuple[list[Face], list[str]]:
        """The faces of a photo [H, W, 3], and the reasons why others cannot be drawn. Without
        `points`, as in a call, they are detected (`detection.detect_all`), from left to right."""
        _check_photo(image)
        height, width = image.shape[:2]
        if points is not None:
            given = np.asarray(points, float)
            if given.shape[-2:] != (5, 2) or given.ndim > 3:
                shape = list(given.shape)
                raise InputError([f"points: have the shape {shape}; give [5, 2] or [K, 5, 2]"])
            placed = given.reshape(-1, 5, 2)
            if wrong := [fault for each in placed for fault in faults_of(each, width, height)]:
                raise InputError(wrong)
            return [Face(each, 1.0, "manual") for each in placed], []
        copy = images.reduced(image)
        (found,) = detection.detect_all([copy], self.device, min_face_size=MIN_FACE_SIZE)
        located = [
            replace(face, points=images.points_before(face.points, (width, height)))
            for face in sorted(found, key=lambda face: float(face.points[:, 0].mean()))
        ]
        faces, faults = [], []
        for face in detection.mean_looks(((image, one) for one in located), self.device):
            if faults_of(face.points, width, height):
                faults.append(NOT_UPRIGHT)
            else:
                faces.append(Face(face.points, face.score, "mtcnn"))
        return faces, faults

    def draw(self, image: Image, face: Face, name: str, *, aligned: bool = False) -> Sketch:
        """Draw one face of a photo [H, W, 3]; `name` and `aligned` as in a call."""
        _check_photo(image, self.size if aligned else None)
        whitened = self.background == "white" and not aligned
        picture, transform = image, Similarity(np.eye(2), np.zeros(2))
        if not aligned:
            transform = similarity(face.points, np.array(self.about["template"]))
            picture = resampled(image, transform, self.size, WHITE if whitened else None)
        points, labels = transform(face.points), None
        if whitened or "labels" in self.about["needs"]:
            labels = parse_segmentation(picture, points)
            if whitened:  # soften the person's edge over a pixel
                person = (labels != BACKGROUND).astype(np.float32)
                share = cv2.GaussianBlur(person, (0, 0), 1)[..., None]
                picture = np.rint(255 + share * (picture.astype(np.float32) - 255)).astype(np.uint8)
        return Sketch(face, self.sketch(picture, points, labels, name), picture, transform)

    def sketch(self, picture: Image, points: Points, labels: Labels | None, name: str) -> Image:
        """The sketch [H, W] uint8 of a picture [H, W, 3] of `size` with a face in its usual place.

        Local networks use `points` [5, 2] in the picture's pixels and `labels` [H, W] by
        `parsing.labels.CLASSES`. With the name, points and labels of a test pair, the sketch equals
        the run's own sample, on the same device with the same number of threads.
        """
        _check_photo(picture, self.size)
        subset, _, id = name.rpartition("/")
        frame, pad_value = self.about["frame"], self.about["pad_value"]
        channels = self.about["sketch_channels"]
        parsing = np.zeros(picture.shape[:2], np.uint8) if labels is None else labels

        def on_device(array: Image) -> torch.Tensor:
            return torch.from_numpy(array[None]).to(self.device)

        data = tensors.PackedSet(
            ids=[id],
            subset=[subset],
            photo=on_device(pack.framed(picture, frame, pad_value)),
            sketch=torch.zeros((1, frame, frame, channels), dtype=torch.uint8, device=self.device),
            landmarks=on_device(pack.in_frame(points.astype(np.float32), self.size, frame)),
            parsing=on_device(pack.framed(parsing, frame, 0)),
            size=self.size,
            offset=pack.offset(self.size, frame),
            pad_value=pad_value,
        )
        seed = self.about["seed"] if self.seed is None else self.seed
        epoch = self.about["epoch"]
        drawn = inference.draw(self.generator, data, self.statistics, seed, epoch, self.device)
        return drawn[0]


def read_generator(path: str | Path) -> tuple[checkpoint.Weights, dict[str, Any]]:
    """The weights and the metadata of a generator's file. Raises InputError."""
    if problems := inputs.generator_faults(path):
        raise InputError(problems)
    try:
        return checkpoint.read_generator(path)
    except InputError as error:
        raise InputError([inputs.mended(error)]) from error


def read_photo(path: Path) -> Image:
    """A photo [H, W, 3] in its displayed orientation. Raises InputError if it cannot be read."""
    try:
        return images.decode(images.file_bytes(path), colour=True)
    except images.FaultyError as error:
        raise InputError([f"{path}: {error}"]) from error


def _check_photo(image: Image, size: tuple[int, int] | None = None) -> None:
    """Raise InputError unless an array is RGB [H, W, 3] uint8, not empty, and of a `size`."""
    shape = list(image.shape)
    if image.dtype != np.uint8 or shape[2:] != [3] or not image.size:
        remedy = "give RGB [H, W, 3] uint8, each value from 0 to 255"
        raise InputError([f"the photo is {image.dtype} {shape}; {remedy}"])
    if size and shape[1::-1] != [*size]:
        wanted = f"the generator draws aligned pictures of [{size[1]}, {size[0]}, 3]"
        remedy = "leave aligned out, so that faces are found"
        raise InputError([f"the picture has the shape {shape}: {wanted}; {remedy}"])
