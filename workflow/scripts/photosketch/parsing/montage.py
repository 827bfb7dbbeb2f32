"""A montage of label maps beside their images, the worst first."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from photosketch.data import array_types
from photosketch.data.array_types import Labels, Points
from photosketch.data.pairs import MODALITIES, Pair, read_image
from photosketch.figures import contact_sheet
from photosketch.landmarks.table import points_by_image
from photosketch.parsing.labels import (
    BACKGROUND,
    CLASS_COLOURS,
    CLASSES,
    CLOTHES,
    EYES,
    MOUTH,
    NOSE,
    Parsings,
)

_OUTLINE = (220, 0, 0)  # of the head mask


class Doubt(NamedTuple):
    """Three signs of a bad label map, each from 0 (none) to 1. The head is without clothes."""

    border: float  # the share of its outline on the image's border: large if it holds background
    points: float  # the points' mean distance from their own classes, in eye distances, at most 1
    pieces: float  # 1 - 1 / n for a head in n pieces


def doubt_of(labels: Labels, points: Points | None) -> Doubt:
    """The doubt about the label map [H, W] of an image with these points [5, 2]. Without points (a
    sketch labelled by hand) `Doubt.points` is 0."""
    head = (labels != BACKGROUND) & (labels != CLOTHES)
    edge = head & ~ndimage.binary_erosion(head)  # outside the image counts as background
    on_border = edge.sum() - edge[1:-1, 1:-1].sum()
    distances = [0.0]
    if points is not None:
        eyes = np.linalg.norm(points[1] - points[0])
        places = [np.argwhere(labels == of)[:, ::-1] for of in (EYES, EYES, NOSE, MOUTH, MOUTH)]
        away = (np.hypot(*(place - point).T) for place, point in zip(places, points, strict=True))
        distances = [min(1.0, each.min(initial=np.inf) / eyes) for each in away]
    pieces, _ = ndimage.label(head)
    large = int((np.bincount(pieces.ravel())[1:] > 0.002 * head.sum()).sum())  # than a speck
    return Doubt(
        float(on_border / edge.sum()) if head.any() else 1.0,
        float(np.mean(distances)),
        1 - 1 / large if large else 1.0,
    )


def parsing_montage(
    subset: str, pairs: Sequence[Pair], parsings: Parsings, table: pd.DataFrame
) -> Image.Image:
    """Photo and sketch of some pairs of a subset, each also with its labels, the worst pairs first.

    `parsings` holds the label maps of all the pairs, `table` their points. The doubt about a pair
    is that of its more doubtful map: the sum of `Doubt`. Pairs whose sketch was not parsed come
    first. After the most doubtful pairs, evenly spaced pairs of the rest are shown.
    """
    maps = {modality: parsings.by_id(modality) for modality in MODALITIES}
    located = points_by_image(table)
    doubts = {
        pair.id: max(sum(doubt_of(maps[m][pair.id], located.get((pair.id, m)))) for m in MODALITIES)
        for pair in pairs
    } | dict.fromkeys(parsings.unparsed, math.inf)
    ordered = sorted(pairs, key=lambda pair: -doubts[pair.id])
    worst, rest = ordered[:20], ordered[20:]
    shown = worst + [rest[index] for index in contact_sheet.evenly_spaced(len(rest), 20)]
    groups = []
    for pair in shown:
        cells = []
        for modality in MODALITIES:
            image = read_image(pair, modality)
            tinted = labelled(image, maps[modality][pair.id])
            cells += [contact_sheet.cell(picture, 150) for picture in (image, tinted)]
        remark = _remark(pair.id, doubts[pair.id], parsings)
        groups.append(contact_sheet.Group(cells, pair.id, remark))
    title = f"{subset}: {len(shown)} of {len(pairs)} pairs, the most doubtful first"
    keys = [
        contact_sheet.Key(name, Image.new("RGB", (14, 14), colour))
        for name, colour in zip(CLASSES[1:], CLASS_COLOURS[1:], strict=True)
    ]
    outline = Image.new("RGB", (14, 14), _OUTLINE)
    outline.paste("white", (2, 2, 12, 12))
    keys.append(contact_sheet.Key("head mask", outline))
    return contact_sheet.sheet(title, groups, 3, keys)


def _remark(id: str, doubt: float, parsings: Parsings) -> str:
    """The doubt about a pair's maps, and which of them the parser did not make."""
    remarks = [f"doubt {doubt:.2f}" if math.isfinite(doubt) else "sketch not parsed"]
    marks = {"by segmentation (no face found)": parsings.fallback, "by hand": parsings.manual}
    for what, images in marks.items():
        if named := [modality for name, modality in images if name == id]:
            remarks.append(f"{' and '.join(named)} {what}")
    return ", ".join(remarks)


def labelled(image: array_types.Image, labels: Labels) -> array_types.Image:
    """A photo or sketch tinted by its labels [H, W], the head mask outlined: [H, W, 3] uint8."""
    colours = np.array(CLASS_COLOURS, np.float32)[labels]
    picture = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    head = labels != BACKGROUND
    tinted = np.where(head[..., None], picture * 0.55 + colours * 0.45, picture)
    outlines = contact_sheet.edges(labels)
    tinted[outlines] = colours[outlines]
    tinted[contact_sheet.edges(head)] = _OUTLINE
    return tinted.astype(np.uint8)
