"""A look at every point: how unusual it is for its subset, where it came from, and a montage."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from photosketch.configuration.settings import FRAMES
from photosketch.data import array_types
from photosketch.data.pairs import MODALITIES, Pair, select
from photosketch.figures import contact_sheet
from photosketch.geometry.similarity import TEMPLATE, similarity
from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES, points_by_image, without_points

SOURCES = ("mtcnn", "manual", "facepp")
COLOURS = {"mtcnn": "#0072B2", "manual": "#D55E00", "facepp": "#009E73"}  # Okabe & Ito 2008
# Distances, in spreads, beyond which a face is flagged. Of the 376 CUHK images, which all are
# right, the furthest is at 3.4.
FAR = 4.0
MIN_SPREAD = 1.0  # pixels: below this all faces agree, and small differences mean nothing

_ACROSS, _CELL = 12, 120  # images in a row; width of an image in pixels
_ANY_SIZE = (4, 5)  # width and height in proportion, of cells for images of several sizes


def distances(points: np.ndarray) -> np.ndarray:
    """How far each face is from the usual shape, in units of the spread: [N, 5, 2] -> [N].

    The shape is the median of each coordinate, a face's distance from it the root mean square over
    its points, and the spread the median distance: outliers move none of them.
    """
    if not len(points):
        return np.zeros(0)  # a modality without images has no median
    shape = np.median(points, axis=0)  # [5, 2]
    pixels = np.sqrt(((points - shape) ** 2).sum(axis=2).mean(axis=1))  # [N]
    return pixels / max(float(np.median(pixels)), MIN_SPREAD)


def reviewed(table: pd.DataFrame, *, aligns: bool = False) -> pd.DataFrame:
    """A subset's table with the columns `distance` and `far`: by modality, outliers first.

    With `aligns` faces may lie anywhere in their images, and are compared as alignment shows them.
    """
    tables = []
    for modality in MODALITIES:
        part = table[table["modality"] == modality]
        values = part[list(COORDINATES)].to_numpy(float).reshape(-1, len(LANDMARK_NAMES), 2)
        if aligns:
            values = np.array([similarity(face, TEMPLATE)(face) for face in values])
        distance = distances(values)
        part = part.assign(distance=distance, far=distance > FAR)
        tables.append(part.sort_values("distance", ascending=False, kind="stable"))
    return pd.concat(tables, ignore_index=True)


def counts(tables: Mapping[str, pd.DataFrame], pairs: Sequence[Pair]) -> pd.DataFrame:
    """Images by subset, modality and source, how many lie far outside, of `reviewed` tables, and
    how many of the pairs' images have no points."""
    rows = []
    for subset, table in tables.items():
        for modality in MODALITIES:
            part = table[table["modality"] == modality]
            by_source = {name: int((part["source"] == name).sum()) for name in SOURCES}
            far = int(part["far"].sum())
            unlocated = without_points(select(pairs, subset), table, modality)
            rows.append(
                {
                    "subset": subset,
                    "modality": modality,
                    **by_source,
                    "far_outside": far,
                    "without_points": len(unlocated),
                }
            )
    return pd.DataFrame(rows)


def photo_points(table: pd.DataFrame) -> dict[str, array_types.Points]:
    """The points [5, 2] of the photos, by id."""
    located = points_by_image(table)
    return {id: points for (id, modality), points in located.items() if modality == "photo"}


def montage(
    title: str,
    table: pd.DataFrame,
    images: Iterable[array_types.Image],
    unlocated: Iterable[tuple[str, array_types.Image]],
    framed: Mapping[str, array_types.Points],
    size: tuple[int, int] | None = None,
    frame: int = FRAMES[0],
) -> Image.Image:
    """First the images without points, each with its id, then those with points, in the order of
    the rows of a `reviewed` table. One is held at a time.

    Images are gray [H, W] or RGB [H, W, 3], uint8, of one `size` (width, height); without it each
    is shown as large as fits into a cell. `framed` holds points [5, 2] by id, of the photos, around
    which the local networks' rectangles are drawn, in a frame of `frame` pixels a side.
    """
    width, height = size or _ANY_SIZE
    box = (_CELL, round(_CELL * height / width))
    groups = [
        contact_sheet.Group([contact_sheet.fitted(image, *box)[0]], name, "no points")
        for name, image in unlocated
    ]
    without = len(groups)
    for image, row in zip(images, table.to_dict("records"), strict=True):
        cell, scale = contact_sheet.fitted(image, *box)
        if row["id"] in framed:
            image_size = image.shape[1], image.shape[0]
            contact_sheet.rectangles(
                ImageDraw.Draw(cell), framed[row["id"]], image_size, scale, frame
            )
        for name in LANDMARK_NAMES:
            x, y = ((row[f"{name}_{axis}"] + 0.5) * scale for axis in "xy")
            contact_sheet.cross(ImageDraw.Draw(cell), x, y, COLOURS[row["source"]])
        remark = f"{row['source']}, {row['distance']:.1f}" + (": far" if row["far"] else "")
        groups.append(contact_sheet.Group([cell], str(row["id"]), remark, alarm=row["far"]))
    return contact_sheet.sheet(title, groups, _ACROSS, _legend(table, without, bool(framed)))


def _legend(table: pd.DataFrame, unlocated: int, framed: bool) -> list[contact_sheet.Key]:
    """How many images each source has, how many are far outside or without points, and what the
    rectangles are."""
    keys = []
    counted = table["source"].value_counts()
    for source in (source for source in SOURCES if source in counted):
        keys.append(
            contact_sheet.Key(
                f"{source}: {counted[source]}", contact_sheet.cross_key(COLOURS[source])
            )
        )
    if framed:
        keys.append(contact_sheet.Key("what the local networks see", contact_sheet.rectangle_key()))
    far = int(table["far"].sum())
    text = f"{far} far outside (over {FAR:g} spreads)" if far else "none far outside"
    keys.append(contact_sheet.Key(text, colour=contact_sheet.ALARM if far else contact_sheet.FAINT))
    if unlocated:
        keys.append(contact_sheet.Key(f"{unlocated} without points"))
    return keys
