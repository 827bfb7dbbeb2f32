"""Detect five facial points of photos and sketches by MTCNN.

Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks". Networks, weights and cascade are from facenet-pytorch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, TextIO

import numpy as np
import pandas as pd
import torch

from photosketch.data.array_types import Image, Points
from photosketch.data.images import points_before, reduced
from photosketch.data.pairs import MODALITIES, SPLITS, Modality, Pair, read_image, select
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import TEMPLATE_SIZE, similarity, template
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import in_order, workers
from photosketch.landmarks.table import DETECTED, NOT_UPRIGHT, face_row, faces_alike, faults_of

# MTCNN's points lie one pixel too far right and down: MTCNN truncates the corners of a crop (half a
# pixel on average) and counts from the edge, not the centre, of the first pixel. On the 376 CUHK
# images, mirroring gives 1.05 px at every scale (0.6 to 3 times), and comparing scales gives 1.0 px
# in x and in y.
MTCNN_OFFSET = 1.0
SMALLEST_CELL = 12  # pixels, the window of MTCNN's first network
# A face that scores this much less than the best counts as a pattern in hair or clothes. The
# largest of the other faces is the portrait. No image of CUFS has a second face.
SCORE_MARGIN = 0.1
# Faces that may lie anywhere are detected again in aligned pictures, at these multiples of the
# usual size. In 18 images of CUHK, turned by up to 20 degrees and scaled by 0.5 to 3, the points of
# one such picture are off by 0.69 px and the mean of four by 0.34 px, in pixels of a face of the
# usual size. The first detection is off by 1.0 px (48 images).
LOOKS = (0.9, 1.0, 1.1, 1.25)
CLOSER_AT_ONCE = 64  # images whose aligned pictures are in memory at the same time
MOST_PIXELS = 32 * 200 * 250  # of a batch
Device = torch.device | str


@dataclass(frozen=True)
class Detection:
    """A face in an image."""

    points: Points  # [5, 2] float32, in the order of LANDMARK_NAMES
    score: float  # MTCNN's probability that this is a face
    alike: int = 1  # faces in the image about as large as this face, which counts too


def detect(
    images: Iterable[Image], device: Device, *, min_face_size: int = 40
) -> list[Detection | None]:
    """The face in each image, the largest of several; None if MTCNN finds no face."""
    return [
        replace(faces[0], alike=faces_alike(face.points for face in faces)) if faces else None
        for faces in detect_all(images, device, min_face_size=min_face_size)
    ]


def detect_all(
    images: Iterable[Image], device: Device, *, min_face_size: int = 40
) -> list[list[Detection]]:
    """All faces in each image, the largest first, without patterns (SCORE_MARGIN).

    `images` are [H, W] gray or [H, W, 3] RGB, uint8; `min_face_size` is in pixels. Consecutive
    images of equal size form batches of at most MOST_PIXELS, which changes points only by rounding.
    On a CPU each thread works on a batch; the result is the same for every number of threads.
    Convolutions keep full float32 precision, so that CPU and GPU agree.
    """
    mtcnn = _load_mtcnn(device, min_face_size)

    def detected(batch: Image) -> list[list[Detection]]:
        if min(batch.shape[1:3]) * (SMALLEST_CELL / min_face_size) < SMALLEST_CELL:
            return [[] for _ in batch]  # MTCNN fails if it has no scale to search
        try:
            _, scores, points = mtcnn.detect(batch, landmarks=True)  # the largest face first
        except (IndexError, RuntimeError) as error:
            # facenet-pytorch fails on a window that lies completely outside an image
            if isinstance(error, RuntimeError) and "non-empty list" not in str(error):
                raise
            if len(batch) == 1:
                print(f"MTCNN fails on an image, which counts as an image without a face ({error})")
                return [[]]
            return [faces for image in batch for faces in detected(image[None])]
        found: list[list[Detection]] = [[] for _ in batch]
        for own, faces, of_image in zip(found, points, scores, strict=True):
            for face, score in zip(faces, of_image, strict=True) if faces is not None else ():
                if score >= max(of_image) - SCORE_MARGIN:
                    place = np.asarray(face, np.float32) - MTCNN_OFFSET
                    own.append(Detection(place, float(score)))
        return found

    on_cpu = torch.device(device).type == "cpu"
    threads = torch.get_num_threads() if on_cpu else 1
    # a setting of the whole process, so it is changed only if it has an effect
    full_precision = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with workers(threads) as pool, nullcontext() if on_cpu else full_precision:
        found = in_order(pool, detected, _equal_sized(images), ahead=threads)
        return [faces for by_image in found for faces in by_image]


@cache
def _load_mtcnn(device: Device, min_face_size: int) -> Any:
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(min_face_size=min_face_size, device=device)
    return mtcnn.to(memory_format=torch.channels_last)  # two thirds of the time on a CPU


def _equal_sized(images: Iterable[Image]) -> Iterator[Image]:
    """Batches [B, H, W, 3] of consecutive images of equal size."""
    batch: list[Image] = []
    for image in images:
        rgb = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
        most = max(1, MOST_PIXELS // (rgb.shape[0] * rgb.shape[1]))
        if len(batch) == most or (batch and rgb.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(rgb)
    if batch:
        yield np.stack(batch)


def detect_pairs(
    pairs: Sequence[Pair], device: Device, console: TextIO | None = None, *, min_face_size: int = 40
) -> pd.DataFrame:
    """The detector's table of a subset's pairs: photo, then sketch. `console` shows the progress.

    MTCNN searches large images in a copy of at most `images.LONGEST` pixels a side. Faces that may
    lie anywhere are then detected again (`look_closer`). The log names images without a face, or
    with points that are not valid, which have no row. A batch has images of one split, so that
    another test pair does not change the points of training pairs, not even by rounding.
    """
    faces: dict[tuple[Pair, Modality], Detection | None] = {}
    total = len(pairs) * len(MODALITIES)
    with Bar(f"detecting {pairs[0].subset}", total, console) as bar:

        def images(keys: Iterable[tuple[Pair, Modality]]) -> Iterator[Image]:
            for pair, modality in keys:
                yield reduced(read_image(pair, modality))
                bar.update()

        for split in SPLITS:
            keys = list(product(select(pairs, split=split), MODALITIES))
            found = detect(images(keys), device, min_face_size=min_face_size)
            detections = [
                face and replace(face, points=points_before(face.points, pair.size(modality)))
                for (pair, modality), face in zip(keys, found, strict=True)
            ]
            if any(pair.sketch_width for pair, _ in keys):
                detections = look_closer(keys, detections, device)
            faces |= zip(keys, detections, strict=True)
    rows = []
    for pair, modality in product(pairs, MODALITIES):
        face = faces[pair, modality]
        if face is None:
            print(f"no face found in the {modality} of {pair.subset} {pair.id}")
        elif faults_of(face.points, *pair.size(modality)):
            print(f"{modality} of {pair.subset} {pair.id}: {NOT_UPRIGHT}")
        else:
            rows.append(face_row(pair, modality, face.points, face.score, "mtcnn", face.alike))
    return pd.DataFrame(rows, columns=DETECTED)


def look_closer(
    keys: Sequence[tuple[Pair, Modality]], detections: Sequence[Detection | None], device: Device
) -> list[Detection | None]:
    """`mean_looks` of the pairs' images that have a face, with a bounded number in memory."""
    closer: list[Detection | None] = []
    every = list(zip(keys, detections, strict=True))
    for start in range(0, len(every), CLOSER_AT_ONCE):
        part = every[start : start + CLOSER_AT_ONCE]
        faces = ((read_image(*key, colour=True), face) for key, face in part if face)
        means = iter(mean_looks(faces, device))
        closer += [face and next(means) for _, face in part]
    return closer


