"""Five facial points of photos and sketches, detected by MTCNN.

Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks"; networks, weights and cascade are facenet-pytorch's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, TextIO

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
from photosketch.landmarks.table import (
    COLUMNS,
    FACES,
    NOT_UPRIGHT,
    faces_alike,
    faults_of,
    several_faces,
)

if TYPE_CHECKING:
    from facenet_pytorch import MTCNN

# MTCNN's points lie one pixel right of and below where it found them: it reads a crop at truncated
# corners (half a pixel on average) and counts from the edge, not the centre, of the first pixel.
# Measured on the 376 CUHK images: mirroring gives 1.05 px, whatever the scale (0.6 to 3 times), and
# comparing scales gives 1.0 px in x and in y.
MTCNN_OFFSET = 1.0
SMALLEST_CELL = 12  # pixels, the window of MTCNN's first network
# Of several faces, those scoring this much less than the best are taken for patterns in hair or
# clothes; of the others the largest is the portrait. In CUFS no image has a second one.
SCORE_MARGIN = 0.1
# Faces that may lie anywhere are detected again in pictures that show them aligned, of so many
# times the usual size. Turned by up to 20 degrees and scaled by 0.5 to 3, points of one such
# picture are off by 0.69 px, the mean of four by 0.34 px (18 images of CUHK), in pixels of a face
# of the usual size; the first detection is off by 1.0 px (48 images).
LOOKS = (0.9, 1.0, 1.1, 1.25)
CLOSER_AT_ONCE = 64  # images whose pictures are in memory at a time
MOST_PIXELS = 32 * 200 * 250  # of a batch


@dataclass(frozen=True)
class Detection:
    """The face found in an image."""

    points: Points  # [5, 2] float32, in the order of LANDMARK_NAMES
    score: float  # MTCNN's probability that this is a face
    alike: int = 1  # faces in the image about as large as this one, with it


def detect(
    images: Iterable[Image], device: torch.device | str, *, min_face_size: int = 40
) -> list[Detection | None]:
    """The face in each image, the portrait (largest) of several; None if MTCNN finds none.

    `images` are [H, W] gray or [H, W, 3] RGB, uint8; `min_face_size` is in pixels. Neighbouring
    images of equal size go through the networks in batches of at most MOST_PIXELS, which changes
    points by rounding only. On a CPU several threads work on a batch each; the result is the same
    for every number of threads. Images are taken as they are needed, some batches in advance.
    Convolutions keep full float32 precision, so that CPU and GPU agree.
    """
    found = _faces_by_image(images, device, min_face_size)
    return [
        replace(faces[0], alike=faces_alike(face.points for face in faces)) if faces else None
        for faces in found
    ]


def detect_all(
    images: Iterable[Image], device: torch.device | str, *, min_face_size: int = 40
) -> list[list[Detection]]:
    """All faces in each image, from left to right; images as `detect` takes them."""
    found = _faces_by_image(images, device, min_face_size)
    return [sorted(faces, key=lambda face: float(face.points[:, 0].mean())) for faces in found]


def _faces_by_image(
    images: Iterable[Image], device: torch.device | str, min_face_size: int
) -> list[list[Detection]]:
    """The faces in each image that are not mere patterns (SCORE_MARGIN), the largest first."""
    mtcnn = _load_mtcnn(device, min_face_size)

    def detected(batch: Image) -> list[list[Detection]]:
        if min(batch.shape[1:3]) * (SMALLEST_CELL / min_face_size) < SMALLEST_CELL:
            return [[] for _ in batch]  # MTCNN fails without any scale to search
        try:
            _, scores, points = mtcnn.detect(batch, landmarks=True)  # the largest face first
        except (IndexError, RuntimeError) as error:
            # facenet-pytorch fails if it follows a window that lies wholly outside an image
            if isinstance(error, RuntimeError) and "non-empty list" not in str(error):
                raise
            if len(batch) == 1:
                print(f"MTCNN fails on an image, which counts as one without a face ({error})")
                return [[]]
            return [faces for image in batch for faces in detected(image[None])]
        return [
            [
                Detection(np.asarray(face, np.float32) - MTCNN_OFFSET, float(score))
                for face, score in zip(faces, of_image, strict=True)
                if score >= max(of_image) - SCORE_MARGIN
            ]
            if faces is not None
            else []
            for faces, of_image in zip(points, scores, strict=True)
        ]

    on_cpu = torch.device(device).type == "cpu"
    threads = torch.get_num_threads() if on_cpu else 1
    # of the whole process: not to be touched where it has no effect
    full_precision = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with workers(threads) as pool, nullcontext() if on_cpu else full_precision:
        found = in_order(pool, detected, _equal_sized(images), ahead=threads)
        return [faces for by_image in found for faces in by_image]


@cache
def _load_mtcnn(device: torch.device | str, min_face_size: int) -> "MTCNN":
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(min_face_size=min_face_size, device=device)
    return mtcnn.to(memory_format=torch.channels_last)  # two thirds of the time on a CPU


def _equal_sized(images: Iterable[Image]) -> Iterator[Image]:
    """Runs of images of equal size as batches [B, H, W, 3], in order."""
    batch: list[Image] = []
    for image in images:
        rgb = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
        height, width, _ = rgb.shape
        most = max(1, MOST_PIXELS // (height * width))
        if len(batch) == most or (batch and rgb.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(rgb)
    if batch:
        yield np.stack(batch)


def detect_pairs(
    pairs: Sequence[Pair],
    device: torch.device | str,
    console: TextIO | None = None,
    *,
    min_face_size: int = 40,
) -> pd.DataFrame:
    """The landmark table of a subset's pairs as detected, with the column FACES: photo, then
    sketch, of each pair.

    Large images are searched in a copy of at most `images.LONGEST` pixels a side, and faces that
    may lie anywhere are then detected again (`look_closer`). Images without a face have no row, nor
    have those with points that no table may have, for example beyond the image's border: the log
    names both. `console` is shown the progress. No batch holds images of two splits: another test
    pair does not change the points of training pairs, not even by rounding.
    """
    faces: dict[tuple[str, Modality], Detection | None] = {}
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
            faces |= {(pair.id, m): face for (pair, m), face in zip(keys, detections, strict=True)}
    rows = []
    for pair, modality in product(pairs, MODALITIES):
        face = faces[pair.id, modality]
        if face is None:
            print(f"no face found in the {modality} of {pair.subset} {pair.id}")
        elif faults_of(face.points, *pair.size(modality)):
            print(f"{modality} of {pair.subset} {pair.id}: {NOT_UPRIGHT}")
        else:
            values = *face.points.ravel().tolist(), face.score, "mtcnn", face.alike
            rows.append((pair.id, modality, *values))
            if face.alike > 1:
                print(several_faces(face.alike, modality, pair))
    return pd.DataFrame(rows, columns=[*COLUMNS, FACES])


def look_closer(
    keys: Sequence[tuple[Pair, Modality]],
    detections: Sequence[Detection | None],
    device: torch.device | str,
) -> list[Detection | None]:
    """`mean_looks` at the pairs' images that have a face, a bounded number in memory at a time.

    `detections` have their points in pixels of the pairs' images, and so has the result.
    """
    closer: list[Detection | None] = []
    for start in range(0, len(keys), CLOSER_AT_ONCE):
        part = slice(start, start + CLOSER_AT_ONCE)
        faces = (
            (read_image(*key, colour=True), face)
            for key, face in zip(keys[part], detections[part], strict=True)
            if face
        )
        means = iter(mean_looks(faces, device))
        closer += [face and next(means) for face in detections[part]]
    return closer


def mean_looks(
    faces: Iterable[tuple[Image, Detection]], device: torch.device | str
) -> list[Detection]:
    """Each face of an image [H, W, 3] as the mean of what MTCNN finds in several pictures (LOOKS)
    that show the face upright at the usual place; unchanged if MTCNN finds nothing there."""
    sizes = [tuple(round(length * scale) for length in TEMPLATE_SIZE) for scale in LOOKS]
    goals = [template(size) for size in sizes]
    pictures: list[list[Image]] = [[] for _ in LOOKS]  # of each look, of all faces
    firsts, transforms = [], []  # of each face
    for image, face in faces:
        firsts.append(face)
        transforms.append([similarity(face.points, goal) for goal in goals])
        for of_look, transform, size in zip(pictures, transforms[-1], sizes, strict=True):
            of_look.append(resampled(image, transform, size))
    looks = [
        [_nearest(goal, found) for found in detect_all(of_look, device)]
        for of_look, goal in zip(pictures, goals, strict=True)
    ]
    means = []
    for first, own, seen in zip(firsts, transforms, zip(*looks, strict=True), strict=True):
        found = [
            Detection(transform.inverse()(look.points), look.score)
            for transform, look in zip(own, seen, strict=True)
            if look
        ] or [first]
        points = np.mean([one.points for one in found], axis=0).astype(np.float32)
        score = float(np.mean([one.score for one in found]))
        means.append(replace(first, points=points, score=score))
    return means


def _nearest(goal: Points, found: Sequence[Detection]) -> Detection | None:
    """The face nearest to points [5, 2], at most half of the distance between the eyes away:
    neighbours, even larger ones, may be in the picture too."""
    away = [float(np.hypot(*(face.points - goal).T).mean()) for face in found]
    limit = float(np.hypot(*(goal[1] - goal[0]))) / 2
    return found[int(np.argmin(away))] if away and min(away) < limit else None


def detector(
    device: torch.device | str, min_face_size: int
) -> Callable[[Sequence[Image]], list[Points | None]]:
    """A function from sketches to the points of each, None if MTCNN finds no face."""

    def detect_points(sketches: Sequence[Image]) -> list[Points | None]:
        faces = detect(sketches, device, min_face_size=min_face_size)
        return [face.points if face else None for face in faces]

    return detect_points
