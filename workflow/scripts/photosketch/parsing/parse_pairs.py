"""Label maps of all pairs of a subset, by segmentation or by a learned network."""

from collections.abc import Container, Iterator, Sequence
from contextlib import nullcontext
from typing import TextIO

import numpy as np
import pandas as pd

from photosketch.data.array_types import Labels, Points
from photosketch.data.pairs import MODALITIES, SPLITS, Modality, Pair, read_image
from photosketch.jobs.progress import Bar
from photosketch.jobs.threads import in_order, workers
from photosketch.landmarks.table import points_of, require_photo_points, without_points
from photosketch.parsing.bisenet import Parser
from photosketch.parsing.labels import BROWS, EYES, MOUTH, NOSE, SKIN, Parsings
from photosketch.parsing.segmentation import parse_segmentation

Batch = tuple[list[int], Modality]  # positions of pairs, and which of their images


def parse_pairs(
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    parser: Parser | None = None,
    *,
    fallback: bool = False,
    threads: int = 1,
    console: TextIO | None = None,
) -> Parsings:
    """Parse photo and sketch of each pair with the points of a landmark table.

    All images have one size. Without a `parser`, `parse_segmentation` labels them, `threads` at a
    time; the labels are the same for every number of threads. A network gets batches of images of
    one split. If it finds no face in an image, then with `fallback` `parse_segmentation` labels the
    image, else the labels are 0. `Parsings` lists these images, and the sketches without points.
    `console` shows the progress. Raises InputError with every photo that has no points.
    """
    require_photo_points(pairs, table)
    unparsed = {pair.id for pair in without_points(pairs, table, "sketch")}
    faceless: set[str] = set()
    fallen_back: list[tuple[str, str]] = []
    shape = len(pairs), pairs[0].height, pairs[0].width
    maps = {modality: np.zeros(shape, np.uint8) for modality in MODALITIES}

    def parsed(batch: Batch) -> list[Labels]:
        places, modality = batch
        ids = [pairs[place].id for place in places]
        images = [read_image(pairs[place], modality) for place in places]
        points = [points_of(table, id, modality) for id in ids]
        if parser is None:
            return [*map(parse_segmentation, images, points)]
        found = parser.parse(images)
        for index, id in enumerate(ids):
            if finds_face(found[index], points[index]):
                continue
            if fallback:
                found[index] = parse_segmentation(images[index], points[index])
                fallen_back.append((id, modality))
            else:
                found[index] = np.zeros_like(found[index])
                (unparsed if modality == "sketch" else faceless).add(id)
        return found

    batches = [*_batches(pairs, frozenset(unparsed), 4 if parser else 1)]
    total = sum(len(places) for places, _ in batches)
    pooled = nullcontext() if parser else workers(threads)  # a network has threads of its own
    with pooled as pool, Bar(f"parsing {pairs[0].subset}", total, console) as bar:
        labels = in_order(pool, parsed, batches, 2 * threads) if pool else map(parsed, batches)
        for (places, modality), found in zip(batches, labels, strict=True):
            maps[modality][places] = found
            bar.update(len(places))
    ids = tuple(pair.id for pair in pairs)
    return Parsings(
        ids,
        maps["photo"],
        maps["sketch"],
        fallback=tuple(sorted(fallen_back, key=lambda image: ids.index(image[0]))),
        unparsed=tuple(id for id in ids if id in unparsed),
        faceless=tuple(id for id in ids if id in faceless),
    )


def _batches(pairs: Sequence[Pair], without_sketch: Container[str], size: int) -> Iterator[Batch]:
    """Batches of up to `size` photos of one split, each followed by the sketches of its pairs."""
    for split in SPLITS:
        members = [place for place, pair in enumerate(pairs) if pair.split == split]
        for start in range(0, len(members), size):
            places = members[start : start + size]
            yield places, "photo"
            if sketched := [place for place in places if pairs[place].id not in without_sketch]:
                yield sketched, "sketch"


def finds_face(labels: Labels, points: Points) -> bool:
    """Whether skin and features cover enough for a face with these points: 1.5 squared distances
    between the eyes, of about six that a face covers."""
    face = np.isin(labels, (SKIN, BROWS, EYES, NOSE, MOUTH))
    return bool(face.sum() >= 1.5 * ((points[1] - points[0]) ** 2).sum())
