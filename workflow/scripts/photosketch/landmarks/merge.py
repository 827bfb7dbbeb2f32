"""The merge of points placed by hand with those of MTCNN and Face++, and what is said of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import pandas as pd

from photosketch.configuration.settings import FRAMES
from photosketch.data.pairs import MODALITIES, Modality, Pair, select
from photosketch.geometry import patch_checks
from photosketch.jobs.job import InputError, counted, listed, say
from photosketch.landmarks.manual import CONFIG_KEY, read_manual, write_template
from photosketch.landmarks.table import (
    COLUMNS,
    ImageKey,
    points_by_image,
    rows_by_image,
    without_points,
)

USUAL_FILE = "resources/manual_landmarks.csv"


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
    """The landmark tables by subset: points placed by hand, else of MTCNN, else of Face++, else
    of the mesh.

    `detected` (MTCNN and mesh) and `facepp` are tables by subset, `manual` is the manual file or
    None. Rows are in the order of `pairs`, photo before sketch; those placed by hand have no score.
    Images without points are written to `template`, a manual file that lacks the points only; what
    somebody has filled in there is kept. If nothing is missing, the template is removed.

    Every photo needs points; a sketch only if `sketches_needed_by` names something for its split
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
    found = rows_by_image(detected)
    surer = {image: row for image, row in found.items() if row["source"] != "mesh"}
    known = found | rows_by_image(facepp or {}) | surer | by_hand
    rows: dict[str, list[Mapping[str, object]]] = {pair.subset: [] for pair in pairs}
    missing: list[ImageKey] = []
    needed: list[str] = []
    for pair in pairs:
        for modality in MODALITIES:
            image = pair.subset, pair.id, modality
            if image in known:
                rows[pair.subset].append(known[image])
            elif image not in mentioned:
                missing.append(image)
                uses = sketches_needed_by.get(pair.split, ()) if modality == "sketch" else ()
                if uses or modality == "photo":
                    needed.append(
                        f"{getattr(pair, modality)}: no face found in the {modality} of "
                        f"{pair.subset} {pair.id} with usable points, and none placed by hand"
                        + (f" (needed by {', '.join(uses)})" if uses else "")
                    )
    unwritten = write_template(template, missing) if missing else []
    if needed:
        problems += [*needed, *_ways_out(manual, template, page, page_command), *unwritten]
    if problems:
        raise InputError(problems)
    if not missing:
        template.unlink(missing_ok=True)
    return {subset: pd.DataFrame(rows[subset], columns=list(COLUMNS)) for subset in rows}


def _ways_out(manual: Path | None, template: Path, page: Path, page_command: str) -> list[str]:
    named = "" if manual else " and name that file"
    return [
        f"{page}: is the page to click their points; make it by `{page_command}`, open it in any "
        "browser (no network needed: from a cluster copy the file to your laptop), click, press "
        f"Download, save it {f'in place of {manual}' if manual else f'as {USUAL_FILE}'}{named} "
        f"({CONFIG_KEY}), and run again",
        f"{template}: has a row for each of them, for points that are known as numbers; fill in "
        "the points (x and y in pixels, left is the viewer's left), "
        f"{f'append its rows to {manual}' if manual else f'copy it to {USUAL_FILE}'}{named} "
        f"({CONFIG_KEY}), and run again",
    ]


def misplaced_faces(
    pairs: Iterable[Pair],
    tables: Mapping[str, pd.DataFrame],
    modality: Modality,
    frame: int = FRAMES[0],
) -> list[str]:
    """A line for each photo or sketch with a face that the local networks' rectangles do not fit
    in a frame of that many pixels a side, by landmark tables by subset.

    The check is absolute: `review` compares the faces of a subset with each other, and misses faces
    that are all too small. Images without points have no line.
    """
    located = {
        (subset, *image): points
        for subset, table in tables.items()
        for image, points in points_by_image(table).items()
    }
    return patch_checks.misplaced_faces(
        (
            (
                f"{getattr(pair, modality)} ({modality} of {pair.subset} {pair.id})",
                located[pair.subset, pair.id, modality],
                pair.size(modality),
            )
            for pair in pairs
            if (pair.subset, pair.id, modality) in located
        ),
        frame,
    )


def check_places(
    pairs: Sequence[Pair],
    tables: Mapping[str, pd.DataFrame],
    frame: int,
    ablations: Sequence[str],
    page_command: str,
    console: TextIO,
) -> None:
    """Print misplaced faces (`misplaced_faces`), and tell `console` how many there are.

    Raises InputError if photos have misplaced faces and `ablations` have local networks; those see
    no points of sketches.
    """
    photos, sketches = (misplaced_faces(pairs, tables, each, frame) for each in MODALITIES)
    if photos and ablations:
        raise InputError(
            patch_checks.refusal(photos, ablations, aligned=False, page_command=page_command)
        )
    for line in (*photos, *sketches):
        print(line)
    if photos or sketches:
        print(
            f"{counted(len(photos), 'photo')} and {counted(len(sketches), 'sketch', 'sketches')} "
            "have faces that are not where CUFS has them (dataset.align; the log of "
            "merge_landmarks names them)",
            file=console,
        )


def say_sources(
    pairs: Sequence[Pair], tables: Mapping[str, pd.DataFrame], page_command: str, console: TextIO
) -> None:
    """Tell log and console how many points each source gave, and which sketches have none."""
    for subset, table in tables.items():
        counts = table["source"].value_counts().sort_index()
        say(f"{subset}: {', '.join(f'{n} {source}' for source, n in counts.items())}", console)
    meshed = [
        f"{row.modality} of {subset} {row.id}"
        for subset, table in tables.items()
        for row in table[table["source"] == "mesh"].itertuples()
    ]
    if meshed:
        say(
            f"{counted(len(meshed), 'image')} in which MTCNN finds no face, with points of the "
            f"mesh: {', '.join(meshed)}. To confirm or to move them: `{page_command}`",
            console,
        )
    unlocated = [
        f"{pair.subset} {pair.id}"
        for subset, table in tables.items()
        for pair in without_points(select(pairs, subset), table, "sketch")
    ]
    if unlocated:
        say(
            f"no points for {len(unlocated)} of {len(pairs)} sketches, which nothing here needs "
            f"(a warp would): {listed(unlocated, 5)}. They get no labels; to place points: "
            f"`{page_command}`",
            console,
        )
