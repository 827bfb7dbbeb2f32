"""Pairs, points and labels packed into one file per split, for training and inference.

Every image lies in the centre of a square frame and is padded with one value: black (0) in the
report that the experiment follows (Li Xiang, 2019 summary, HDUMIL-Gao-Group/Report). Training
depends on the packed file (`packed`, `tensors`), but not on this code.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from photosketch.data.array_types import Points
from photosketch.data.pairs import Pair, read_image, select
from photosketch.data.storage import Streamed
from photosketch.jobs.messages import InputError
from photosketch.landmarks.table import read_landmarks, stack_points, without_points
from photosketch.parsing.labels import read_photo_labels
from photosketch.training.samples import ids_and_subsets

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
    """The arrays of one split, in the order of `pairs`.

    `landmark_files` and `parsing_files` name each subset's CSV and NPZ; `frame` is F, the side of
    the frame in pixels. Images and labels are `storage.Streamed`, so that only one of them is in
    memory at a time:

    ids, subset [N] str
    photo     [N, F, F, 3] uint8
    sketch    [N, F, F, sketch_channels] uint8: gray for 1 channel, RGB for 3
    landmarks [N, 5, 2] float32, the photo's points (x, y) in frame pixels
    parsing   [N, F, F] uint8, the photo's labels; padding is background (0)
    size      [2] (width, height) of the images; offset [2] (x, y) of their top left pixel
    pad_value 0-d, the padding of photo and sketch (0 to 255)

    Raises InputError with every pair that lacks points or labels.
    """
    if not pairs:
        raise InputError(["a split has no pairs: dataset.pairs needs rows of split train and test"])
    tables = {subset: read_landmarks(path) for subset, path in landmark_files.items()}
    labels = {subset: read_photo_labels(path) for subset, path in parsing_files.items()}
    unlocated = {
        pair
        for subset, table in tables.items()
        for pair in without_points(select(pairs, subset), table, "photo")
    }
    problems = []
    for pair in pairs:
        faults, label = [], labels[pair.subset].get(pair.id)
        if pair in unlocated:
            faults.append(f"{landmark_files[pair.subset]}: no points")
        if label is None or label.shape != (pair.height, pair.width):
            faults.append(f"{parsing_files[pair.subset]}: no label map {pair.width}x{pair.height}")
        problems += [
            f"{fault} for the photo of {pair.subset} {pair.id}; delete it: it is written again"
            for fault in faults
        ]
    if problems:
        raise InputError(problems)
    size = pairs[0].width, pairs[0].height  # dataset.size, which fits the frame
    assert max(size) <= frame and all((pair.width, pair.height) == size for pair in pairs)

    def streamed(picture: Callable[[Pair], np.ndarray], fill: int, *channels: int) -> Streamed:
        shape = (len(pairs), frame, frame, *channels)
        return Streamed(shape, lambda: (framed(picture(pair), frame, fill) for pair in pairs))

    def sketch(pair: Pair) -> np.ndarray:
        return np.atleast_3d(read_image(pair, "sketch", colour=sketch_channels == 3))

    ids, subset = ids_and_subsets(pairs)
    return {
        "ids": ids,
        "subset": subset,
        "photo": streamed(lambda pair: read_image(pair, "photo"), pad_value, 3),
        "sketch": streamed(sketch, pad_value, sketch_channels),
        "landmarks": in_frame(stack_points(pairs, tables, "photo"), size, frame),
        "parsing": streamed(lambda pair: labels[pair.subset][pair.id], 0),
        "size": np.array(size),
        "offset": np.array(offset(size, frame)),
        "pad_value": np.array(pad_value),
    }


def offset(size: Sequence[int], frame: int) -> tuple[int, int]:
    """The place (x, y) in its frame of the top left pixel of an image of `size` (width, height)."""
    width, height = size
    return (frame - width) // 2, (frame - height) // 2


def framed(pixels: np.ndarray, frame: int, fill: int) -> np.ndarray:
    """An image [H, W, ...] uint8 in the middle of a frame [F, F, ...] filled with `fill`."""
    height, width = pixels.shape[:2]
    x, y = offset((width, height), frame)
    canvas = np.full((frame, frame, *pixels.shape[2:]), fill, np.uint8)
    canvas[y : y + height, x : x + width] = pixels
    return canvas


def in_frame(points: Points, size: Sequence[int], frame: int) -> Points:
    """Points [..., 2] of images of `size` (width, height) in frame pixels, float32."""
    return (points + np.array(offset(size, frame))).astype(np.float32)
