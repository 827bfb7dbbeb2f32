"""Parsing of faces by a learned network: BiSeNet (Yu et al. 2018, "BiSeNet: Bilateral Segmentation
Network for Real-time Semantic Segmentation") trained on CelebAMask-HQ, as an ONNX file.

OpenCV runs the network. Its builds on PyPI do not support GPUs; a build with CUDA uses the first
visible GPU.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photosketch.data.array_types import Field, Image, Labels, Points
from photosketch.data.weights import PARSER_WEIGHTS, verify_weights
from photosketch.jobs.messages import InputError
from photosketch.parsing.labels import BACKGROUND, BROWS, CLOTHES, EYES, HAIR, MOUTH, NOSE, SKIN

# Our class of each of the network's 19 outputs, the classes of CelebAMask-HQ.
CELEBAMASK_CLASSES = np.array(
    [BACKGROUND, SKIN]
    + [BROWS, BROWS]  # left, right
    + [EYES, EYES, EYES]  # left, right, glasses, which hide the eyes
    + [SKIN, SKIN, SKIN]  # left ear, right ear, earring
    + [NOSE, MOUTH, MOUTH, MOUTH]  # nose, inner mouth, upper lip, lower lip
    + [SKIN, SKIN, CLOTHES]  # neck, necklace, clothes
    + [HAIR, HAIR],  # hair, hat
    np.uint8,
)
_SIDE = 512  # pixels, of the network's square input
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, of RGB in 0..1
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Parser:
    """A face-parsing network with checked weights, which threads may share.

    `model` is a name in `weights.PARSER_WEIGHTS`, `weights` its ONNX file: input [N, 3, 512, 512],
    first output the logits [N, 19, 512, 512]. `sha256` is the file's hash, by default the published
    one. `device` is "cuda" if OpenCV has a GPU that runs the network, else "cpu"; the log names it.
    Raises InputError if the file is missing, has another hash, or is not a face-parsing network.
    """

    def __init__(self, model: str, weights: str | Path, sha256: str | None = None) -> None:
        self._path = Path(weights)
        self._published = PARSER_WEIGHTS[model]
        verify_weights(self._published, self._path, sha256)
        self._onnx = np.frombuffer(self._path.read_bytes(), np.uint8)
        self._local = threading.local()  # each thread has its own network
        targets = cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA)
        cuda = cv2.cuda.getCudaEnabledDeviceCount() and cv2.dnn.DNN_TARGET_CUDA in targets
        self.device = "cuda" if cuda else "cpu"
        trial = np.zeros((1, 3, _SIDE, _SIDE), np.float32)
        try:
            self._logits(trial)
        except InputError as refused:
            if not cuda:
                raise
            print(f"the GPU does not run the network: {refused}")
            self.device, self._local = "cpu", threading.local()
            self._logits(trial)
        print(f"{weights}: OpenCV {cv2.__version__} runs the network on {self.device}", flush=True)

    def parse(self, images: Sequence[Image]) -> list[Labels]:
        """Labels [H, W] uint8 of a batch of photos [H, W, 3] (RGB) and sketches [H, W], uint8, of
        any sizes."""
        labels: list[Labels] = []
        logits = self._logits(np.stack([_prepared(image) for image in images]))
        for scores, image in zip(logits, images, strict=True):
            # Logits are resized before the best class is chosen: outlines are smoother.
            resized = [cv2.resize(score, image.shape[1::-1]) for score in scores]
            labels.append(CELEBAMASK_CLASSES[np.argmax(resized, axis=0)])
        return labels

    def parse_image(self, image: Image, points: Points) -> Labels:
        """Like `segmentation.parse_segmentation`; the network does not need the points."""
        return self.parse([image])[0]

    def _logits(self, images: Field) -> Field:
        """[N, 3, 512, 512] -> [N, 19, 512, 512]"""
        try:
            if not hasattr(self._local, "network"):
                self._local.network = _network(self._onnx, self.device)
            self._local.network.setInput(images)
            logits = self._local.network.forward()
            expected = (len(images), len(CELEBAMASK_CLASSES), _SIDE, _SIDE)
            if logits.shape != expected:
                raise ValueError(f"its output is {logits.shape}, expected {expected}")
        except (cv2.error, ValueError) as error:
            fault = f"not a face-parsing network ({str(error).strip().splitlines()[0]})"
            remedy = self._published.remedy()
            raise InputError([f"{self._path}: {fault}. {remedy}"]) from error
        return logits


def _network(onnx: NDArray[np.uint8], device: str) -> cv2.dnn.Net:
    if device == "cpu":
        return cv2.dnn.readNetFromONNX(onnx)
    # OpenCV 5's default engine runs on the CPU only.
    network = cv2.dnn.readNetFromONNX(onnx, engine=cv2.dnn.ENGINE_CLASSIC)
    network.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
    network.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
    return network


def _prepared(image: Image) -> Field:
    """An image as the network's input [3, 512, 512] float32."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    resized = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    scaled = (resized.astype(np.float32) / 255 - _MEAN) / _DEVIATION
    return scaled.transpose(2, 0, 1)  # [512, 512, 3] -> [3, 512, 512]
