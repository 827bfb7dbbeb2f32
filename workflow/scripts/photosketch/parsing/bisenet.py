"""Parsing of faces by a learned network: BiSeNet (Yu et al. 2018, "BiSeNet: Bilateral Segmentation
Network for Real-time Semantic Segmentation") trained on CelebAMask-HQ, as an ONNX file.

OpenCV runs it: no further package. Its builds on PyPI know no GPU; one that was built with CUDA
uses the first GPU that it sees.
"""

import threading
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data.array_types import Image, Labels, Points
from photosketch.data.pairs import MODALITIES, SPLITS, Modality, Pair, read_image
from photosketch.data.weights import PARSER_WEIGHTS, verify_weights
from photosketch.jobs.job import InputError
from photosketch.jobs.progress import Bar
from photosketch.landmarks.table import points_of, require_photo_points, without_points
from photosketch.parsing.grabcut import parse_grabcut
from photosketch.parsing.labels import (
    BACKGROUND,
    BROWS,
    CLOTHES,
    EYES,
    HAIR,
    MOUTH,
    NOSE,
    SKIN,
    Parsings,
    blank_maps,
)

if TYPE_CHECKING:
    import pandas as pd

# CelebAMask-HQ's classes in the order of the network's outputs, and ours for each.
CELEBAMASK_CLASSES = {
    "background": BACKGROUND,
    "skin": SKIN,
    "left brow": BROWS,
    "right brow": BROWS,
    "left eye": EYES,
    "right eye": EYES,
    "glasses": EYES,  # they hide the eyes' own labels
    "left ear": SKIN,
    "right ear": SKIN,
    "earring": SKIN,
    "nose": NOSE,
    "inner mouth": MOUTH,
    "upper lip": MOUTH,
    "lower lip": MOUTH,
    "neck": SKIN,
    "necklace": SKIN,
    "clothes": CLOTHES,
    "hair": HAIR,
    "hat": HAIR,
}
_OURS = np.array(list(CELEBAMASK_CLASSES.values()), np.uint8)
_SIDE = 512  # pixels, of the network's square input
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, of RGB in 0..1
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_BATCH = 4
# A face covers some six times the squared distance between the eyes; less than this is none.
_LEAST_FACE = 1.5


class Parser:
    """A face-parsing network with checked weights.

    `model` is a name in `weights.PARSER_WEIGHTS`, `weights` its ONNX file: input [N, 3, 512, 512],
    first output the logits [N, 19, 512, 512]. The file must have the hash `sha256`, by default the
    published one. May be called from several threads: each has a network of its own.
    `device` is "cuda" where OpenCV has a GPU that runs the network, else "cpu"; which is printed,
    for the log.

    Raises InputError where the file is missing, differs from the hash, or is no such network.
    """

    def __init__(self, model: str, weights: str | Path, sha256: str | None = None) -> None:
        self._path = Path(weights)
        self._published = PARSER_WEIGHTS[model]
        verify_weights(self._published, self._path, sha256)
        self._onnx = np.frombuffer(self._path.read_bytes(), np.uint8)
        self._local = threading.local()
        self.device = "cuda" if _sees_gpu() else "cpu"
        trial = np.zeros((1, 3, _SIDE, _SIDE), np.float32)
        if self.device == "cuda":
            try:
                self._logits(trial)
            except InputError as refused:
                print(f"the GPU does not run the network: {refused}")
                self.device, self._local = "cpu", threading.local()
        if self.device == "cpu":
            self._logits(trial)
        print(
            f"{self._path}: OpenCV {cv2.__version__} runs the network on {self.device}", flush=True
        )

    def parse(self, images: Sequence[Image]) -> list[Labels]:
        """Labels [H, W] uint8 of each photo [H, W, 3] (RGB) or sketch [H, W], uint8; sizes may
        differ."""
        labels: list[Labels] = []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            logits = self._logits(np.stack([_prepared(image) for image in batch]))
            labels += [
                _labels(scores, image.shape[:2])
                for scores, image in zip(logits, batch, strict=True)
            ]
        return labels

    def parse_image(self, image: Image, points: Points) -> Labels:
        """As `grabcut.parse_grabcut`; the network has no use for the points."""
        return self.parse([image])[0]

    def _logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """[N, 3, 512, 512] -> [N, 19, 512, 512]"""
        try:
            if not hasattr(self._local, "network"):
                self._local.network = _network(self._onnx, self.device)
            self._local.network.setInput(images)
            logits = self._local.network.forward()
        except cv2.error as error:
            raise self._unusable(str(error).strip().splitlines()[0]) from error
        expected = (len(images), len(_OURS), _SIDE, _SIDE)
        if logits.shape != expected:
            raise self._unusable(f"its output is {logits.shape}, expected {expected}")
        return logits

    def _unusable(self, reason: str) -> InputError:
        return InputError(
            [f"{self._path}: not a face-parsing network ({reason}). {self._published.remedy()}"]
        )


