"""Five facial points of photos and sketches, detected by MTCNN."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TextIO

import numpy as np
import pandas as pd
import torch

from photosketch.arrays import Image, Points
from photosketch.as_seen import points_before, reduced
from photosketch.landmarks import mtcnn
from photosketch.landmarks.table import COLUMNS, COORDINATES, point_faults
from photosketch.pairs import MODALITIES, SPLITS, Modality, Pair, read_image, select
from photosketch.runtime import progress_bar
from photosketch.workers import in_order, workers

# MTCNN's points lie one pixel right of and below where it found them: it reads a crop at truncated
# corners (half a pixel on average) and counts from the edge, not the centre, of the first pixel.
# Measured on the 376 CUHK images: mirroring gives 1.05 px, whatever the scale (0.6 to 3 times), and
# comparing scales gives 1.0 px in x and in y.
MTCNN_OFFSET = 1.0
# Of several faces, those scoring this much less than the best are taken for patterns in hair or
# clothes; of the others the largest is the portrait. In CUFS no image has a second one.
SCORE_MARGIN = 0.1


@dataclass(frozen=True)
class Detection:
    """The face found in an image."""

    points: np.ndarray  # [5, 2] float32, in the order of LANDMARK_NAMES
    score: float  # MTCNN's probability that this is a face


def detect(
    images: Iterable[np.ndarray],
    device: torch.device | str,
    *,
    min_face_size: int = 40,
    thresholds: Sequence[float] = (0.6, 0.7, 0.7),
    batch_size: int = 32,
) -> list[Detection | None]:
    """The face in each image, None where MTCNN finds none (`mtcnn`).

    `images` are [H, W] gray or [H, W, 3] RGB, uint8. `min_face_size` in pixels; `thresholds` of
    the three networks. Neighbouring images of equal size go through the networks together,
    `batch_size` at a time, which changes no point by more than rounding. On a CPU as many batches
    as torch may use threads are worked on at a time, whatever their number alike. Images are taken
    as they are needed, some batches in advance. Convolutions keep full float32 precision, so that
    CPU and GPU agree.
    """
    networks = mtcnn.load_networks(device)

    def detected(batch: np.ndarray) -> list[Detection | None]:
        if min(batch.shape[1:3]) < min_face_size:  # no scale of the pyramid is left
            return [None] * len(batch)
        pixels = torch.as_tensor(batch, device=device)
        by_image = mtcnn.find_faces(networks, pixels, min_face_size, thresholds)
        return [_detection(faces) if len(faces.boxes) else None for faces in by_image]

    threads = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    full_precision = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with full_precision, workers(threads) as pool:
        batches = _equal_sized(images, batch_size)
        found = in_order(pool, detected, batches, ahead=threads)
        return [detection for detections in found for detection in detections]


def _detection(faces: mtcnn.Faces) -> Detection:
    """The portrait among faces."""
    face = _portrait(faces.boxes, faces.scores)
    return Detection(faces.points[face] - MTCNN_OFFSET, float(faces.scores[face]))


def _equal_sized(images: Iterable[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Runs of images of equal size as batches [B, H, W, 3], in order."""
    batch: list[np.ndarray] = []
    for image in map(_rgb, images):
        if len(batch) == batch_size or (batch and image.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(image)
    if batch:
        yield np.stack(batch)


def _rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _portrait(boxes: np.ndarray, scores: np.ndarray) -> int:
    """Which of several faces the portrait shows. Boxes [N, 4] (left, top, right, bottom)."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])  # [N]
    return int(np.argmax(np.where(scores >= scores.max() - SCORE_MARGIN, areas, -np.inf)))


def detect_pairs(
    pairs: Sequence[Pair],
    device: torch.device | str,
    console: TextIO | None = None,
    **options: Any,
) -> pd.DataFrame:
    """The landmark table of a subset's pairs as detected: photo, then sketch, of each pair.

    Large images are looked at in a copy of at most `as_seen.LONGEST` pixels a side. Images without
    a face have no row, nor have those whose points cannot be, as where the image's border cuts a
    face: the log says why. `console` is told how far it is. `options` are the keyword arguments of
    `detect`. No batch holds images of two splits: a further test pair changes no point of the
    training pairs, not by rounding either.
    """
    faces: dict[tuple[str, Modality], Detection | None] = {}
    with progress_bar("detecting", len(pairs) * len(MODALITIES), console, delay=2) as bar:

        def images(keys: Iterable[tuple[Pair, Modality]]) -> Iterator[np.ndarray]:
            for pair, modality in keys:
                yield reduced(read_image(pair, modality))
                bar.update()

        for split in SPLITS:
            keys = list(product(select(pairs, split=split), MODALITIES))
            found = detect(images(keys), device, **options)
            faces |= {(pair.id, m): face for (pair, m), face in zip(keys, found, strict=True)}
    rows = []
    for pair, modality in product(pairs, MODALITIES):
        face = faces[pair.id, modality]
        if face is None:
            continue
        size = pair.size(modality)
        points = points_before(face.points, size).ravel().tolist()
        faults = point_faults(dict(zip(COORDINATES, points, strict=True)), *size)
        if faults:
            print(f"face in the {modality} of {pair.subset} {pair.id} left out: {faults[0]}")
        else:
            rows.append((pair.id, modality, *points, face.score, "mtcnn"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def detector(
    device: torch.device | str, min_face_size: int
) -> Callable[[Sequence[Image]], list[Points | None]]:
    """A function from sketches to the points of each, None where MTCNN sees no face."""

    def detect_points(sketches: Sequence[Image]) -> list[Points | None]:
        faces = detect(sketches, device, min_face_size=min_face_size)
        return [face.points if face else None for face in faces]

    return detect_points
