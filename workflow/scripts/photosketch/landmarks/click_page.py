"""The click page: one HTML file on which a person places the five points of faces.

Images, existing points and the rows of the manual file are inside, so the page needs neither
network nor server: made on a cluster, it works on a laptop from a file:// address. Its Download
gives the whole manual file: every row that was there, but for those clicked anew.
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
from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES, ImageKey

CONFIG_KEY = "landmarks.annotate"


def annotation_page(
    pairs: Sequence[Pair],
    tables: Sequence[Mapping[str, pd.DataFrame]],
    manual_rows: Sequence[Mapping[str, str]],
    patterns: Iterable[str],
    manual_file: str,
) -> tuple[str, int]:
    """The page as text, and how many images it shows.

    `tables` are landmark tables by subset, the first that has an image counts; `manual_rows` as
    `manual.manual_rows` gives them. Shown are the images without points in either, or
    with those of the mesh alone, then those that
    match one of `patterns` (subset/id/modality, * for any text), their points in place.
    `manual_file` is the path told to the person for saving.

    Raises InputError if there is nothing to show, or if a pattern matches no image.
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
    """What the page has to know of an image of `size` (width, height).

    `file`: what it is called; `picture`: its pixels, uint8; `hint`: where points may lie, to begin
    with; `points` [5, 2] that it has, and their `source`.
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
    """The page of some images (`entry`). `then`: what to do once `manual_file` is saved; `hinted`:
    whose points the hints are; the rest as of `annotation_page`."""
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
    """Points [5, 2] and source of every image that has them. Manual rows count if they are full."""
    points: dict[ImageKey, np.ndarray] = {}
    sources: dict[ImageKey, str] = {}
    for row in manual_rows:
        try:
            values = [float(row[column]) for column in COORDINATES]
        except ValueError:
            continue  # the merge reports it
        image = row["subset"], row["id"], row["modality"]
        points[image], sources[image] = np.array(values).reshape(-1, 2), "manual"
    for by_subset in tables:
        for subset, table in by_subset.items():
            found = table[list(COORDINATES)].to_numpy(float).reshape(len(table), -1, 2)
            keys = zip(table["id"], table["modality"], table["source"], found, strict=True)
            for name, modality, source, own in keys:
                points.setdefault((subset, name, modality), own)
                sources.setdefault((subset, name, modality), source)
    return points, sources


def _to_show(
    images: Sequence[ImageKey], known: set[ImageKey], patterns: Iterable[str]
) -> list[ImageKey]:
    """The images to show: those without points first."""
    missing = [image for image in images if image not in known]
    asked: list[ImageKey] = []
    problems = []
    for pattern in patterns:
        matching = [image for image in images if fnmatchcase("/".join(image), pattern)]
        if not matching:
            problems.append(
                f"{CONFIG_KEY}: {pattern!r} matches no image; write subset/id/modality as in the "
                f"table of pairs, * for any text, for instance {'/'.join(images[0])}"
            )
        asked += matching
    if problems:
        raise InputError(problems)
    shown = list(dict.fromkeys([*missing, *asked]))
    if not shown:
        raise InputError(
            [
                "every image has its points, so there is nothing to click; to look at some all the "
                f"same, name them in {CONFIG_KEY}, for instance ['{'/'.join(images[0])}']"
            ]
        )
    return shown


def _hint(
    image: ImageKey,
    points: Mapping[ImageKey, np.ndarray],
    sizes: Mapping[ImageKey, tuple[int, int]],
) -> list[list[float]] | None:
    """Mean points of the subset's other images of this modality; if none has points, of any.

    Means of shares of width and height, since images may be of several sizes.
    """
    others = {
        key: (value + 0.5) / sizes[key]
        for key, value in points.items()
        if key != image and key in sizes
    }
    subset, _, modality = image
    for alike in (
        [key for key in others if (key[0], key[2]) == (subset, modality)],
        [key for key in others if key[0] == subset],
        list(others),
    ):
        if alike:
            mean = np.mean([others[key] for key in alike], axis=0)
            return listed(mean * sizes[image] - 0.5)
    return None


def listed(points: np.ndarray) -> list[list[float]]:
    """Points [5, 2] as the page has them."""
    return np.asarray(points, float).round(2).tolist()