def mean_looks(faces: Iterable[tuple[Image, Detection]], device: Device) -> list[Detection]:
    """The mean of MTCNN's detections of each face in several pictures (LOOKS) of its image
    [H, W, 3], which show it upright at the usual place; the face itself if none is found there."""
    sizes = [tuple(round(length * scale) for length in TEMPLATE_SIZE) for scale in LOOKS]
    goals = [template(size) for size in sizes]
    pictures: list[list[Image]] = [[] for _ in LOOKS]  # for each look a picture of each face
    firsts, transforms = [], []  # for each face
    for image, face in faces:
        firsts.append(face)
        transforms.append([similarity(face.points, goal) for goal in goals])
        for of_look, transform, size in zip(pictures, transforms[-1], sizes, strict=True):
            of_look.append(resampled(image, transform, size))
    seen: list[list[Detection]] = [[] for _ in firsts]  # the looks at each face
    for look, goal in enumerate(goals):
        half = float(np.hypot(*(goal[1] - goal[0]))) / 2  # of the distance between the eyes
        for index, found in enumerate(detect_all(pictures[look], device)):
            away = [float(np.hypot(*(face.points - goal).T).mean()) for face in found]
            if away and min(away) < half:  # other faces, even larger, may be in the picture
                nearest = found[int(np.argmin(away))]
                points = transforms[index][look].inverse()(nearest.points)
                seen[index].append(replace(nearest, points=points))
    means = []
    for first, looks in zip(firsts, seen, strict=True):
        points = np.mean([one.points for one in looks or [first]], axis=0).astype(np.float32)
        score = float(np.mean([one.score for one in looks or [first]]))
        means.append(replace(first, points=points, score=score))
    return means


def detector(
    device: Device, min_face_size: int
) -> Callable[[Sequence[Image]], list[Points | None]]:
    """A function that returns the points of each sketch, None if MTCNN finds no face."""

    def detect_points(sketches: Sequence[Image]) -> list[Points | None]:
        faces = detect(sketches, device, min_face_size=min_face_size)
        return [face.points if face else None for face in faces]

    return detect_points
