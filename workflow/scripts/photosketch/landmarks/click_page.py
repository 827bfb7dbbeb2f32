"""The click page: one HTML file on which a person places the five points of faces, without network
or server. Its Download button gives the whole manual file: new points and all other rows."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from photosketch.data.array_types import Points
from photosketch.data.images import Size, reduced
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.figures import page as pages
from photosketch.jobs.messages import InputError
from photosketch.landmarks.manual import KEYS, MANUAL_COLUMNS
from photosketch.landmarks.table import LANDMARK_NAMES, ImageKey, points_of_row, rows_by_image

CONFIG_KEY = "landmarks.annotate"


def annotation_page(
    pairs: Sequence[Pair],
    tables: Sequence[Mapping[str, pd.DataFrame]],
    manual_rows: Sequence[Mapping[str, str]],
    patterns: Iterable[str],
    manual_file: str,
) -> tuple[str, int]:
    """The page as text, and the number of its images.

    An image's points are those of its first row in `tables`. The page first shows images without
    points or with points of the mesh, then those that match one of `patterns` (subset/id/modality,
    * for any text). `manual_file` is the path under which to save. Raises InputError if there is no
    image to show, or if a pattern matches no image.
    """
    images: dict[ImageKey, tuple[Pair, Modality]] = {
        (pair.subset, pair.id, m): (pair, m) for pair in pairs for m in MODALITIES
    }
    sizes = {image: pair.size(modality) for image, (pair, modality) in images.items()}
    known: dict[ImageKey, tuple[Points, str]] = {}  # points and their source
    for row in manual_rows:
        with suppress(ValueError):  # merge_landmarks reports a row without all points
            known[row["subset"], row["id"], row["modality"]] = points_of_row(row), "manual"
    for table in tables:
        for image, found in rows_by_image(table).items():
            known.setdefault(image, (points_of_row(found), found["source"]))
    sure = {image for image, (_, source) in known.items() if source != "mesh"}
    entries = []
    for image in _to_show(list(images), sure, patterns):
        pair, modality = images[image]
        file = pair.photo if modality == "photo" else pair.sketch
        points, source = known.get(image, (None, ""))
        picture, hint = reduced(read_image(pair, modality)), _hint(image, known, sizes)
        entries.append(entry(image, sizes[image], file, picture, hint, points, source))
    return page(entries, manual_rows, manual_file), len(entries)


def entry(
    image: ImageKey,
    size: Size,
    file: str,
    picture: np.ndarray,
    hint: Points | None,
    points: Points | None = None,
    source: str = "",
) -> dict[str, Any]:
    """The page's data of an image of `size` (width, height): the name of its `file`, its pixels
    (uint8), its points [5, 2] from a `source`, and points to begin with (`hint`)."""
    return {
        **dict(zip(KEYS, image, strict=True)),
        "width": size[0],
        "height": size[1],
        "file": file,
        "source": source,
        "points": None if points is None else points.round(2).tolist(),
        "hint": None if hint is None else hint.round(2).tolist(),
        "picture": pages.image_uri(picture, "png", optimize=True),
    }


def page(
    entries: Sequence[Mapping[str, Any]],
    manual_rows: Sequence[Mapping[str, str]],
    manual_file: str,
    then: str = f"(config key {CONFIG_KEY}) and run the workflow again",
    hinted: str = "the subset has it on average",
) -> str:
    """The page of some images (`entry`). The page's text says `then` what to do after saving
    `manual_file`, and what the hints are (`hinted`)."""
    data = {
        "then": then,
        "hinted": hinted,
        "columns": MANUAL_COLUMNS,
        "landmarks": LANDMARK_NAMES,
        "manualFile": manual_file,
        "manualRows": [[row[column] for column in MANUAL_COLUMNS] for row in manual_rows],
        "images": entries,
    }
    return pages.render(__file__, title="Place the five points", data=data)


def _to_show(
    images: Sequence[ImageKey], known: set[ImageKey], patterns: Iterable[str]
) -> list[ImageKey]:
    """The images to show, first those that are not `known`."""
    shown = [image for image in images if image not in known]
    example, problems = "/".join(images[0]), []
    for pattern in patterns:
        matching = [image for image in images if fnmatchcase("/".join(image), pattern)]
        if not matching:
            problems.append(
                f"{CONFIG_KEY}: {pattern!r} matches no image; write subset/id/modality as in the "
                f"table of pairs, with * for any text, for example {example}"
            )
        shown += matching
    if not shown and not problems:
        problems.append(
            "every image has its points, so there is nothing to click; to see images anyway, name "
            f"them in {CONFIG_KEY}, for example ['{example}']"
        )
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(shown))


def _hint(
    image: ImageKey, known: Mapping[ImageKey, tuple[Points, str]], sizes: Mapping[ImageKey, Size]
) -> Points | None:
    """Mean points, as shares of width and height, of other images: of the same subset and modality
    if any has points, else of the same subset, else of all."""
    others = [each for each in known if each != image and each in sizes]
    subset, _, modality = image
    similar = (
        [each for each in others if (each[0], each[2]) == (subset, modality)]
        or [each for each in others if each[0] == subset]
        or others
    )
    shares = [(known[each][0] + 0.5) / sizes[each] for each in similar]
    return np.mean(shares, axis=0) * sizes[image] - 0.5 if shares else None
