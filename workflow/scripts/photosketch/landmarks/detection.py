"""Five facial points of photos and sketches, detected by MTCNN."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TextIO

import numpy as np
import pandas as pd
import torch

from photosketch.data.array_types import Image, Points
from photosketch.data.images import points_before, reduced
from photosketch.data.pairs import MODALITIES, SPLITS, Modality, Pair, read_image, select
from photosketch.geometry.resampling import resampled
from photosketch.geometry.similarity import TEMPLATE_SIZE, Similarity, similarity, template
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import in_order, workers
from photosketch.landmarks import mtcnn
from photosketch.landmarks.table import COLUMNS, faults_of

# MTCNN's points lie one pixel right of and below where it found them: it reads a crop at truncated
# corners (half a pixel on average) and counts from the edge, not the centre, of the first pixel.
# Measured on the 376 CUHK images: mirroring gives 1.05 px, whatever the scale (0.6 to 3 times), and
# comparing scales gives 1.0 px in x and in y.
MTCNN_OFFSET = 1.0
# Of several faces, those scoring this much less than the best are taken for patterns in hair or
# clothes; of the others the largest is the portrait. In CUFS no image has a second one.
SCORE_MARGIN = 0.1
# Faces that may lie anywhere are looked at again in pictures that show them as aligned ones, of so
# many times the usual size. Turned by up to 20 degrees and scaled by 0.5 to 3, what such a look
# finds is off by 0.69 px, the mean of four by 0.34 px (18 images of CUHK), in pixels of a face of
# the usual size; the first look is off by 1.0 px (48 images).
LOOKS = (0.9, 1.0, 1.1, 1.25)
CLOSER_AT_ONCE = 64  # images whose pictures are held
# Of a batch, as many as 32 images of 200x250 have: MTCNN's sums take 24 bytes for each.
MOST_PIXELS = 32 * 200 * 250


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
    """The face in each image, the portrait of several; None where MTCNN finds none (`mtcnn`).

    `images` are [H, W] gray or [H, W, 3] RGB, uint8. `min_face_size` in pixels; `thresholds` of
    the three networks. Neighbouring images of equal size go through the networks together,
    `batch_size` at a time, fewer where they are large (`MOST_PIXELS`), which changes no point by
    more than rounding. On a CPU as many batches as torch may use threads are worked on at a time,
    whatever their number alike. Images are taken as they are needed, some batches in advance.
    Convolutions keep full float32 precision, so that CPU and GPU agree.
    """
    found = _faces(images, device, min_face_size, thresholds, batch_size)
    return [
        _detection(faces, _portrait(faces.boxes, faces.scores)) if len(faces.boxes) else None
        for faces in found
    ]


def detect_all(
    images: Iterable[np.ndarray], device: torch.device | str, *, min_face_size: int = 40
) -> list[list[Detection]]:
    """All faces in each image, from left to right; images as `detect` takes them."""
    found = _faces(images, device, min_face_size)
    return [
        sorted(
            (_detection(faces, index) for index in _likely(faces.scores)),
            key=lambda face: float(face.points[:, 0].mean()),
        )
        for faces in found
    ]


def _faces(
    images: Iterable[np.ndarray],
    device: torch.device | str,
    min_face_size: int,
    thresholds: Sequence[float] = (0.6, 0.7, 0.7),
    batch_size: int = 32,
) -> list[mtcnn.Faces]:
    """What MTCNN finds in each image; arguments as of `detect`."""
    networks = mtcnn.load_networks(device)

    def detected(batch: np.ndarray) -> list[mtcnn.Faces]:
        if min(batch.shape[1:3]) < min_face_size:  # no scale of the pyramid is left
            return [mtcnn.NONE] * len(batch)
        pixels = torch.as_tensor(batch, device=device)
        return mtcnn.find_faces(networks, pixels, min_face_size, thresholds)

    threads = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    full_precision = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with full_precision, workers(threads) as pool:
        batches = _equal_sized(images, batch_size)
        found = in_order(pool, detected, batches, ahead=threads)
        return [faces for by_image in found for faces in by_image]


def _detection(faces: mtcnn.Faces, index: int) -> Detection:
    """One of several faces."""
    return Detection(faces.points[index] - MTCNN_OFFSET, float(faces.scores[index]))


def _equal_sized(images: Iterable[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Runs of images of equal size as batches [B, H, W, 3], in order."""
    batch: list[np.ndarray] = []
    for image in map(_rgb, images):
        height, width = image.shape[:2]
        most = max(1, min(batch_size, MOST_PIXELS // (height * width)))
        if len(batch) == most or (batch and image.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(image)
    if batch:
        yield np.stack(batch)


def _rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _likely(scores: np.ndarray) -> list[int]:
    """Which of several are faces, and not patterns that look a little like one."""
    return np.flatnonzero(scores >= scores.max(initial=0) - SCORE_MARGIN).tolist()


def _portrait(boxes: np.ndarray, scores: np.ndarray) -> int:
    """Which of several faces the portrait shows. Boxes [N, 4] (left, top, right, bottom)."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)  # [N]
    return max(_likely(scores), key=lambda index: areas[index])


def detect_pairs(
    pairs: Sequence[Pair],
    device: torch.device | str,
    console: TextIO | None = None,
    **options: Any,
) -> pd.DataFrame:
    """The landmark table of a subset's pairs as detected: photo, then sketch, of each pair.

    Large images are looked at in a copy of at most `images.LONGEST` pixels a side, and faces that
    may lie anywhere then again, closer (`look_closer`). Images without a face have no row, nor have
    those whose points cannot be, as where the image's border cuts a face: the log says why.
    `console` is told how far it is. `options` are the keyword arguments of `detect`. No batch holds
    images of two splits: a further test pair changes no point of the training pairs, not by
    rounding either.
    """
    faces: dict[tuple[str, Modality], Detection | None] = {}
    total = len(pairs) * len(MODALITIES)
    with Bar(f"detecting {pairs[0].subset}", total, console) as bar:

        def images(keys: Iterable[tuple[Pair, Modality]]) -> Iterator[np.ndarray]:
            for pair, modality in keys:
                yield reduced(read_image(pair, modality))
                bar.update()

        for split in SPLITS:
            keys = list(product(select(pairs, split=split), MODALITIES))
            found = detect(images(keys), device, **options)
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
            continue
        size = pair.size(modality)
        if faults := faults_of(face.points, *size):
            print(f"face in the {modality} of {pair.subset} {pair.id} left out: {faults[0]}")
        else:
            rows.append((pair.id, modality, *face.points.ravel().tolist(), face.score, "mtcnn"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def look_closer(
    keys: Sequence[tuple[Pair, Modality]],
    detections: Sequence[Detection | None],
    device: torch.device | str,
) -> list[Detection | None]:
    """The faces again, as the means of what MTCNN finds in pictures that show each upright, at the
    usual place and about as large as usual (LOOKS); as they were where it finds none there.

    `detections` have their points in pixels of the pairs' images, and so has the result.
    """
    closer: list[Detection | None] = []
    for start in range(0, len(keys), CLOSER_AT_ONCE):
        part = slice(start, start + CLOSER_AT_ONCE)
        faces = [
            (key, face) for key, face in zip(keys[part], detections[part], strict=True) if face
        ]
        means = iter(_mean_looks(faces, device))
        closer += [face and next(means) for face in detections[part]]
    return closer


def _mean_looks(
    faces: Sequence[tuple[tuple[Pair, Modality], Detection]], device: torch.device | str
) -> list[Detection]:
    """What `look_closer` gives for images with a face, all their pictures held at a time."""
    images = (read_image(pair, modality, colour=True) for (pair, modality), _ in faces)
    return mean_looks(zip(images, (face for _, face in faces), strict=True), device)


def mean_looks(
    faces: Iterable[tuple[Image, Detection]], device: torch.device | str
) -> list[Detection]:
    """Each face of an image [H, W, 3] as the mean of several looks at it (LOOKS), by pictures that
    show it upright; as it was where MTCNN finds none in its place there. Images are taken one by
    one."""
    width, height = TEMPLATE_SIZE
    sizes = [(round(width * scale), round(height * scale)) for scale in LOOKS]
    goals = [template(size) for size in sizes]
    first: list[Detection] = []
    ways: list[list[Similarity]] = []  # of each face, of each look
    pictures: list[list[Image]] = [[] for _ in sizes]  # of each look, of all faces
    for image, face in faces:
        first.append(face)
        ways.append([similarity(face.points, goal) for goal in goals])
        for look, (way, size) in enumerate(zip(ways[-1], sizes, strict=True)):
            pictures[look].append(resampled(image, way, size))
    seen = [
        [_at(goal, found) for found in detect_all(of_look, device)]
        for of_look, goal in zip(pictures, goals, strict=True)
    ]
    means = []
    for face, own, looks in zip(first, ways, zip(*seen, strict=True), strict=True):
        found = [
            Detection(way.inverse()(look.points), look.score)
            for way, look in zip(own, looks, strict=True)
            if look
        ] or [face]
        points = np.mean([one.points for one in found], axis=0).astype(np.float32)
        means.append(Detection(points, float(np.mean([one.score for one in found]))))
    return means


def _at(goal: Points, found: Sequence[Detection]) -> Detection | None:
    """Of several faces that whose points [5, 2] are where they should be, to half of the distance
    between the eyes: neighbours may be seen too, and larger."""
    if not found:
        return None
    away = [float(np.hypot(*(face.points - goal).T).mean()) for face in found]
    nearest = int(np.argmin(away))
    return found[nearest] if away[nearest] < np.hypot(*(goal[1] - goal[0])) / 2 else None


def detector(
    device: torch.device | str, min_face_size: int
) -> Callable[[Sequence[Image]], list[Points | None]]:
    """A function from sketches to the points of each, None where MTCNN sees no face."""

    def detect_points(sketches: Sequence[Image]) -> list[Points | None]:
        faces = detect(sketches, device, min_face_size=min_face_size)
        return [face.points if face else None for face in faces]

    return detect_points