def _sees_gpu() -> bool:
    """Whether this OpenCV was built with CUDA, for networks too, and there is a GPU."""
    if not cv2.cuda.getCudaEnabledDeviceCount():
        return False
    return cv2.dnn.DNN_TARGET_CUDA in cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA)


def _network(onnx: NDArray[np.uint8], device: str) -> cv2.dnn.Net:
    if device == "cpu":
        return cv2.dnn.readNetFromONNX(onnx)
    # OpenCV 5's new engine, its first choice, knows the CPU alone.
    network = cv2.dnn.readNetFromONNX(onnx, engine=cv2.dnn.ENGINE_CLASSIC)
    network.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
    network.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
    return network


def parse_pairs(
    pairs: Sequence[Pair],
    table: "pd.DataFrame",
    parser: Parser,
    fallback: bool = False,
    console: TextIO | None = None,
) -> Parsings:
    """Parse photo and sketch of each pair; `table` holds the points that say how large a face is.

    Where the network finds no face (`finds_face`), the image is parsed by `parse_grabcut` and
    listed in `Parsings.fallback`; without `fallback` its labels are 0, and it is listed, a sketch
    in `Parsings.unparsed`, as those without points are, a photo in `Parsings.faceless`. `console`
    is told how far it is. No batch holds images of two splits. Raises InputError with every photo
    that has no points.
    """
    require_photo_points(pairs, table)
    unparsed = {pair.id for pair in without_points(pairs, table, "sketch")}
    maps = blank_maps(pairs)
    fallen_back: list[tuple[str, str]] = []
    faceless: set[str] = set()
    total = len(MODALITIES) * len(pairs) - len(unparsed)
    with Bar(f"parsing {pairs[0].subset}", total, console) as bar:
        for batch, modality in _batches(pairs, frozenset(unparsed)):
            images = [read_image(pairs[index], modality) for index in batch]
            for index, image, labels in zip(batch, images, parser.parse(images), strict=True):
                pair = pairs[index]
                points = points_of(table, pair.id, modality)
                if finds_face(labels, points):
                    maps[modality][index] = labels
                elif fallback:
                    maps[modality][index] = parse_grabcut(image, points)
                    fallen_back.append((pair.id, modality))
                elif modality == "sketch":
                    unparsed.add(pair.id)
                else:
                    faceless.add(pair.id)
            bar.update(len(batch))
    ids = tuple(pair.id for pair in pairs)
    return Parsings(
        ids,
        maps["photo"],
        maps["sketch"],
        tuple(sorted(fallen_back, key=lambda image: ids.index(image[0]))),
        tuple(id for id in ids if id in unparsed),
        tuple(id for id in ids if id in faceless),
    )


def _batches(
    pairs: Sequence[Pair], without_sketch: Container[str]
) -> Iterator[tuple[list[int], Modality]]:
    """Positions of pairs whose photos, or sketches, go through the network together: of one split,
    without the sketches of these ids. Photos come before the sketches of the same pairs."""
    for split in SPLITS:
        members = [index for index, pair in enumerate(pairs) if pair.split == split]
        for start in range(0, len(members), _BATCH):
            batch = members[start : start + _BATCH]
            yield batch, "photo"
            if sketched := [index for index in batch if pairs[index].id not in without_sketch]:
                yield sketched, "sketch"


def finds_face(labels: Labels, points: Points) -> bool:
    """Whether skin and features cover as much as a face with these points must."""
    face = np.isin(labels, (SKIN, BROWS, EYES, NOSE, MOUTH))
    return bool(face.sum() >= _LEAST_FACE * ((points[1] - points[0]) ** 2).sum())


def _prepared(image: Image) -> NDArray[Any]:
    """An image as the network takes it: [3, 512, 512] float32."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    resized = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    scaled = (resized.astype(np.float32) / 255 - _MEAN) / _DEVIATION
    return scaled.transpose(2, 0, 1)  # [512, 512, 3] -> [3, 512, 512]


def _labels(logits: NDArray[Any], size: tuple[int, ...]) -> Labels:
    """Our labels [H, W], the network's logits [19, 512, 512] resized before the best is taken."""
    height, width = size
    resized = [cv2.resize(scores, (width, height)) for scores in logits]
    return _OURS[np.argmax(resized, axis=0)]
