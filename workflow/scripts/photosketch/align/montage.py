"""A montage of aligned faces: those farthest from the usual shape first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from photosketch.align.files import Alignment
from photosketch.data.pairs import MODALITIES, Pair, read_image
from photosketch.figures import contact_sheet
from photosketch.geometry.similarity import template
from photosketch.landmarks.table import points_by_image

POINT = "#0072B2"  # Okabe & Ito 2008
BLURRED = 2.0  # pictures enlarged by more than this are marked
_MOST_SHOWN, _ACROSS, _CELL = 60, 4, 150  # pairs; pairs in a row; width of an image in pixels


def aligned_montage(
    subset: str, pairs: Sequence[Pair], table: pd.DataFrame, alignment: Alignment, frame: int
) -> Image.Image:
    """Photo and sketch of pairs, with their points and the four rectangles around the photo's.

    `table` has the points in the aligned pictures; a sketch may have none. `frame` is the side of
    the networks' frame. Of many pairs, those farthest from the usual place are shown.
    """
    located = points_by_image(table)
    size = pairs[0].width, pairs[0].height
    scale, goal = _CELL / size[0], template(size)
    residuals: dict[str, float] = {}
    for (id, _), points in located.items():
        residual = float(np.sqrt(((points - goal) ** 2).sum(axis=1).mean()))
        residuals[id] = max(residual, residuals.get(id, 0))
    ordered = sorted(pairs, key=lambda pair: -residuals[pair.id])[:_MOST_SHOWN]
    groups = []
    for pair in ordered:
        cells = []
        for modality in MODALITIES:
            cell = contact_sheet.cell(read_image(pair, modality, colour=True), _CELL)
            pen = ImageDraw.Draw(cell)
            contact_sheet.rectangles(pen, located[pair.id, "photo"], size, scale, frame)
            if (pair.id, modality) in located:
                for x, y in (located[pair.id, modality] + 0.5) * scale:
                    contact_sheet.cross(pen, x, y, POINT)
            cells.append(cell)
        used = [alignment[pair.id, modality] for modality in MODALITIES]
        name = f"{pair.id}: {residuals[pair.id]:.1f} px"
        remark = ", ".join(f"x{one.scale:.2f} {one.degrees:+.0f}°" for one in used)
        is_blurred = max(one.scale for one in used) > BLURRED
        groups.append(contact_sheet.Group(cells, name, remark, is_blurred))
    title = f"{subset}: {len(ordered)} of {len(pairs)} aligned pairs"
    legend = [
        contact_sheet.Key("point", contact_sheet.cross_key(POINT)),
        contact_sheet.Key("what the local networks see", contact_sheet.rectangle_key()),
        contact_sheet.Key(f"enlarged over {BLURRED:g} times", colour=contact_sheet.ALARM),
    ]
    return contact_sheet.sheet(title, groups, _ACROSS, legend)
