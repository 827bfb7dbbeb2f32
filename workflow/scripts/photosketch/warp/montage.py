"""A montage of warped sketches: the sketch laid over its photo, before and after the warp."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from photosketch.data import array_types, images
from photosketch.data.pairs import Pair, read_image
from photosketch.figures import contact_sheet
from photosketch.parsing.labels import Parsings
from photosketch.warp.files import Warped

COLUMNS = ("photo", "sketch", "warped", "sketch on photo", "warped on photo")
_EDGES = (220, 0, 0)
_INK = np.array([0.1, 0.4, 0.9])  # shares of red, green and blue that black ink leaves: blue


def warp_montage(
    subset: str,
    mode: str,
    pairs: Sequence[Pair],
    parsings: Parsings,
    warped: Warped,
    scores: pd.DataFrame,
) -> Image.Image:
    """Some pairs of a subset: photo, sketch, warped sketch, and both sketches over the photo.
    `parsings`, `warped` and `scores` hold all the pairs. A pair is framed if its warp was rejected
    or made smaller."""
    labels = parsings.by_id("photo")
    sketches = dict(zip(warped.ids, warped.sketches, strict=True))
    by_id = scores.set_index("id")
    groups = []
    for index in contact_sheet.evenly_spaced(len(pairs), 40):
        pair = pairs[index]
        photo, own = read_image(pair, "photo"), labels[pair.id]
        before, after = read_image(pair, "sketch"), sketches[pair.id]
        laid_over = [overlay(photo, sketch, own) for sketch in (before, after)]
        cells = [contact_sheet.cell(image, 130) for image in (photo, before, after, *laid_over)]
        row = by_id.loc[pair.id]
        remark = (
            f"head IoU {row['head_before']:.3f} → {row['tried']:.3f}, "
            f"points {row['points_before']:.1f} → {row['points_after']:.1f} px"
            + (", shrunk" if row["shrunk"] else "")
            + (", got worse: original kept" if row["worse"] else "")
        )
        alarm = bool(row["worse"] or row["shrunk"])
        groups.append(contact_sheet.Group(cells, pair.id, remark, alarm))
    title = f"{subset}, warp {mode}: {len(groups)} of {len(pairs)} pairs"
    return contact_sheet.sheet(title, groups, 2, columns=COLUMNS)


def overlay(
    photo: array_types.Image, sketch: array_types.Image, labels: array_types.Labels
) -> array_types.Image:
    """The photo in pale gray, the edges of its labels in red, the sketch's ink in blue. photo and
    result [H, W, 3], sketch and the photo's labels [H, W], all uint8."""
    gray = images.gray(photo)
    pale = np.repeat((190 + gray // 4)[..., None], 3, axis=2)
    pale[contact_sheet.edges(labels)] = _EDGES
    ink = 1 - (1 - sketch[..., None] / 255) * (1 - _INK)
    return (pale * ink).astype(np.uint8)
