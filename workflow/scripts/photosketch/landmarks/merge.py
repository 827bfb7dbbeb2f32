"""Merge points placed by hand with points of MTCNN and Face++, and report the result."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TextIO

import pandas as pd

from photosketch.data.pairs import MODALITIES, Modality, Pair, select
from photosketch.geometry import patch_checks
from photosketch.jobs.messages import InputError, counted, listed, say
from photosketch.landmarks.manual import CONFIG_KEY, read_manual, write_template
from photosketch.landmarks.table import COLUMNS, points_by_image, rows_by_image, without_points

USUAL_FILE = "resources/manual_landmarks.csv"


def merge_landmarks(
    pairs: Sequence[Pair],
    detected: Mapping[str, pd.DataFrame],
    facepp: Mapping[str, pd.DataFrame],
    manual: Path | None,
    folder: Path,
    page_command: str,
    sketches_needed_by: Mapping[str, Sequence[str]],
) -> dict[str, pd.DataFrame]:
    """The landmark tables by subset: points placed by hand, else of MTCNN, else of Face++, else
    of the mesh.

    `detected` (MTCNN and mesh) and `facepp` are tables by subset. Rows are in the order of `pairs`,
    photo before sketch; points placed by hand have no score. Images without points are written to
    `missing.csv` in the `folder`, a manual file that lacks only the points; points that are filled
    in there are kept. If no image is missing, the file is removed.

    Every photo needs points. A sketch needs points only if `sketches_needed_by` names a use for its
    split; otherwise the sketch has no row. Raises InputError with all images that lack points they
    need, and all mistakes in the manual file. `page_command` makes the page to click points.
    """
    template = folder / "missing.csv"
    if manual and manual.resolve() == template.resolve():
        fault = (
            f"{manual}: is rewritten whenever images have no points, so it cannot be {CONFIG_KEY}; "
            "copy it to another path and name the copy"
        )
        raise InputError([fault])
    by_hand, mentioned, problems = read_manual(manual, pairs) if manual else ({}, set(), [])
    found = rows_by_image(detected)
    surer = {image: row for image, row in found.items() if row["source"] != "mesh"}
    known = found | rows_by_image(facepp) | surer | by_hand
    rows: dict[str, list[Mapping[str, object]]] = {pair.subset: [] for pair in pairs}
    missing, needed = [], []
    for pair, modality in product(pairs, MODALITIES):
        image = pair.subset, pair.id, modality
        if image in known:
            rows[pair.subset].append(known[image])
        elif image not in mentioned:
            missing.append(image)
            uses = sketches_needed_by.get(pair.split, ()) if modality == "sketch" else ()
            if uses or modality == "photo":
                needed.append(
                    f"{getattr(pair, modality)}: no face with usable points found in the "
                    f"{modality} of {pair.subset} {pair.id}, and no points placed by hand"
                    + (f" (needed by {', '.join(uses)})" if uses else "")
                )
    unwritten = write_template(template, missing) if missing else []
    if needed:
        page = folder / "annotate.html"
        problems += [*needed, *_remedies(manual, template, page, page_command), *unwritten]
    if problems:
        raise InputError(problems)
    if not missing:
        template.unlink(missing_ok=True)
    return {subset: pd.DataFrame(rows[subset], columns=list(COLUMNS)) for subset in rows}


def _remedies(manual: Path | None, template: Path, page: Path, page_command: str) -> list[str]:
    """The two ways to place missing points: on the page, or as numbers in the template."""
    named = "" if manual else " and name that file"
    return [
        f"{page}: is the page to click the missing points; make the page by `{page_command}`, open "
        "it in any browser (without network: from a cluster copy the file to your laptop), click, "
        f"press Download, save it {f'in place of {manual}' if manual else f'as {USUAL_FILE}'}"
        f"{named} ({CONFIG_KEY}), and run again",
        f"{template}: has a row for each missing image, for points that are known as numbers; fill "
        "in the points (x and y in pixels, left is the viewer's left), "
        f"{f'append its rows to {manual}' if manual else f'copy it to {USUAL_FILE}'}{named} "
        f"({CONFIG_KEY}), and run again",
    ]


def misplaced_faces(
    pairs: Sequence[Pair], tables: Mapping[str, pd.DataFrame], modality: Modality, frame: int
) -> list[str]:
    """A line for each photo or sketch whose face does not fit the local networks' rectangles in a
    frame of that many pixels a side. `review` does not find faces that are all too small."""
    located = {subset: points_by_image(table) for subset, table in tables.items()}
    faces = []
    for pair in pairs:
        name = f"{getattr(pair, modality)} ({modality} of {pair.subset} {pair.id})"
        if (pair.id, modality) in located[pair.subset]:
            points = located[pair.subset][pair.id, modality]
            faces.append((name, points, pair.size(modality)))
    return patch_checks.misplaced_faces(faces, frame)


def check_places(
    pairs: Sequence[Pair],
    tables: Mapping[str, pd.DataFrame],
    frame: int,
    ablations: Sequence[str],
    page_command: str,
    console: TextIO,
) -> None:
    """Print `misplaced_faces` to the log, and their number to `console`. Raises InputError if they
    are in photos and there are `ablations` with local networks, which use no points of sketches."""
    photos, sketches = (misplaced_faces(pairs, tables, each, frame) for each in MODALITIES)
    if photos and ablations:
        raise InputError(
            patch_checks.refusal(photos, ablations, aligned=False, page_command=page_command)
        )
    if photos or sketches:
        print(*photos, *sketches, sep="\n")
        print(
            f"{counted(len(photos), 'photo')} and {counted(len(sketches), 'sketch', 'sketches')} "
            "have faces that do not lie as in CUFS; set dataset.align to move them (the log of "
            "merge_landmarks names the faces)",
            file=console,
        )


def say_sources(
    pairs: Sequence[Pair], tables: Mapping[str, pd.DataFrame], page_command: str, console: TextIO
) -> None:
    """Print to log and console how many images each source has, and the sketches without points."""
    meshed, unlocated = [], []
    for subset, table in tables.items():
        counts = table["source"].value_counts().sort_index()
        say(f"{subset}: {', '.join(f'{n} {source}' for source, n in counts.items())}", console)
        own = table[table["source"] == "mesh"]
        meshed += [f"{row.modality} of {subset} {row.id}" for row in own.itertuples()]
        without = without_points(select(pairs, subset), table, "sketch")
        unlocated += [f"{pair.subset} {pair.id}" for pair in without]
    if meshed:
        say(
            f"{counted(len(meshed), 'image')} in which MTCNN finds no face, with points of the "
            f"mesh: {', '.join(meshed)}. To confirm or move the points: `{page_command}`",
            console,
        )
    if unlocated:
        say(
            f"no points for {len(unlocated)} of {len(pairs)} sketches: {listed(unlocated, 5)}. "
            "This run does not need the points (a warp would), but the sketches get no labels. To "
            f"place points: `{page_command}`",
            console,
        )
