"""Is a drawn sketch still that person? Photos are looked up by it, as those of a witness are.

The face recognition network is dlib's, which was trained on photos: a variant of ResNet-34 (He et
al. 2016, "Deep Residual Learning for Image Recognition") that puts faces of one person near
together. It comes with a package, as does dlib's predictor of the eyes' corners and the nose
(Kazemi and Sullivan 2014, "One Millisecond Face Alignment with an Ensemble of Regression Trees"),
by which a face is brought upright into the network's frame. The predictor starts from a box round
the face. That comes from the five landmarks which every photo has, of a drawn sketch from those of
its photo: no face has to be found in a sketch, so every sketch is scored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from photosketch.data.weights import FACE_LANDMARKS, FACE_NETWORK, PackagedWeights, verify_weights
from photosketch.jobs.job import InputError

DIMENSIONS = 128
_CHIP, _PADDING = 150, 0.25  # pixels and share of it, the frame that the network was trained with
# dlib's own boxes of 100 photos (CUHK student), in means of eye distance and eye-to-mouth height
_BOX_SIDE, _BOX_ABOVE = 2.15, 0.05  # its side, and its centre above the mean of the five points


@dataclass(frozen=True)
class FaceRecogniser:
    """dlib's predictor of landmarks and its face recognition network, both on the CPU."""

    landmarks: Any
    network: Any

    @classmethod
    def load(cls) -> "FaceRecogniser":
        """Raises InputError where the packages are missing or their files are other ones."""
        try:
            import dlib
        except ImportError as error:
            raise InputError(
                [f"evaluation.identity needs dlib ({error}); run {FACE_NETWORK.command}"]
            ) from error
        return cls(
            dlib.shape_predictor(_verified(FACE_LANDMARKS)),
            dlib.face_recognition_model_v1(_verified(FACE_NETWORK)),
        )

    def embed(self, images: np.ndarray, points: np.ndarray) -> np.ndarray:
        """What the network makes of each face, [N, 128] float32, near one another for one person.

        images: uint8 gray [N, H, W] or RGB [N, H, W, 3]; points [N, 5, 2]: their landmarks.
        """
        import dlib

        embeddings = np.empty((len(images), DIMENSIONS), np.float32)
        for row, image, box in zip(embeddings, images, face_boxes(points), strict=True):
            rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
            rgb = np.ascontiguousarray(rgb)
            left, top, right, bottom = map(int, box)
            landmarks = self.landmarks(rgb, dlib.rectangle(left, top, right, bottom))
            chip = dlib.get_face_chip(rgb, landmarks, size=_CHIP, padding=_PADDING)
            row[:] = self.network.compute_face_descriptor(chip)
        return embeddings


def _verified(weights: PackagedWeights) -> str:
    """The path of a file that comes with a package, checked."""
    path = weights.installed()
    if path is None:
        raise InputError([f"evaluation.identity needs {weights.package}. {weights.remedy()}"])
    verify_weights(weights, path)
    return str(path)


def face_boxes(points: np.ndarray) -> np.ndarray:
    """Boxes [N, 4] (left, top, right, bottom; whole pixels) as dlib's detector would lay them.

    points [N, 5, 2]: eyes, nose, mouth corners.
    """
    eyes, mouths = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    across = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    down = np.linalg.norm(mouths - eyes, axis=1)
    size = (across + down) / 2  # [N]
    centre = points.mean(axis=1) - [0, 1] * (_BOX_ABOVE * size)[:, None]
    half = _BOX_SIDE * size[:, None] / 2
    return np.rint(np.hstack([centre - half, centre + half])).astype(int)


def identity_scores(
    sketches: np.ndarray, photos: np.ndarray, masks: Mapping[str, np.ndarray]
) -> dict[str, list[float]]:
    """The columns identity_rank1 and identity_auc: a value for each of the masks over people.

    sketches, photos: embeddings [N, 128] of the same people. A subset's sketches are looked up
    among its own photos.
    """
    values = [matching(sketches[mask], photos[mask]) for mask in masks.values()]
    rank_one, auc = (list(column) for column in zip(*values, strict=True))
    return {"identity_rank1": rank_one, "identity_auc": auc}


def matching(sketches: np.ndarray, photos: np.ndarray) -> tuple[float, float]:
    """How well people are found by their sketch among the photos of all: rank 1 and AUC, 0 to 1.

    sketches, photos: embeddings [N, d]. Rank 1 is the share of sketches whose nearest photo (by
    Euclidean distance) is that of the same person. AUC is the area under the ROC curve of "the
    same person" by distance: the chance that a sketch and its own photo are nearer to one another
    than a sketch and another person's photo; a tie counts half. Missing below two people.
    """
    count = len(sketches)
    if count < 2:
        return float("nan"), float("nan")
    distances = cdist(sketches, photos)
    same = np.eye(count, dtype=bool)
    rank_one = (distances.argmin(axis=1) == np.arange(count)).mean()
    from scipy.stats import rankdata  # seconds of imports

    ranks = rankdata(-distances).reshape(count, count)  # 1: the furthest of all
    nearer = ranks[same].sum() - count * (count + 1) / 2  # Mann and Whitney's U
    return float(rank_one), float(nearer / (count * count * (count - 1)))
