"""The merge of points placed by hand with those of MTCNN and Face++."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from photosketch.data.pairs import MODALITIES, Pair, select
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import CONFIG_KEY, read_manual, write_template
from photosketch.landmarks.table import COLUMNS, ImageKey, rows_by_image, without_points


def merge_landmarks(
    pairs: Iterable[Pair],
    detected: Mapping[str, pd.DataFrame],
    manual: Path | None,
    template: Path,
    *,
    facepp: Mapping[str, pd.DataFrame] | None = None,
    page: Path,
    page_command: str,
    sketches_needed_by: Mapping[str, Sequence[str]],
) -> dict[str, pd.DataFrame]:
    """The landmark tables by subset: points placed by hand, else of MTCNN, else of Face++.

    `detected` (MTCNN) and `facepp` are tables by subset, `manual` is the manual file or None. Rows
    are in the order of `pairs`, photo before sketch; those placed by hand have no score. Images
    without points are written to `template`, which is a manual file that lacks the points only;
    what somebody has filled in there is kept. With nothing missing the template is removed.

    Every photo needs points; a sketch only where `sketches_needed_by` names something for its split
    (in words), else it just has no row. Raises InputError with all images that lack the points they
    need, over all subsets, and with all mistakes in the manual file; it says that `page_command`
    makes `page`, on which the points can be clicked.
    """
    pairs = list(pairs)
    if manual and manual.resolve() == template.resolve():
        raise InputError(
            [
                f"{manual}: is rewritten whenever images have no points, so it cannot be "
                f"{CONFIG_KEY}; copy it elsewhere and name the copy"
            ]
        )
    by_hand, mentioned, problems = read_manual(manual, pairs) if manual else ({}, set(), [])
    by_machine = rows_by_image(facepp or {}) | rows_by_image(detected)
    rows: dict[str, list[Mapping[str, object]]] = {pair.subset: [] for pair in pairs}
    missing: dict[ImageKey, str] = {}
    for image, path in _image_files(pairs).items():
        if image in by_hand:
            rows[image[0]].append(by_hand[image])
        elif image in by_machine:
            rows[image[0]].append(by_machine[image])
        elif image not in mentioned:
            missing[image] = path
    uses = {
        (pair.subset, pair.id, "sketch"): sketches_needed_by.get(pair.split, ()) for pair in pairs
    }
    needed = {image: path for image, path in missing.items() if image[2] == "photo" or uses[image]}
    if needed:
        problems += _missing_problems(needed, manual, template, page, page_command, uses)
    unwritten = write_template(template, missing) if missing else []
    if needed:
        problems += unwritten
    if problems:
        raise InputError(problems)
    if not missing:
        template.unlink(missing_ok=True)
    return {
        subset: pd.DataFrame(subset_rows, columns=list(COLUMNS))
        for subset, subset_rows in rows.items()
    }


def sketches_without_points(
    pairs: Iterable[Pair], tables: Mapping[str, pd.DataFrame]
) -> list[Pair]:
    """The pairs whose sketch has no row in the tables by subset."""
    pairs = list(pairs)
    return [
        pair
        for subset, table in tables.items()
        for pair in without_points(select(pairs, subset), table, "sketch")
    ]


def _image_files(pairs: Iterable[Pair]) -> dict[ImageKey, str]:
    """The file of each image, in the order of the tables."""
    return {
        (pair.subset, pair.id, modality): pair.photo if modality == "photo" else pair.sketch
        for pair in pairs
        for modality in MODALITIES
    }


def _missing_problems(
    missing: Mapping[ImageKey, str],
    manual: Path | None,
    template: Path,
    page: Path,
    page_command: str,
    uses: Mapping[ImageKey, Sequence[str]],
) -> list[str]:
    """uses: what needs the points of each sketch."""
    listed = [
        f"{path}: no face found in the {image[2]} of {image[0]} {image[1]} whose points can be "
        "used, and none placed by hand"
        + (f" (needed by {', '.join(uses[image])})" if image in uses else "")
        for image, path in missing.items()
    ]
    if manual:
        saved, appended = f"save it in place of {manual}", f"append its rows to {manual}"
    else:
        usual = "resources/manual_landmarks.csv"
        saved = f"save it as {usual} and name that file"
        appended = f"copy it to {usual} and name that file"
    return [
        *listed,
        f"{page}: is the page to click their points; make it by "
        f"`{page_command}`, open it in any browser (no network needed: from a cluster copy the "
        f"file to your laptop), click, press Download, {saved} "
        f"({CONFIG_KEY}), and run again",
        f"{template}: has a row for each of them, for points that are known as numbers; fill in "
        f"the points (x and y in pixels, left is the viewer's left), {appended} ({CONFIG_KEY}), "
        "and run again",
    ]
