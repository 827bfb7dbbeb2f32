"""A trained generator that draws the faces of any photo.

    from photosketch.draw import Sketcher

    sketcher = Sketcher.load()  # or Sketcher.load("generator_epoch800.safetensors")
    for sketch in sketcher("photo.jpg"):
        print(sketch.face.points, sketch.image.shape)

A face is found by its five points, brought to the place and size that faces had in training,
parsed, put on white, and drawn as test photos are (`training.drawing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import cv2
import numpy as np
import torch

from photosketch.configuration.settings import Background
from photosketch.data import images
from photosketch.data.array_types import Image, Labels, Mask, Points
from photosketch.draw import generator_file
from photosketch.draw.photos import as_text
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity, similarity
from photosketch.jobs.job import InputError
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
    `landmarks.table`; how sure the detector is (0 to 1), and who found it: mtcnn or manual."""

    points: Points
    score: float
    source: str


@dataclass(frozen=True)
class Sketch:
    """A drawn face.

    `image` [H, W] uint8, gray, of the size that the generator was trained on; `photo` [H, W, 3],
    what was drawn; `transform`: (x, y) in the photo that was given -> (x, y) in both.
    """

    face: Face
    image: Image
    photo: Image
    transform: Similarity


@dataclass(frozen=True)
class Sketcher:
    """Draws faces, in any number of threads. `about`: what the generator's file says of itself
    (`loop.describe_run`)."""

    generator: networks.Generator
    about: dict[str, Any]
    device: torch.device
    statistics: inference.Statistics = "instance"
    seed: int | None = None  # of dropout; None: that of the training
    background: Background = "white"

    @classmethod
    def load(
        cls,
        path: str | Path = generator_file.INCLUDED,
        device: str | torch.device = "cpu",
        statistics: inference.Statistics = "instance",
        seed: int | None = None,
        background: Background = "white",
    ) -> Self:
        """The generator of a safetensors file that training wrote, by default the included one.

        `statistics`: instance (pix2pix: normalised by the single image, dropout on) or running.
        `background`: white makes all but the person white, because a generator trained on plain
        backgrounds draws busy ones as black clouds; keep leaves it as it is.
        Raises InputError where the file is damaged or doesn't say what drawing has to know.
        """
        if statistics not in (known := get_args(inference.Statistics)):
            raise InputError([f"statistics: {statistics!r} is unknown; use {' or '.join(known)}"])
        weights, about = read_generator(path)
        device = torch.device(device)
        generator = inference.build(weights, about).to(device)
        return cls(generator, about, device, statistics, seed, background)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its sketches."""
        width, height = self.about["size"]
        return width, height

    @property
    def needs_parsing(self) -> bool:
        """Whether it has to be told where hair and background are."""
        return "labels" in self.about["needs"]

    def __call__(
        self,
        photo: str | Path | Image,
        points: Points | None = None,
        *,
        name: str | None = None,
        aligned: bool = False,
    ) -> list[Sketch]:
        """The sketches of all faces of a photo, from left to right.

        `photo`: a file, read as people see it (`images`), or RGB [H, W, 3] uint8. `points` [5, 2]
        or [K, 5, 2]: the faces, where they are known. `name`: SUBSET/ID, what dropout is seeded by;
        default: the file's stem (of an array `photo`) and the face's number from 1. With `aligned`
        the photo is drawn as it is: a picture of the size, and with a face where, training photos
        had it. Raises InputError where the file can't be read, or is not of that size, and where an
        array is no such photo or points do not lie in it.
        """
        stem = "photo" if isinstance(photo, np.ndarray) else stem_of(Path(photo))
        image = photo if isinstance(photo, np.ndarray) else read_photo(Path(photo))
        if points is None:
            faces, _ = self.faces(image)
        else:
            faces = given_faces(image, points)
        return [
            self.draw(image, face, name or f"{stem}/{number}", aligned=aligned)
            for number, face in enumerate(faces, 1)
        ]

    def faces(self, image: Image) -> tuple[list[Face], list[str]]:
        """The faces of a photo [H, W, 3], from left to right, and what keeps others from being
        drawn, in words. What scores far below the surest face is taken for a pattern that looks a
        little like one (`detection.detect_all`)."""
        _check_photo(image)
        height, width = image.shape[:2]
        copy = images.reduced(image)
        (found,) = detection.detect_all([copy], self.device, min_face_size=MIN_FACE_SIZE)
        located = [
            detection.Detection(images.points_before(face.points, (width, height)), face.score)
            for face in found
        ]
        faces, faults = [], []
        for face in detection.mean_looks(((image, one) for one in located), self.device):
            if faults_of(face.points, width, height):
                faults.append(NOT_UPRIGHT)
            else:
                faces.append(Face(face.points, face.score, "mtcnn"))
        return faces, faults

    def draw(self, image: Image, face: Face, name: str, *, aligned: bool = False) -> Sketch:
        """One face of a photo [H, W, 3]; arguments as of a call."""
        _check_photo(image)
        whitened = self.background == "white" and not aligned
        if aligned:
            _check_size(image, self.size)
            transform = Similarity(np.eye(2), np.zeros(2))
            picture = image
        else:
            transform = similarity(face.points, np.array(self.about["template"]))
            fill = WHITE if whitened else None
            picture = resampled(image, transform, self.size, fill)
        points = transform(face.points)
        labels = parse_segmentation(picture, points) if whitened or self.needs_parsing else None
        if whitened and labels is not None:
            picture = on_white(picture, labels != BACKGROUND)
        return Sketch(face, self.sketch(picture, points, labels, name), picture, transform)

    def sketch(self, picture: Image, points: Points, labels: Labels | None, name: str) -> Image:
        """The sketch [H, W] uint8 of a picture [H, W, 3] of `size` with a face in its usual place.

        `points` [5, 2] in its pixels and `labels` [H, W] by `parsing.labels.CLASSES` are what local
        networks need. With `name`, points and labels of a test pair it is the run's own sample, on
        the same device with as many threads.
        """
        _check_photo(picture)
        _check_size(picture, self.size)
        subset, _, id = name.rpartition("/")
        data = self._packed(subset, id, picture, points, labels)
        seed = self.about["seed"] if self.seed is None else self.seed
        epoch = self.about["epoch"]
        drawn = inference.draw(self.generator, data, self.statistics, seed, epoch, self.device)
        return drawn[0]

    def _packed(
        self, subset: str, id: str, picture: Image, points: Points, labels: Labels | None
    ) -> tensors.PackedSet:
        frame, pad_value = self.about["frame"], self.about["pad_value"]
        parsing = np.zeros(picture.shape[:2], np.uint8) if labels is None else labels
        channels = self.about["sketch_channels"]

        def on_device(array: Image) -> torch.Tensor:
            return torch.from_numpy(array[None]).to(self.device)

        return tensors.PackedSet(
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


def given_faces(image: Image, points: Points | Sequence[Points]) -> list[Face]:
    """The faces at points [5, 2] or [K, 5, 2] of a photo [H, W, 3]. Raises InputError with all that
    is wrong with the points."""
    _check_photo(image)
    given = np.asarray(points, float)
    if given.shape[-2:] != (5, 2) or given.ndim > 3:
        raise InputError([f"points: have the shape {list(given.shape)}; give [5, 2] or [K, 5, 2]"])
    height, width = image.shape[:2]
    faces = given.reshape(-1, 5, 2)
    if faults := [fault for face in faces for fault in faults_of(face, width, height)]:
        raise InputError(faults)
    return [Face(face, 1.0, "manual") for face in faces]


def on_white(picture: Image, person: Mask) -> Image:
    """A picture [H, W, 3] with all but the person [H, W] white, softened over a pixel."""
    share = cv2.GaussianBlur(person.astype(np.float32), (0, 0), 1)[..., None]
    return np.rint(255 + share * (picture.astype(np.float32) - 255)).astype(np.uint8)


def stem_of(path: Path) -> str:
    """A file's name without suffix, as text also where its bytes are no UTF-8."""
    return as_text(Path(path.stem))


