"""Are people found by their drawn sketch? NLDA, the recognition test of the field, and identity.

docs/recognition.md describes both. NLDA: null-space linear discriminant analysis (Chen et al. 2000,
"A new LDA-based face recognition system which can solve the small sample size problem"). The real
and the generated sketch of a person are one class.

Identity: dlib's face recognition network, a variant of ResNet-34 (He et al. 2016, "Deep Residual
Learning for Image Recognition"). dlib's predictor of the eyes' corners and the nose (Kazemi and
Sullivan 2014, "One Millisecond Face Alignment with an Ensemble of Regression Trees") starts from a
box around the five landmarks and brings a face upright, so no face has to be detected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from scipy.spatial.distance import cdist

from photosketch.data.weights import FACE_LANDMARKS, FACE_NETWORK, verify_weights
from photosketch.jobs.messages import InputError

SPLITS = 20  # of NLDA
TRAINING_SHARE = 150 / 338  # of the people, as in the literature for CUFS' test set
MIN_PEOPLE = 40
_CHIP, _PADDING = 150, 0.25  # pixels, and share of them: the frame of the network's training
# The boxes of dlib's detector on 100 photos (CUHK student): the side, and how far the centre is
# above the mean of the five points. Unit: the mean of eye distance and eye-to-mouth height.
_BOX_SIDE, _BOX_ABOVE = 2.15, 0.05


def nlda_rank_one(
    real: np.ndarray, generated: np.ndarray, device: torch.device | str = "cpu"
) -> float:
    """Share of people found at rank 1, 0 to 1, mean over random splits; NaN below 40 people.

    real, generated: sketches [N, H, W] uint8 of the same N people.
    """
    count = len(real)
    if count < MIN_PEOPLE:
        return float("nan")
    coordinates = _coordinates(np.concatenate([real, generated]), device)
    real_points, generated_points = coordinates[:count], coordinates[count:]
    random = np.random.default_rng(0)
    training = round(count * TRAINING_SHARE)
    shares = []
    for _ in range(SPLITS):
        order = random.permutation(count)
        known, others = order[:training], order[training:]
        subspace = null_space_lda(real_points[known], generated_points[known])
        probes, gallery = real_points[others] @ subspace, generated_points[others] @ subspace
        squares = (probes**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)
        distances = squares - 2 * probes @ gallery.T
        shares.append((distances.argmin(axis=1) == np.arange(len(others))).mean())
    return float(np.mean(shares))


def null_space_lda(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """An orthonormal basis [d, k] of the directions along which the means of C classes differ and
    no class varies within itself; first and second [C, d]: the two samples of each class."""
    within = _row_space(first - second)  # [d, <= C]
    means = (first + second) / 2
    means = means - means.mean(axis=0)
    return _row_space(means - (means @ within) @ within.T)


def _row_space(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis [d, k] of the span of the rows [n, d]. QR with column pivoting is
    several times faster than singular vectors, and every basis gives the same distances."""
    basis, triangle, _ = scipy.linalg.qr(rows.T, mode="economic", pivoting=True)
    sizes = np.abs(np.diag(triangle))  # falling
    return basis[:, sizes > 1e-6 * max(sizes[0], np.finfo(float).tiny)]


def _coordinates(images: np.ndarray, device: torch.device | str) -> np.ndarray:
    """Points [N, k], k <= N, with the same distances from each other as the images [N, H, W]."""
    pixels = torch.from_numpy(images.reshape(len(images), -1)).to(device).double().div(255)
    pixels -= pixels.mean(dim=0)
    inner = (pixels @ pixels.T).cpu().numpy()  # [N, N]
    values, vectors = np.linalg.eigh(inner)
    spanned = values > 1e-10 * values[-1]
    return vectors[:, spanned] * np.sqrt(values[spanned])


@dataclass(frozen=True)
class FaceRecogniser:
    """dlib's predictor of landmarks and its face recognition network, both on the CPU."""

    landmarks: Any
    network: Any

    @classmethod
    def load(cls) -> "FaceRecogniser":
        """Raises InputError if a package is missing or its file has another hash."""
        try:
            import dlib
        except ImportError as error:
            fault = f"evaluation.identity needs dlib ({error}); run {FACE_NETWORK.command}"
            raise InputError([fault]) from error
        files = []
        for weights in (FACE_LANDMARKS, FACE_NETWORK):
            path = weights.installed()
            if path is None:
                fault = f"evaluation.identity needs {weights.package}. {weights.remedy()}"
                raise InputError([fault])
            verify_weights(weights, path)
            files.append(str(path))
        return cls(dlib.shape_predictor(files[0]), dlib.face_recognition_model_v1(files[1]))

    def embed(self, images: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The embedding of each face, [N, 128] float32, close together for one person. images:
        uint8 gray [N, H, W] or RGB [N, H, W, 3]; points [N, 5, 2]: their landmarks."""
        import dlib

        embeddings = []
        for image, box in zip(images, face_boxes(points).tolist(), strict=True):
            rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
            rgb = np.ascontiguousarray(rgb)
            landmarks = self.landmarks(rgb, dlib.rectangle(*box))
            chip = dlib.get_face_chip(rgb, landmarks, size=_CHIP, padding=_PADDING)
            descriptor = self.network.compute_face_descriptor(chip)
            embeddings.append(np.asarray(descriptor, np.float32))
        return np.stack(embeddings)


def face_boxes(points: np.ndarray) -> np.ndarray:
    """Boxes [N, 4] (left, top, right, bottom; integers) like those of dlib's detector, of points
    [N, 5, 2]: eyes, nose, mouth corners."""
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
    """The columns identity_rank1 and identity_auc: a value for each of the masks over people, whose
    sketches are looked up among their own photos. sketches, photos: embeddings [N, 128]."""
    values = [rank_one_and_auc(sketches[mask], photos[mask]) for mask in masks.values()]
    ranks, aucs = map(list, zip(*values, strict=True))
    return {"identity_rank1": ranks, "identity_auc": aucs}


def rank_one_and_auc(sketches: np.ndarray, photos: np.ndarray) -> tuple[float, float]:
    """How well people are found by their sketch among all photos: rank 1 and AUC, 0 to 1, NaN below
    two people; sketches, photos: embeddings [N, d].

    Rank 1 is the share of sketches whose nearest photo (Euclidean distance) shows the same person.
    AUC is the chance that a sketch and its own photo are closer than a sketch and another person's
    photo. A tie counts half.
    """
    count = len(sketches)
    if count < 2:
        return float("nan"), float("nan")
    from scipy.stats import rankdata  # seconds of imports

    distances = cdist(sketches, photos)
    rank_one = (distances.argmin(axis=1) == np.arange(count)).mean()
    ranks = rankdata(-distances).reshape(count, count)  # 1: the largest distance
    nearer = np.trace(ranks) - count * (count + 1) / 2  # Mann and Whitney's U
    return float(rank_one), float(nearer / (count * count * (count - 1)))
