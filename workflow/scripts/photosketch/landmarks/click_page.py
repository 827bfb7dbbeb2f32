"""The click page: one HTML file on which a person places the five points of faces.

Images, existing points and the rows of the manual file are inside, so the page needs neither
network nor server: made on a cluster, it works on a laptop from a file:// address. Its Download
gives the whole manual file: every row that was there, but for those clicked anew.
"""

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from photosketch.data.images import reduced
from photosketch.data.pairs import MODALITIES, Modality, Pair, read_image
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS
from photosketch.landmarks.table import COORDINATES, LANDMARK_NAMES, ImageKey

TEMPLATE = Path(__file__).with_suffix(".html")
CONFIG_KEY = "landmarks.annotate"
SHAPE = (len(LANDMARK_NAMES), 2)


def annotation_page(
    pairs: Sequence[Pair],
    tables: Sequence[Mapping[str, pd.DataFrame]],
    manual_rows: Sequence[Mapping[str, str]],
    patterns: Iterable[str],
    manual_file: str,
) -> tuple[str, int]:
    """The page as text, and how many images it shows.

    `tables` are landmark tables by subset, the first that has an image counts; `manual_rows` as
    `manual.manual_rows` gives them. Shown are the images without points in either, then
    those that match one of `patterns` (subset/id/modality, * for any text), their points in place.
    `manual_file` is the path told to the person for saving.

    Raises InputError if there is nothing to show, or if a pattern matches no image.
    """
    images: dict[ImageKey, tuple[Pair, Modality]] = {
        (pair.subset, pair.id, modality): (pair, modality)
        for pair in pairs
        for modality in MODALITIES
    }
    sizes = {image: _size(*images[image]) for image in images}
    points, sources = _known_points(tables, manual_rows)
    shown = _to_show(list(images), set(points), list(patterns))
    entries = [
        entry(
            image,
            sizes[image],
            _file(*images[image]),
            _picture(*images[image]),
            hint=_hint(image, points, sizes),
            points=points.get(image),
            source=sources.get(image, ""),
        )
        for image in shown
    ]
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
        "picture": _data_uri(picture),
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
    # `<` could end the script element: names come from people's tables.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return TEMPLATE.read_text(encoding="utf-8").replace("{{DATA}}", text)


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
        points[image], sources[image] = np.array(values).reshape(SHAPE), "manual"
    for by_subset in tables:
        for subset, table in by_subset.items():
            values = table[list(COORDINATES)].to_numpy(float).reshape(-1, *SHAPE)
            for index, (name, modality) in enumerate(
                zip(table["id"], table["modality"], strict=True)
            ):
                image = subset, name, modality
                if image not in points:
                    points[image], sources[image] = values[index], table["source"].iloc[index]
    return points, sources


def _to_show(
    images: Sequence[ImageKey], known: set[ImageKey], patterns: Sequence[str]
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
    for alike in (image[::2], image[:1], ()):
        if alike == image[::2]:
            alike_points = [value for key, value in others.items() if key[::2] == alike]
        else:
            alike_points = [value for key, value in others.items() if key[: len(alike)] == alike]
        if alike_points:
            return listed(np.mean(alike_points, axis=0) * sizes[image] - 0.5)
    return None


def listed(points: np.ndarray) -> list[list[float]]:
    """Points [5, 2] as the page has them."""
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]


def _file(pair: Pair, modality: Modality) -> str:
    return pair.photo if modality == "photo" else pair.sketch


def _size(pair: Pair, modality: Modality) -> tuple[int, int]:
    return pair.size(modality)


def _picture(pair: Pair, modality: Modality) -> np.ndarray:
    return reduced(read_image(pair, modality))


def _data_uri(image: np.ndarray) -> str:
    picture = io.BytesIO()
    Image.fromarray(image).save(picture, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