def read_generator(path: str | Path) -> tuple[checkpoint.Weights, dict[str, Any]]:
    """The weights of a generator's file, and what it says of itself, enough to draw with it.

    Raises InputError where the file is not there, no generator, damaged, or says too little.
    """
    if problems := generator_file.faults(path):
        raise InputError(problems)
    try:
        return checkpoint.read_generator(path)
    except InputError as error:
        raise InputError([generator_file.mended(error)]) from error


def read_photo(path: Path) -> Image:
    """A photo [H, W, 3] as people see it. Raises InputError where it can't be read."""
    try:
        return images.decode(images.file_bytes(path), colour=True)
    except images.FaultyError as error:
        raise InputError([f"{path}: {error}"]) from error


def _check_photo(image: Image) -> None:
    """Raise InputError unless an array is RGB [H, W, 3] uint8 with pixels."""
    if image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
        raise InputError(
            [
                f"the photo is {image.dtype} {list(image.shape)}; give RGB [H, W, 3] uint8, each "
                "value from 0 to 255"
            ]
        )


def _check_size(picture: Image, size: Sequence[int]) -> None:
    height, width = picture.shape[:2]
    if (width, height) != tuple(size):
        raise InputError(
            [
                f"the picture has the shape {list(picture.shape)}: the generator draws aligned "
                f"pictures of [{size[1]}, {size[0]}, 3]; leave aligned out to have faces found"
            ]
        )
