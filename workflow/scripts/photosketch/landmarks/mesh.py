"""Find 468 points of a face from a rough place, by MediaPipe's face mesh.

Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs"
(Apache 2.0). If MTCNN finds no face, the rough place is the mean of other faces of the subset.
"""

import threading
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from photosketch.data.array_types import Image, Points
from photosketch.data.pairs import MODALITIES, SPLITS, Pair, read_image, select
from photosketch.data.weights import MESH_NETWORK, verify_weights
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import Similarity
from photosketch.landmarks.table import COORDINATES, DETECTED, face_row, faults_of, without_points

_SIDE = 192  # pixels, of the network's square input
_OF_EYES, _OF_MESH = 4.0, 1.5  # the square's side in eye distances; later in sides of the mesh
# Vertices of the mesh: contours of both eyes (the viewer's left first), then pairs whose weighted
# mean (3/4, 1/4) is where MTCNN has the nose and the mouth corners. On 42 images of CUHK the mean
# differences of all five points are within 0.7 px; single images scatter by 0.8 to 1.2 px.
_LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
_RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
_NOSE_AND_MOUTH = np.array([(4, 1), (61, 57), (291, 287)])
# One thread at a time may load or use the network: OpenCV's importer fails if two threads use it.
_NETWORK_LOCK = threading.Lock()


def mesh(image: Image, points: Points, passes: int = 2) -> tuple[Points, float]:
    """The mesh [468, 2] of the face at rough points [5, 2], and the confidence (a logit) in a face.

    Points are in pixels of an image [H, W, 3] (RGB) or [H, W]. Each further pass uses the place
    found by the pass before. Raises InputError if the network's file is missing or damaged.
    """
    eyes, side = points[:2], _OF_EYES * np.hypot(*(points[1] - points[0]))
    middle = (points[:2].mean(0) + points[3:].mean(0)) / 2
    for _ in range(passes):
        cosine, sine = _SIDE / side * (eyes[1] - eyes[0]) / np.hypot(*(eyes[1] - eyes[0]))
        turn = np.array([[cosine, sine], [-sine, cosine]])
        square = Similarity(turn, (_SIDE - 1) / 2 - turn @ middle)
        picture = resampled(image, square, (_SIDE, _SIDE))
        colours = picture if image.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        values = colours.astype(np.float32).transpose(2, 0, 1)[None] / 255  # [1, 3, H, W]
        with _NETWORK_LOCK:
            _network().setInput(np.ascontiguousarray(values))
            flag, places = _network().forward(("conv2d_31", "conv2d_21"))
        seen = places.reshape(468, 3)[:, :2] - 0.5  # pixel centres at integers
        found = square.inverse()(seen)
        eyes = five_points(found)[:2]
        middle = square.inverse()((seen.min(0) + seen.max(0)) / 2)
        side *= _OF_MESH * np.ptp(seen, axis=0).max() / _SIDE
    return found, float(flag.item())


def five_points(mesh: Points) -> Points:
    """The five points [5, 2] of a mesh [468, 2], in the order of `table.LANDMARK_NAMES`."""
    eyes = [mesh[list(eye)].mean(0) for eye in (_LEFT_EYE, _RIGHT_EYE)]
    others = [0.75, 0.25] @ mesh[_NOSE_AND_MOUTH]  # [3, 2]
    return np.array([*eyes, *others], np.float32)


def with_missed_faces(pairs: Sequence[Pair], table: pd.DataFrame) -> pd.DataFrame:
    """A subset's landmark table with further rows (source mesh): images without points in which the
    mesh finds a face at the mean place of the split's and modality's other faces."""
    rows = []
    for split, modality in product(SPLITS, MODALITIES):
        members = select(pairs, split=split)
        own = table["id"].isin([pair.id for pair in members])
        found = table[(table["modality"] == modality) & own]
        if found.empty:
            continue
        place = found[list(COORDINATES)].to_numpy(float).mean(0).reshape(-1, 2)
        for pair in without_points(members, table, modality):
            seen, flag = mesh(read_image(pair, modality), place, passes=3)
            points = five_points(seen)
            if flag > 0 and not faults_of(points, *pair.size(modality)):
                score = 1 / (1 + np.exp(-flag))
                rows.append(face_row(pair, modality, points, score, "mesh", 1))
    more = pd.DataFrame(rows, columns=DETECTED)
    return pd.concat([table, more], ignore_index=True) if rows else table


@cache
def _network() -> cv2.dnn.Net:
    verify_weights(MESH_NETWORK, Path(MESH_NETWORK.path))
    # OpenCV's default engine does not return the flag
    return cv2.dnn.readNetFromTFLite(MESH_NETWORK.path, cv2.dnn.ENGINE_CLASSIC)
