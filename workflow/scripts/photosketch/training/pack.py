"""Pairs, points and labels packed into one file per split, for training and inference.

Every image lies in the centre of a square frame, padded with one value: zeros,
black, in the report that the experiment follows (Li Xiang, 2019 summary, HDUMIL-Gao-Group/Report).
Apart from `photosketch.training.tensors`, so that training depends on the packed file and not on
how it was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.data.array_types import Labels, Points
from photosketch.data.pairs import Pair, read_image
from photosketch.data.storage import Streamed
from photosketch.jobs.job import InputError
from photosketch.landmarks.table import points_of, read_landmarks
from photosketch.parsing.labels import read_photo_labels

Files = Mapping[str, Path | str]


def pack(
    pairs: Sequence[Pair],
    landmark_files: Files,
    parsing_files: Files,
    *,
    frame: int,
    pad_value: int,
    sketch_channels: int,
) -> dict[str, Any]:
    """The arrays of one split, in the order of `pairs`. Images and labels are `storage.Streamed`,
    so that no more than one of them is in memory.

    `landmark_files` and `parsing_files` name each subset's CSV and NPZ; `frame` is F, the side of
    the frame in pixels. The result:

    ids, subset [N] str
    photo     [N, F, F, 3] uint8
    sketch    [N, F, F, sketch_channels] uint8: gray for 1 channel, RGB for 3
    landmarks [N, 5, 2] float32, the photo's points (x, y) in frame pixels
    parsing   [N, F, F] uint8, the photo's labels; padding is background (0)
    size      [2] (width, height) of the images; offset [2] (x, y) of their top left pixel
    pad_value 0-d, the padding of photo and sketch (0 to 255)

    Raises InputError with every pair that has no points or labels, or does not fit the frame.
    """
    if not pairs:
        raise InputError(["a split has no pairs: dataset.pairs needs rows of split train and test"])
    tables = {subset: read_landmarks(path) for subset, path in landmark_files.items()}
    labels = {subset: read_photo_labels(path) for subset, path in parsing_files.items()}
    _check(pairs, tables, labels, landmark_files, parsing_files, frame)

    size = pairs[0].width, pairs[0].height
    frames = len(pairs), frame, frame

    def photos() -> Iterator[np.ndarray]:
        for pair in pairs:
            yield framed(read_image(pair, "photo"), frame, pad_value)

    def sketches() -> Iterator[np.ndarray]:
        for pair in pairs:
            pixels = read_image(pair, "sketch", colour=sketch_channels == 3)
            yield framed(pixels.reshape(*pixels.shape[:2], -1), frame, pad_value)

    def label_maps() -> Iterator[np.ndarray]:
        for pair in pairs:
            yield framed(labels[pair.subset][pair.id], frame, 0)

    located = np.stack([points_of(tables[pair.subset], pair.id, "photo") for pair in pairs])
    return {
        "ids": np.array([pair.id for pair in pairs]),
        "subset": np.array([pair.subset for pair in pairs]),
        "photo": Streamed((*frames, 3), photos),
        "sketch": Streamed((*frames, sketch_channels), sketches),
        "landmarks": in_frame(located, size, frame),
        "parsing": Streamed(frames, label_maps),
        "size": np.array(size),
        "offset": np.array(offset(size, frame)),
        "pad_value": np.array(pad_value),
    }


def offset(size: Sequence[int], frame: int) -> tuple[int, int]:
    """Where the top left pixel of an image of `size` (width, height) lies in its frame: (x, y)."""
    width, height = size
    return (frame - width) // 2, (frame - height) // 2


def framed(pixels: np.ndarray, frame: int, fill: int) -> np.ndarray:
    """An image [H, W, ...] uint8 in the middle of a frame [F, F, ...] of the value `fill`."""
    height, width = pixels.shape[:2]
    x, y = offset((width, height), frame)
    canvas = np.full((frame, frame, *pixels.shape[2:]), fill, np.uint8)
    canvas[y : y + height, x : x + width] = pixels
    return canvas


def in_frame(points: Points, size: Sequence[int], frame: int) -> Points:
    """Points [..., 2] of images of `size` (width, height) in frame pixels, float32."""
    return (points + np.array(offset(size, frame))).astype(np.float32)


def _check(
    pairs: Sequence[Pair],
    tables: Mapping[str, Any],
    labels: Mapping[str, Mapping[str, Labels]],
    landmark_files: Files,
    parsing_files: Files,
    frame: int,
) -> None:
    """Raise InputError with everything that keeps the pairs from being packed."""
    problems = []
    located = {
        subset: set(table.loc[table["modality"] == "photo", "id"])
        for subset, table in tables.items()
    }
    expected = (pairs[0].width, pairs[0].height)
    if max(expected) > frame:
        problems.append(
            f"{pairs[0].photo}: {expected[0]}x{expected[1]} pixels do not fit the "
            f"{frame}x{frame} frame; give smaller images"
        )
    for pair in pairs:
        if (pair.width, pair.height) != expected:
            problems.append(
                f"{pair.photo}: {pair.width}x{pair.height} pixels, but "
                f"{expected[0]}x{expected[1]} in {pairs[0].photo}; give images of one size"
            )
        if pair.id not in located.get(pair.subset, ()):
            problems.append(
                f"{landmark_files.get(pair.subset, 'landmarks')}: no points of the photo of "
                f"{pair.subset} {pair.id}; delete it: it is written again"
            )
        label = labels.get(pair.subset, {}).get(pair.id)
        if label is None or label.shape != (pair.height, pair.width):
            label_map = "no label map" if label is None else f"a label map of shape {label.shape}"
            problems.append(
                f"{parsing_files.get(pair.subset, 'parsing')}: {label_map} for the photo of "
                f"{pair.subset} {pair.id} ({pair.width}x{pair.height}); delete it: it is "
                "written again"
            )
    if problems:
        raise InputError(problems)
