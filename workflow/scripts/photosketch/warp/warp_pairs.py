"""Warping and scoring all pairs of a subset.

A score compares the pair before and after the warp. For this the warped sketch is parsed again
(labels drawn by hand are warped instead) and its face is detected again. A pair whose masks get
worse keeps its original sketch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from photosketch.data.array_types import Field, Image, Labels, Mask, Points
from photosketch.data.pairs import MODALITIES, Pair, read_image
from photosketch.jobs.messages import InputError
from photosketch.jobs.threads import workers
from photosketch.landmarks.table import (
    points_of,
    require_photo_points,
    sketch_problems,
    without_points,
)
from photosketch.parsing.labels import BACKGROUND, CLASSES, Parsings
from photosketch.warp import maps
from photosketch.warp.estimate import Face, Mode, estimate
from photosketch.warp.files import Warped

Parse = Callable[[Image, Points], Labels]
Detect = Callable[[Sequence[Image]], Sequence[Points | None]]
Result = tuple[Image, Field, Mask, dict[str, Any]]  # sketch, map, valid as in `Warped`; scores


def warp_pairs(
    pairs: Sequence[Pair],
    table: pd.DataFrame,
    parsings: Parsings,
    mode: Mode,
    parse: Parse,
    parse_fallback: Parse,
    detect: Detect,
    threads: int = 1,
    shrink: int = 1,
    page_command: str = "snakemake annotate --cores 1",
) -> tuple[Warped, pd.DataFrame]:
    """Estimate, apply and score T for each pair, `threads` at a time.

    The results are the same for every number of threads. `parse` labels a warped sketch,
    `parse_fallback` a sketch listed in `Parsings.fallback`; labels listed in `Parsings.manual` are
    warped with their sketches. `detect` finds the points of sketches, None if it finds no face. The
    images are `shrink` times as large as CUFS's. `page_command` makes the page to click points on.

    The scores have one row per pair; lengths are in pixels of the images. `_before` compares the
    photo with the original sketch, `_after` with the warped sketch, or with the original sketch if
    the warp was rejected:

    id; worse: the warp was rejected because the masks got worse; shrunk: it was made smaller
    because it would have folded
    head_before, head_after, {class}_before, {class}_after: IoU of masks; empty without the class
    tried: head IoU with the warp, rejected or not
    points_before, points_after: mean distance of the five points in pixels; empty if `detect` finds
    no face in the warped sketch
    min_jacobian, sharpness (variance of the Laplacian in the head, warped over original),
    inverse_consistency (pixels, T and the map estimated the other way round): of the tried warp

    "Worse" means a smaller IoU of the head for `face`, and for `region` a smaller mean IoU of
    brows, eyes, nose and mouth. Raises InputError with every photo without points, or every sketch
    without points or labels.
    """
    require_photo_points(pairs, table)
    labels = {modality: parsings.by_id(modality) for modality in MODALITIES}
    unlocated = without_points(pairs, table, "sketch")
    missing = sketch_problems(unlocated, "the warp", page_command)
    missing += [
        f"{pair.sketch}: the parser found no face in the sketch of {pair.subset} {pair.id}, and "
        "the warp needs its labels; set parsing.fallback to true, or draw them (parsing.manual)"
        for pair in pairs
        if pair.id in parsings.unparsed and pair not in unlocated
    ]
    if missing:
        raise InputError(missing)

    def warped(pair: Pair) -> Result:
        photo, sketch = (
            Face(read_image(pair, m), labels[m][pair.id], points_of(table, pair.id, m))
            for m in MODALITIES
        )
        forth = estimate(photo, sketch, mode, shrink)
        back = estimate(sketch, photo, mode, shrink)
        drawn, valid = maps.apply(sketch.image, forth.map, sketch.labels)
        if (pair.id, "sketch") in parsings.manual:
            drawn_labels = maps.apply_labels(sketch.labels, forth.map)
        else:
            again = parse_fallback if (pair.id, "sketch") in parsings.fallback else parse
            drawn_labels = again(drawn, maps.inverse_at(forth.map, sketch.points))
        before, after = (_ious(photo.labels, seen) for seen in (sketch.labels, drawn_labels))
        compared = ("head",) if mode == "face" else ("brows", "eyes", "nose", "mouth")
        agreement = [np.nanmean([ious[name] for name in compared]) for ious in (before, after)]
        worse = bool(agreement[1] < agreement[0])
        apart = _distance(photo.points, sketch.points)
        head = photo.labels != BACKGROUND
        scores = {
            "id": pair.id,
            "worse": worse,
            "shrunk": forth.shrunk,
            **{f"{name}_before": value for name, value in before.items()},
            **{f"{name}_after": value for name, value in (before if worse else after).items()},
            "tried": after["head"],
            "points_before": apart,
            "points_after": apart if worse else float("nan"),
            "min_jacobian": forth.smallest_jacobian,
            "sharpness": maps.sharpness(drawn, head) / maps.sharpness(sketch.image, head),
            "inverse_consistency": maps.inverse_consistency(forth.map, back.map, head),
        }
        if worse:
            shape = sketch.image.shape
            return sketch.image, maps.identity(shape), np.ones(shape, bool), scores
        return drawn, forth.map, valid, scores

    with workers(threads) as pool:
        *arrays, scores = zip(*pool.map(warped, pairs), strict=True)
    for pair, row, seen in zip(pairs, scores, detect(arrays[0]), strict=True):
        if seen is not None and not row["worse"]:
            row["points_after"] = _distance(points_of(table, pair.id, "photo"), seen)
    ids = tuple(pair.id for pair in pairs)
    return Warped(ids, *map(np.stack, arrays)), pd.DataFrame(scores)


def _distance(points: Points, others: Points) -> float:
    return float(np.linalg.norm(points - others, axis=1).mean())


def _ious(photo: Labels, sketch: Labels) -> dict[str, float]:
    """IoU of the head mask and of each class."""
    ious = {name: maps.iou(photo == label, sketch == label) for label, name in enumerate(CLASSES)}
    del ious["background"]
    return {"head": maps.iou(photo != BACKGROUND, sketch != BACKGROUND)} | ious
