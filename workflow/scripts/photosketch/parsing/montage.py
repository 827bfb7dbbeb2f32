"""A montage of label maps, for the eye: what was parsed, beside the images."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from photosketch.data import array_types
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.figures import contact_sheet
from photosketch.landmarks.table import points_of
from photosketch.parsing.label_quality import doubt_of
from photosketch.parsing.labels import BACKGROUND, CLASSES, Parsings
from photosketch.parsing.palette import CLASS_COLOURS

if TYPE_CHECKING:
    import pandas as pd

OUTLINE = (220, 0, 0)  # of the head mask
_TINT = 0.45
_MOST_SHOWN, _DOUBTFUL = 40, 20  # pairs; of them those that are shown because they are doubtful
_ACROSS, _CELL = 3, 150  # pairs in a row; width of an image in pixels


def parsing_montage(
    subset: str, pairs: Sequence[Pair], parsings: Parsings, table: "pd.DataFrame"
) -> Image.Image:
    """Some pairs of a subset, the most doubtful first: photo and sketch, each beside itself with
    its labels.

    `parsings` holds the label maps of all the pairs, `table` their points. A pair is as doubtful as
    the more doubtful of its two maps (`doubt.Doubt.total`, drawn by hand or not); pairs whose
    sketch was not parsed come before all others. Behind the worst, every so many of the rest are
    shown.
    """
    maps = {modality: parsings.by_id(modality) for modality in MODALITIES}
    doubts = {pair.id: _doubt(pair.id, maps, parsings, table) for pair in pairs}
    ordered = sorted(pairs, key=lambda pair: -doubts[pair.id])
    worst, rest = ordered[:_DOUBTFUL], ordered[_DOUBTFUL:]
    shown = worst + [
        rest[index] for index in contact_sheet.evenly_spaced(len(rest), _MOST_SHOWN - _DOUBTFUL)
    ]
    groups = []
    for pair in shown:
        images = []
        for modality in MODALITIES:
            image = read_image(pair, modality)
            images += [image, labelled(image, maps[modality][pair.id])]
        cells = [contact_sheet.cell(image, _CELL) for image in images]
        groups.append(
            contact_sheet.Group(cells, pair.id, _remark(pair.id, doubts[pair.id], parsings))
        )
    title = f"{subset}: {len(shown)} of {len(pairs)} pairs, the most doubtful first"
    return contact_sheet.sheet(title, groups, _ACROSS, _legend())


def _doubt(
    id: str,
    maps: Mapping[Modality, Mapping[str, array_types.Labels]],
    parsings: Parsings,
    table: "pd.DataFrame",
) -> float:
    """How doubtful the label maps of a pair are; infinite where its sketch has none."""
    if id in parsings.unparsed:
        return math.inf
    located = set(table.loc[table["id"] == id, "modality"])
    doubts = []
    for modality in MODALITIES:
        points = points_of(table, id, modality) if modality in located else None
        doubts.append(doubt_of(maps[modality][id], points).total)
    return max(doubts)


def _remark(id: str, doubt: float, parsings: Parsings) -> str:
    """How doubtful a pair's maps are, and which of them are not the parser's."""
    remarks = [f"doubt {doubt:.2f}" if math.isfinite(doubt) else "sketch not parsed"]
    marks = {"by grabcut (no face found)": parsings.fallback, "by hand": parsings.manual}
    for what, images in marks.items():
        if named := [modality for name, modality in images if name == id]:
            remarks.append(f"{' and '.join(named)} {what}")
    return ", ".join(remarks)


def labelled(image: array_types.Image, labels: array_types.Labels) -> array_types.Image:
    """A photo or sketch tinted by its labels [H, W], the head mask outlined: [H, W, 3] uint8."""
    colours = np.array(CLASS_COLOURS, np.float32)[labels]
    picture = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    head = labels != BACKGROUND
    tinted = np.where(head[..., None], picture * (1 - _TINT) + colours * _TINT, picture)
    outlines = contact_sheet.edges(labels)
    tinted[outlines] = colours[outlines]
    tinted[contact_sheet.edges(head)] = OUTLINE
    return tinted.astype(np.uint8)


def _legend() -> list[contact_sheet.Key]:
    """The colours of the classes, then the outline of the head mask."""
    keys = [
        contact_sheet.Key(name, Image.new("RGB", (14, 14), colour))
        for name, colour in zip(CLASSES, CLASS_COLOURS, strict=True)
        if name != CLASSES[BACKGROUND]
    ]
    outline = Image.new("RGB", (14, 14), OUTLINE)
    outline.paste("white", (2, 2, 12, 12))
    return [*keys, contact_sheet.Key("head mask", outline)]
