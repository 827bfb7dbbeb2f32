"""The click page: one HTML file on which a person places the five points of faces.

The page contains the images, existing points and the rows of the manual file, so it needs neither
network nor server. A page from a cluster works on a laptop from a file:// address. Its Download
button gives the whole manual file: the new points and all other rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from photosketch.data.images import reduced
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.figures import page as pages
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS
from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES, ImageKey, rows_by_image

CONFIG_KEY = "landmarks.annotate"


def annotation_page(
    pairs: Sequence[Pair],
    tables: Sequence[Mapping[str, pd.DataFrame]],
    manual_rows: Sequence[Mapping[str, str]],
    patterns: Iterable[str],
    manual_file: str,
) -> tuple[str, int]:
    """The page as text, and the number of its images.

    `tables` are landmark tables by subset, in which the first row of an image counts. `manual_rows`
    are those of `manual.manual_rows`. The page first shows the images that have no points or only
    points of the mesh, then the images that match one of `patterns` (subset/id/modality, * for any
    text), with their points. `manual_file` is the path under which the person is asked to save.

    Raises InputError if there is no image to show, or if a pattern matches no image.
    """
    images: dict[ImageKey, tuple[Pair, Modality]] = {
        (pair.subset, pair.id, m): (pair, m) for pair in pairs for m in MODALITIES
    }
    sizes = {image: pair.size(modality) for image, (pair, modality) in images.items()}
    points, sources = _known_points(tables, manual_rows)
    sure = {image for image, source in sources.items() if source != "mesh"}
    entries = []
    for image in _to_show(list(images), sure, patterns):
        pair, modality = images[image]
        entries.append(
            entry(
                image,
                sizes[image],
                pair.photo if modality == "photo" else pair.sketch,
                reduced(read_image(pair, modality)),
                hint=_hint(image, points, sizes),
                points=points.get(image),
                source=sources.get(image, ""),
            )
        )
    return page(entries, manual_rows, manual_file), len(entries)


def entry(
    image: ImageKey,
    size: tuple[int, int],
    file: str,
    picture: np.ndarray,
    *,
    hint: list[list[float]] | None = None,
    points: np.ndarray | None = None,
    source: str = "",
) -> dict[str, Any]:
    """The page's data of an image of `size` (width, height).

    `file` is its name, `picture` its pixels (uint8), `points` [5, 2] are its points from `source`,
    and `hint` are points to begin with.
    """
    subset, id, modality = image
    return {
        "subset": subset,
        "id": id,
        "modality": modality,
        "width": size[0],
        "height": size[1],
        "file": file,
        "source": source,
        "points": None if points is None else listed(points),
        "hint": hint,
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


def _known_points(
    tables: Sequence[Mapping[str, pd.DataFrame]], manual_rows: Iterable[Mapping[str, str]]
) -> tuple[dict[ImageKey, np.ndarray], dict[ImageKey, str]]:
    """Points [5, 2] and source of every image with points; manual rows count if complete."""
    points: dict[ImageKey, np.ndarray] = {}
    sources: dict[ImageKey, str] = {}
    for row in manual_rows:
        try:
            values = [float(row[column]) for column in COORDINATES]
        except ValueError:
            continue  # merge_landmarks reports the row
        image = row["subset"], row["id"], row["modality"]
        points[image], sources[image] = np.array(values).reshape(-1, 2), "manual"
    for rows in map(rows_by_image, tables):
        for image, found in rows.items():
            if image not in points:
                values = [found[column] for column in COORDINATES]
                points[image], sources[image] = np.array(values).reshape(-1, 2), found["source"]
    return points, sources


def _to_show(
    images: Sequence[ImageKey], known: set[ImageKey], patterns: Iterable[str]
) -> list[ImageKey]:
    """The images to show, first those that are not `known`."""
    missing = [image for image in images if image not in known]
    asked: list[ImageKey] = []
    problems = []
    for pattern in patterns:
        matching = [image for image in images if fnmatchcase("/".join(image), pattern)]
        if not matching:
            problems.append(
                f"{CONFIG_KEY}: {pattern!r} matches no image; write subset/id/modality as in the "
                f"table of pairs, with * for any text, for example {'/'.join(images[0])}"
            )
        asked += matching
    if problems:
        raise InputError(problems)
    shown = list(dict.fromkeys([*missing, *asked]))
    if not shown:
        fault = (
            "every image has its points, so there is nothing to click; to see images anyway, name "
            f"them in {CONFIG_KEY}, for example ['{'/'.join(images[0])}']"
        )
        raise InputError([fault])
    return shown


def _hint(
    image: ImageKey,
    points: Mapping[ImageKey, np.ndarray],
    sizes: Mapping[ImageKey, tuple[int, int]],
) -> list[list[float]] | None:
    """Mean points of other images: of the same subset and modality if any has points, else of the
    same subset, else of all.

    Points count as shares of width and height, because images may have several sizes.
    """
    others = {
        key: (value + 0.5) / sizes[key]
        for key, value in points.items()
        if key != image and key in sizes
    }
    subset, _, modality = image
    similar = (
        [key for key in others if (key[0], key[2]) == (subset, modality)]
        or [key for key in others if key[0] == subset]
        or list(others)
    )
    if not similar:
        return None
    mean = np.mean([others[key] for key in similar], axis=0)
    return listed(mean * sizes[image] - 0.5)


def listed(points: np.ndarray) -> list[list[float]]:
    """Points [5, 2] for the page's data."""
    return np.asarray(points, float).round(2).tolist()
