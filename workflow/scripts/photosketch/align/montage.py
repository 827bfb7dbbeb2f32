"""A montage of aligned faces: those farthest from the usual shape first."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from photosketch.align.files import Alignment
from photosketch.configuration.settings import FRAMES
from photosketch.data.array_types import Points
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.figures import contact_sheet
from photosketch.geometry.similarity import template
from photosketch.landmarks.table import points_by_image

POINT = "#0072B2"  # Okabe & Ito 2008
BLURRED = 2.0  # pictures enlarged by more than this are marked
_MOST_SHOWN, _ACROSS, _CELL = 60, 4, 150  # pairs; pairs in a row; width of an image in pixels


def aligned_montage(
    subset: str,
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    alignment: Alignment,
    frame: int = FRAMES[0],
) -> Image.Image:
    """Photo and sketch of pairs, with their points and the four rectangles around the photo's.

    `table` has the points in the aligned pictures; a sketch may have none. `frame` is the side of
    the networks' frame. Of many pairs, those farthest from the usual place are shown.
    """
    located = points_by_image(table)
    goal = template((pairs[0].width, pairs[0].height))
    residuals = {
        pair.id: max(
            float(np.sqrt(((located[pair.id, modality] - goal) ** 2).sum(axis=1).mean()))
            for modality in MODALITIES
            if (pair.id, modality) in located
        )
        for pair in pairs
    }
    rows = dict(zip(alignment.ids, range(len(alignment.ids)), strict=True))
    ordered = sorted(pairs, key=lambda pair: -residuals[pair.id])[:_MOST_SHOWN]
    groups = []
    for pair in ordered:
        cells = [_cell(pair, modality, located, frame) for modality in MODALITIES]
        used = [alignment.transforms[modality][rows[pair.id]] for modality in MODALITIES]
        scaled = ", ".join(f"x{one.scale:.2f} {one.degrees:+.0f}°" for one in used)
        groups.append(
            contact_sheet.Group(
                cells,
                f"{pair.id}: {residuals[pair.id]:.1f} px",
                scaled,
                alarm=max(one.scale for one in used) > BLURRED,
            )
        )
    title = f"{subset}: {len(ordered)} of {len(pairs)} aligned pairs"
    legend = [
        contact_sheet.Key("point", contact_sheet.cross_key(POINT)),
        contact_sheet.Key("what the local networks see", contact_sheet.rectangle_key()),
        contact_sheet.Key(f"enlarged over {BLURRED:g} times", colour=contact_sheet.ALARM),
    ]
    return contact_sheet.sheet(title, groups, _ACROSS, legend)


def _cell(
    pair: Pair, modality: Modality, located: Mapping[tuple[str, str], Points], frame: int
) -> Image.Image:
    """A picture of a pair with its points and the rectangles."""
    cell = contact_sheet.cell(read_image(pair, modality, colour=True), _CELL)
    pen, scale = ImageDraw.Draw(cell), _CELL / pair.width
    size = pair.width, pair.height
    contact_sheet.rectangles(pen, located[pair.id, "photo"], size, scale, frame)
    if (pair.id, modality) in located:
        for x, y in (located[pair.id, modality] + 0.5) * scale:
            contact_sheet.cross(pen, x, y, POINT)
    return cell
