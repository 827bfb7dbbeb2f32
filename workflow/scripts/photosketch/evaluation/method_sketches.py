"""Sketches that another method drew of the test photos: {folder}/{subset}/{id}.png or .jpg.

Imports no numpy or Pillow at the top, because the Snakefile lists the files.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.configuration.settings import FRAMES
from photosketch.data import images
from photosketch.data.pairs import Pair
from photosketch.jobs.messages import InputError, listed

if TYPE_CHECKING:
    import numpy as np

BORDER_TOLERANCE, BORDER_SHARE = 16, 0.98  # gray levels from the median; share of the pixels


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """All images in a folder and two levels below, expected or not, sorted."""
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        if len(Path(place).relative_to(folder).parts) == 2:
            folders.clear()
        files = [os.path.join(place, name) for name in names]
        found += [file for file in files if file.lower().endswith(images.SKETCH_SUFFIXES)]
    return sorted(filter(os.path.isfile, found))


def collect(
    folder: str | os.PathLike[str], people: Sequence[Pair]
) -> tuple["np.ndarray", list[str]]:
    """The sketches [N, H, W] uint8 of `people`, in their order and size, and notes on what was done
    to the images.

    Raises InputError if there is no such folder, or with every image that is missing, exists twice
    or cannot be read as people see it.
    """
    import numpy as np

    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError([f"{folder} is not a folder; correct the path in methods"])
    by_place: dict[tuple[str, ...], list[Path]] = {}
    for path in map(Path, image_files(folder)):
        place = path.relative_to(folder).with_suffix("").parts  # (subset, id), or it is extra
        by_place.setdefault(place, []).append(path)
    problems, sketches, treatments, compressed = [], [], Counter[str](), 0
    for pair in people:
        which = f"sketch of test pair {pair.subset} {pair.id}"
        paths = by_place.pop((pair.subset, pair.id), [])
        if not paths:
            missing = f"{folder / pair.subset / pair.id}.png"
            problems.append(f"{missing}: no {which}; add it (PNG or JPEG)")
            continue
        if len(paths) > 1:
            several = " and ".join(map(str, paths))
            problems.append(f"{several}: more than one {which}; remove all but one")
            continue
        try:
            sketch, treatment = read_sketch(paths[0], pair.width, pair.height)
        except images.FaultyError as error:
            problems.append(f"{paths[0]}: {error}")
            continue
        sketches.append(sketch)
        treatments[treatment] += 1
        compressed += paths[0].suffix.lower() != ".png"
    extra = [_printed(path) for paths in by_place.values() for path in paths]
    unused = f"no test pair belongs to {listed(extra)}"
    if len(sketches) < len(people) and extra:  # the missing sketches can be in a wrong place
        problems.append(f"{unused}; sketches are looked for in {folder}/SUBSET/ID.png")
    if problems:
        raise InputError(problems)
    treatments.pop("", None)
    if compressed:
        treatments["are JPEG, which changes texture"] = compressed
    notes = [f"{count} of {len(people)} images {what}" for what, count in treatments.items()]
    return np.stack(sketches), notes + ([f"{unused}: left out"] if extra else [])


def _printed(path: Path) -> str:
    """A path as text that is safe in Markdown, HTML, LaTeX and UTF-8: %XX for everything except
    letters, digits and common marks."""
    return re.sub(
        r"[^\w/ .,+=@()-]",
        lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])),
        str(path),
    )


def read_sketch(path: str | os.PathLike[str], width: int, height: int) -> tuple["np.ndarray", str]:
    """A sketch [height, width] uint8 gray, and in words what was done: nothing, cut or scaled.

    A frame of 256 x 256 or 512 x 512 whose border has one gray level, up to the changes by a
    network or JPEG, is cut to its centre, because pix2pix pads images to such frames. Any other
    size is scaled: by area averaging to a smaller size, bicubically to a larger size.

    Raises FaultyError if the file cannot be read as people see it.
    """
    import cv2
    import numpy as np

    pixels = images.decode(images.file_bytes(Path(path)), colour=False)
    found_height, found_width = pixels.shape
    if (found_width, found_height) == (width, height):
        return pixels, ""
    size = f"{found_width}x{found_height}"
    left, top = (found_width - width) // 2, (found_height - height) // 2
    if found_width == found_height and found_width in FRAMES and min(left, top) >= 0:
        centre = np.s_[top : top + height, left : left + width]
        outside = np.full(pixels.shape, True)
        outside[centre] = False
        border = pixels[outside].astype(int)
        near = np.abs(border - np.median(border)) <= BORDER_TOLERANCE
        if near.mean() >= BORDER_SHARE:
            return pixels[centre], f"of {size} pixels were cut to their centre"
    method = cv2.INTER_AREA if pixels.size > width * height else cv2.INTER_CUBIC
    scaled = cv2.resize(pixels, (width, height), interpolation=method)
    return scaled, f"of {size} pixels were scaled to the input size"
