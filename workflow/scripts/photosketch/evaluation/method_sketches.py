"""Sketches that somebody else's method drew of the test photos: {folder}/{subset}/{id}.png or .jpg.

Free of numpy and Pillow at import, because the Snakefile lists the files.
"""

import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.config import FRAME
from photosketch.pairs import Pair, inspect_image
from photosketch.runtime import InputError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg")
_NAMED = 10  # files named in a message


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """All images below a folder, also those at a depth where none is expected, sorted."""
    paths = {*Path(folder).glob("*/*"), *Path(folder).rglob("*")}  # rglob follows no links
    return sorted(str(path) for path in paths if path.suffix.lower() in SUFFIXES and path.is_file())


def collect(
    folder: str | os.PathLike[str], people: Sequence[Pair]
) -> tuple["np.ndarray", list[str]]:
    """The sketches [N, H, W] uint8 of `people`, in their order and size, and what had to be done.

    Raises InputError where there is no such folder, or with every image that is missing, doubled,
    broken, or of a kind whose pixels are not what people see.
    """
    import numpy as np

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError([f"{folder} is no folder; correct the path in methods"])
    by_place: dict[tuple[str, ...], list[Path]] = {}
    for path in map(Path, image_files(folder)):
        place = path.relative_to(folder).with_suffix("").parts  # (subset, id), or it is extra
        by_place.setdefault(place, []).append(path)
    problems, sketches, sizes, compressed = [], [], Counter[str](), 0
    for pair in people:
        paths = by_place.pop((pair.subset, pair.id), [])
        if not paths:
            problems.append(
                f"{folder / pair.subset / pair.id}.png: no sketch of test pair "
                f"{pair.subset} {pair.id}; add it (PNG or JPEG)"
            )
            continue
        if len(paths) > 1:
            problems.append(
                f"{' and '.join(map(str, paths))}: more than one sketch of test pair "
                f"{pair.subset} {pair.id}; remove all but one"
            )
            continue
        [path] = paths
        compressed += path.suffix.lower() != ".png"
        try:
            sketch, size = read_sketch(path, pair.width, pair.height)
        except InputError as error:
            problems += error.problems
            continue
        if size != (pair.width, pair.height):
            sizes[f"{size[0]}x{size[1]}"] += 1
        sketches.append(sketch)
    extra = [str(path) for paths in by_place.values() for path in paths]
    more = f" and {len(extra) - _NAMED} more" if len(extra) > _NAMED else ""
    unused = f"no test pair belongs to {', '.join(extra[:_NAMED])}{more}"
    if len(sketches) < len(people) and extra:  # which may be what is missing, in another place
        problems.append(f"{unused}; sketches are looked for in {folder}/SUBSET/ID.png")
    if problems:
        raise InputError(problems)
    notes = [
        f"{count} of {len(people)} images of {size} pixels were "
        + ("cut to their centre" if size == f"{FRAME}x{FRAME}" else "scaled to the input size")
        for size, count in sizes.items()
    ]
    if compressed:
        notes.append(f"{compressed} of {len(people)} images are JPEG, which changes texture")
    if extra:
        notes.append(f"{unused}: left out")
    return np.stack(sketches), notes


def read_sketch(
    path: str | os.PathLike[str], width: int, height: int
) -> tuple["np.ndarray", tuple[int, int]]:
    """A sketch [height, width] uint8 gray, and the (width, height) that it had in the file.

    A frame of 256 x 256 is cut to its centre, where pix2pix's frames hold the image; any other
    size is scaled: by area averaging where it shrinks, bicubically where it grows.

    Raises InputError, one problem, where the file is broken or not 8-bit gray or RGB upright: 16
    bits, transparency or a turn would become other pixels than those that people see.
    """
    import cv2
    import numpy as np
    from PIL import Image

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError([f"{path}: cannot be read ({error}); correct its permissions"]) from None
    _, faults = inspect_image(data)
    if faults:
        raise InputError([f"{path}: {', and it '.join(faults)}"])
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("L"))
    size = (pixels.shape[1], pixels.shape[0])
    if size == (width, height):
        return pixels, size
    if size == (FRAME, FRAME):
        left, top = (FRAME - width) // 2, (FRAME - height) // 2
        return pixels[top : top + height, left : left + width], size
    shrinks = size[0] * size[1] > width * height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(pixels, (width, height), interpolation=method), size
