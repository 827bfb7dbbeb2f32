"""Review all points: how unusual a face is in its subset, the points' sources, and a montage."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image, select
from photosketch.figures import contact_sheet
from photosketch.figures.contact_sheet import Group, Key
from photosketch.geometry.similarity import TEMPLATE, similarity
from photosketch.landmarks.table import COORDINATES, FACES, points_by_image, without_points

# colours of the sources; Okabe & Ito 2008
COLOURS = {"mtcnn": "#0072B2", "manual": "#D55E00", "facepp": "#009E73", "mesh": "#E69F00"}
# The distance, in spreads, above which a face is flagged. The 376 CUHK images have correct points
# and distances up to 3.4.
FAR = 4.0
MIN_SPREAD = 1.0  # pixels: with a smaller spread, small differences would seem large

_ACROSS, _CELL = 12, 120  # images in a row; width of an image in pixels
_ANY_SIZE = (4, 5)  # proportion of width and height of cells if images have several sizes


def distances(points: np.ndarray) -> np.ndarray:
    """The distance of each face from the usual shape, in units of the spread: [N, 5, 2] -> [N].

    The usual shape is the median of each coordinate. A face's distance is the root mean square over
    its points, and the spread is the median distance. Outliers hardly change these medians.
    """
    if not len(points):
        return np.zeros(0)  # a modality without images has no median
    shape = np.median(points, axis=0)  # [5, 2]
    pixels = np.sqrt(((points - shape) ** 2).sum(axis=2).mean(axis=1))  # [N]
    return pixels / max(float(np.median(pixels)), MIN_SPREAD)


def reviewed(
    table: pd.DataFrame, found: Sequence[pd.DataFrame] = (), *, aligns: bool = False
) -> pd.DataFrame:
    """A subset's table with the columns `distance`, `far` and FACES: by modality, outliers first.

    `found` are the tables of detectors, which have FACES for the images whose points they found.
    With `aligns` faces may lie anywhere in their images, so they are aligned before the comparison.
    """
    tables = []
    for modality in MODALITIES:
        part = table[table["modality"] == modality]
        values = part[list(COORDINATES)].to_numpy(float).reshape(-1, 5, 2)
        if aligns:
            values = np.array([similarity(face, TEMPLATE)(face) for face in values])
        distance = distances(values)
        part = part.assign(distance=distance, far=distance > FAR)
        tables.append(part.sort_values("distance", ascending=False, kind="stable"))
    keys = ["id", "modality", "source"]
    nothing = pd.DataFrame(columns=keys)
    faces = pd.concat(one.reindex(columns=[*keys, FACES]) for one in [*found, nothing])
    whole = pd.concat(tables, ignore_index=True).merge(faces, on=keys, how="left")
    return whole.assign(**{FACES: whole[FACES].astype(float).fillna(1).astype(int)})


def counts(tables: Mapping[str, pd.DataFrame], pairs: Sequence[Pair]) -> pd.DataFrame:
    """The number of images by subset, modality and source, in `reviewed` tables; also how many lie
    far outside, have several faces of about the same size, or have no points."""
    rows = []
    for (subset, table), modality in product(tables.items(), MODALITIES):
        part = table[table["modality"] == modality]
        sources = [(part["source"] == name).sum() for name in COLOURS]
        without = len(without_points(select(pairs, subset), table, modality))
        flagged = part["far"].sum(), (part[FACES] > 1).sum()
        rows.append((subset, modality, *sources, *flagged, without))
    names = "far_outside", "several_faces", "without_points"
    return pd.DataFrame(rows, columns=["subset", "modality", *COLOURS, *names])


def montage(
    pairs: Sequence[Pair], table: pd.DataFrame, modality: Modality, *, aligns: bool, frame: int
) -> Image.Image:
    """A montage of a subset's photos or sketches: first the images without points, then those with
    points in the order of a `reviewed` table. One image is in memory at a time. Without `aligns` it
    shows the local networks' rectangles, in a frame of `frame` pixels a side."""
    by_id = {pair.id: pair for pair in pairs}
    rows = table[table["modality"] == modality]
    located = points_by_image(table)
    sizes = {pair.size(modality) for pair in pairs}
    width, height = sizes.pop() if len(sizes) == 1 else _ANY_SIZE
    box = (_CELL, round(_CELL * height / width))
    groups = []
    for pair in without_points(pairs, table, modality):
        cell, _ = contact_sheet.fitted(read_image(pair, modality), *box)
        groups.append(Group([cell], pair.id, "no points"))
    without = len(groups)
    for row in rows.itertuples():
        pair = by_id[row.id]
        cell, scale = contact_sheet.fitted(read_image(pair, modality), *box)
        pen = ImageDraw.Draw(cell)
        if not aligns and (pair.id, "photo") in located:
            size, photo = pair.size(modality), located[pair.id, "photo"]
            contact_sheet.rectangles(pen, photo, size, scale, frame)
        for x, y in (located[pair.id, modality] + 0.5) * scale:
            contact_sheet.cross(pen, x, y, COLOURS[row.source])
        remark = f"{row.source}, {row.distance:.1f}" + (": far" if row.far else "")
        remark += f", {row.faces} faces" if row.faces > 1 else ""
        groups.append(Group([cell], pair.id, remark, alarm=row.far or row.faces > 1))
    legend = [
        Key(f"{source}: {count}", contact_sheet.cross_key(COLOURS[source]))
        for source in COLOURS
        if (count := int((rows["source"] == source).sum()))
    ]
    if not aligns:
        legend.append(Key("what the local networks see", contact_sheet.rectangle_key()))
    far = rows["far"].sum()
    text = f"{far} far outside (over {FAR:g} spreads)" if far else "none far outside"
    legend.append(Key(text, colour=contact_sheet.ALARM if far else contact_sheet.FAINT))
    if without:
        legend.append(Key(f"{without} without points"))
    title = f"{pairs[0].subset}: {modality}, five points"
    return contact_sheet.sheet(title, groups, _ACROSS, legend)
