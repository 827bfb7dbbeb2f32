"""Landmark tables: five facial points of every photo and sketch.

Points are (x, y) in pixels of the input image, with pixel centres at integers. Left is the viewer's
left. A table has a row for each image of one subset that has points: every photo, and the sketches
in which a face was found or placed by hand.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photosketch.data.pairs import Modality, Pair
from photosketch.data.storage import intact, read_table, require_rows, write_table
from photosketch.jobs.messages import InputError

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
COORDINATES = tuple(f"{name}_{axis}" for name in LANDMARK_NAMES for axis in "xy")
COLUMNS = ("id", "modality", *COORDINATES, "score", "source")
FACES = "faces"  # a column of detectors' tables: faces in the image about as large as the largest
DETECTED = (*COLUMNS, FACES)
ALIKE = 0.7  # faces of at least this share of the largest face's size count as about as large
NOT_UPRIGHT = (
    "a face is left out, because it lies on its side, is upside down or leaves the image; turn the "
    "image upright, or place its points by hand"
)
ImageKey = tuple[str, str, str]  # subset, id, modality


def write_landmarks(table: pd.DataFrame, path: Path | str) -> None:
    """Write a landmark table (CSV), with coordinates rounded to a thousandth of a pixel."""
    decimals = dict.fromkeys(COORDINATES, 3) | {"score": 6}
    write_table(table.astype(dict.fromkeys(decimals, float)).round(decimals), path)


def read_landmarks(path: Path | str) -> pd.DataFrame:
    """A landmark table. Ids are text; the score is NaN if the points were placed by hand. Raises
    InputError if the table is damaged or names an image twice."""
    stage = "detect_landmarks, facepp_landmarks, merge_landmarks or align_faces"
    table = read_table(path, stage, ("id", "modality", "source"), COLUMNS)
    with intact(path, stage):
        if not np.isfinite(table[list(COORDINATES)].to_numpy(float)).all():
            raise ValueError("a coordinate is not a number")
    require_rows(path, stage, zip(table["modality"], table["id"], strict=True))
    return table.astype({"score": float})


def read_tables(subsets: Iterable[str], paths: Iterable[Path | str]) -> dict[str, pd.DataFrame]:
    """Landmark tables by subset, from a file for each."""
    return dict(zip(subsets, map(read_landmarks, paths), strict=True))


def points_of_row(row: Mapping[str, Any]) -> np.ndarray:
    """The points [5, 2] of a row; a ValueError if a coordinate is not a number."""
    return np.array([float(row[column]) for column in COORDINATES]).reshape(5, 2)


def points_of(table: pd.DataFrame, id: str, modality: str) -> np.ndarray:
    """The points [5, 2] float32 of an image, which must have a row."""
    rows = table[(table["id"] == id) & (table["modality"] == modality)]
    return rows[list(COORDINATES)].to_numpy(np.float32).reshape(5, 2)


def stack_points(
    pairs: Iterable[Pair], tables: Mapping[str, pd.DataFrame], modality: Modality
) -> np.ndarray:
    """The points [N, 5, 2] of the pairs' photos or sketches, from landmark tables by subset."""
    return np.stack([points_of(tables[pair.subset], pair.id, modality) for pair in pairs])


def points_by_image(table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """The points [5, 2] float64 of each image, by id and modality, in the table's order."""
    values = table[list(COORDINATES)].to_numpy(float).reshape(-1, 5, 2)
    return dict(zip(zip(table["id"], table["modality"], strict=True), values, strict=True))


def rows_by_image(tables: Mapping[str, pd.DataFrame]) -> dict[ImageKey, Mapping[str, Any]]:
    """The rows of landmark tables, by image. `tables` are by subset."""
    return {
        (subset, row["id"], row["modality"]): row
        for subset, table in tables.items()
        for row in table.to_dict("records")
    }


def faces_alike(faces: Iterable[np.ndarray]) -> int:
    """The number of an image's faces (points [5, 2]) that are about as large as the largest."""
    sizes = np.array([np.linalg.norm(points - points.mean(axis=0)) for points in faces])
    return int((sizes >= ALIKE * sizes.max()).sum())


def face_row(
    pair: Pair, modality: Modality, points: np.ndarray, score: float, source: str, faces: int
) -> tuple[object, ...]:
    """A row of a detector's table (DETECTED). The log names an image with several faces."""
    if faces > 1:
        image = f"{modality} of {pair.subset} {pair.id}"
        print(f"{faces} faces of about the same size in the {image}: the largest is taken")
    return (pair.id, modality, *points.ravel().tolist(), score, source, faces)


def faults_of(points: np.ndarray, width: int, height: int) -> list[str]:
    """`point_faults` of the points [5, 2] of a face in an image of that size."""
    return point_faults(dict(zip(COORDINATES, points.ravel(), strict=True)), width, height)


def point_faults(values: Mapping[str, float], width: int, height: int) -> list[str]:
    """The problems of a face's coordinates, given by name, in an image of that size.

    Each point must lie in the image. If all ten coordinates are given, left points must lie left of
    right points, and the eyes above the mouth.
    """
    faults = []
    for column, value in values.items():
        last = (width if column.endswith("_x") else height) - 1
        if not 0 <= value <= last:
            faults.append(
                f"{column} {value:g} is outside the image of {width}x{height} pixels; "
                f"it must be between 0 and {last}"
            )
    if faults or len(values) < len(COORDINATES):
        return faults
    for left, right in (("left_eye", "right_eye"), ("mouth_left", "mouth_right")):
        x, other = values[f"{left}_x"], values[f"{right}_x"]
        if x >= other:
            faults.append(
                f"{left}_x {x:g} is not left of {right}_x {other:g}; left is the viewer's left: "
                f"swap {left} and {right}"
            )
    eyes = max(values["left_eye_y"], values["right_eye_y"])
    mouth = min(values["mouth_left_y"], values["mouth_right_y"])
    if eyes >= mouth:
        faults.append(
            f"an eye (y {eyes:g}) is not above the mouth (y {mouth:g}); y grows downwards, "
            "and x comes before y"
        )
    return faults


def without_points(pairs: Iterable[Pair], table: pd.DataFrame, modality: Modality) -> list[Pair]:
    """The pairs whose photo or sketch has no row in their subset's landmark table."""
    known = set(table.loc[table["modality"] == modality, "id"])
    return [pair for pair in pairs if pair.id not in known]


def require_photo_points(pairs: Iterable[Pair], table: pd.DataFrame) -> None:
    """Raise InputError with a problem for each photo without points in a landmark table."""
    if missing := without_points(pairs, table, "photo"):
        raise InputError(
            f"{pair.photo}: no points for the photo of {pair.subset} {pair.id}; "
            "delete the table of landmarks: merge_landmarks writes it again"
            for pair in missing
        )


def sketch_problems(unlocated: Iterable[Pair], needed_by: str, page_command: str) -> list[str]:
    """A problem for each of the pairs, whose sketches have no points although `needed_by` needs
    points. `page_command` makes the page on which points can be clicked."""
    return [
        f"{pair.sketch}: no points for the sketch of {pair.subset} {pair.id}, and {needed_by} "
        f"needs them; place them by hand, on the page that `{page_command}` writes "
        "(docs/landmarks.md)"
        for pair in unlocated
    ]
