"""Sketches that somebody else's method drew of the test photos: {folder}/{subset}/{id}.png or .jpg.

Free of numpy and Pillow at import, because the Snakefile lists the files.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.config import FRAME
from photosketch.pairs import Pair
from photosketch.runtime import InputError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg")
_NAMED = 10  # files named in a message


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """The images below a folder, sorted; none where there is no such folder."""
    return sorted(
        str(path)
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def collect(
    folder: str | os.PathLike[str], people: Sequence[Pair]
) -> tuple["np.ndarray", list[str]]:
    """The sketches [N, H, W] uint8 of `people`, in their order and size, and what had to be done.

    Raises InputError with every image that is missing, doubled or broken.
    """
    import numpy as np

    found: dict[tuple[str, str], list[Path]] = {}
    for path in map(Path, image_files(folder)):
        found.setdefault((path.parent.name, path.stem), []).append(path)
    problems, sketches, sizes, compressed = [], [], Counter[str](), 0
    for pair in people:
        paths = found.pop((pair.subset, pair.id), [])
        if len(paths) != 1:
            expected = Path(folder, pair.subset, f"{pair.id}.png")
            problems.append(
                f"{expected}: {'no' if not paths else 'more than one'} sketch of test pair "
                f"{pair.subset} {pair.id} (PNG or JPEG); add it, or remove all but one"
            )
            continue
        [path] = paths
        compressed += path.suffix.lower() != ".png"
        try:
            sketch, size = read_sketch(path, pair.width, pair.height)
        except (OSError, SyntaxError, ValueError) as error:
            problems.append(f"{path}: is no intact image ({error}); replace the file")
            continue
        if size != (pair.width, pair.height):
            sizes[f"{size[0]}x{size[1]}"] += 1
        sketches.append(sketch)
    if problems:
        raise InputError(problems)
    notes = [
        f"{count} of {len(people)} images of {size} pixels were "
        + ("cut to their centre" if size == f"{FRAME}x{FRAME}" else "scaled to the input size")
        for size, count in sizes.items()
    ]
    if compressed:
        notes.append(f"{compressed} of {len(people)} images are JPEG, which changes texture")
    extra = [str(path) for paths in found.values() for path in paths]
    if extra:
        more = f" and {len(extra) - _NAMED} more" if len(extra) > _NAMED else ""
        notes.append(f"no test pair belongs to {', '.join(extra[:_NAMED])}{more}: left out")
    return np.stack(sketches), notes


def read_sketch(
    path: str | os.PathLike[str], width: int, height: int
) -> tuple["np.ndarray", tuple[int, int]]:
    """A sketch [height, width] uint8 gray, and the (width, height) that it had in the file.

    A frame of 256 x 256 is cut to its centre, where pix2pix's frames hold the image; any other
    size is scaled: by area averaging where it shrinks, bicubically where it grows.
    """
    import cv2
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
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
