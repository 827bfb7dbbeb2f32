"""Pairs, points and labels packed into one file per split, for training and inference.

Every image lies in the centre of a square frame and is padded with one value: black (0) in the
report that the experiment follows (Li Xiang, 2019 summary, HDUMIL-Gao-Group/Report).
`photosketch.training.tensors` is a module of its own, so that training depends on the packed file
but not on this code.
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
    _check(pairs, tables, labels, landmark_files, parsing_files)
    size = pairs[0].width, pairs[0].height  # dataset.size, which fits the frame
    assert max(size) <= frame and all((pair.width, pair.height) == size for pair in pairs)
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


def _check(
    pairs: Sequence[Pair],
    tables: Mapping[str, Any],
    labels: Mapping[str, Mapping[str, Labels]],
    landmark_files: Files,
    parsing_files: Files,
) -> None:
    """Raise InputError with every pair that lacks points or labels."""
    located = {
        subset: set(table.loc[table["modality"] == "photo", "id"])
        for subset, table in tables.items()
    }
    problems = []
    for pair in pairs:
        pixels, who = f"{pair.width}x{pair.height}", f"the photo of {pair.subset} {pair.id}"
        if pair.id not in located[pair.subset]:
            problems.append(
                f"{landmark_files[pair.subset]}: no points of {who}; delete it: it is written again"
            )
        label = labels[pair.subset].get(pair.id)
        if label is None or label.shape != (pair.height, pair.width):
            label_map = "no label map" if label is None else f"a label map of shape {label.shape}"
            problems.append(
                f"{parsing_files[pair.subset]}: {label_map} for {who} ({pixels}); delete it: it is "
                "written again"
            )
    if problems:
        raise InputError(problems)
