"""Whether the local networks' rectangles fit a face: the one check of where faces lie.

It decides over errors and log lines alone, so no rule's `code` holds this module and what only it
imports (`code_version.EXEMPT`): no result may depend on it.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from photosketch.configuration.settings import FRAMES
from photosketch.geometry.patches import clamped

# Pixels in a frame of 256. Below, the four rectangles lie on each other, and above, each shows less
# than what it is named for. CUFS's are 44 to 58 (CUHK, photos and sketches), the template's 51.4.
EYE_DISTANCES = (40.0, 62.0)
# Degrees: the rectangles stand upright, and in that of the mouth (40 px high) the corners of one as
# wide as CUFS's (41 px) lie 15 px apart in height. CUFS's faces are tilted by 3 at most.
LARGEST_TILT = 20.0


def face_problems(points: np.ndarray, size: Sequence[int], frame: int = FRAMES[0]) -> list[str]:
    """What keeps the local networks' rectangles from fitting a face, in words; mostly nothing.

    `points` [5, 2] in pixels of an image of `size` (width, height), which is the centre, unscaled,
    of a frame of `frame` pixels a side.
    """
    across, down = points[1] - points[0]
    distance, tilt = float(np.hypot(across, down)), float(np.degrees(np.arctan2(down, across)))
    least, most = (limit * frame / FRAMES[0] for limit in EYE_DISTANCES)
    found = []
    if not least <= distance <= most:
        found.append(f"the eyes are {distance:.0f} px apart instead of {least:g} to {most:g}")
    if abs(tilt) > LARGEST_TILT:
        found.append(f"the face is tilted by {tilt:.0f} degrees, over {LARGEST_TILT:g}")
    if moved := clamped(points, size, frame):
        names = ", ".join(name.replace("_", " ") for name in moved)
        found.append(f"too near the border: {names}")
    return found


def misplaced_faces(
    faces: Iterable[tuple[str, np.ndarray, Sequence[int]]], frame: int
) -> list[str]:
    """A line for each face that the rectangles do not fit. `faces`: what a line begins with, and
    points, image size as `face_problems` takes them."""
    return [
        f"{name}: {', '.join(found)}"
        for name, points, size in faces
        if (found := face_problems(points, size, frame))
    ]


def refusal(
    lines: Sequence[str], ablations: Sequence[str], *, aligned: bool, page_command: str
) -> list[str]:
    """The problems of a run whose `ablations` have local networks that photos do not fit: `lines`
    of `misplaced_faces`, and what can be done. `aligned`: dataset.align is on already;
    `page_command` makes the page on which points can be clicked."""
    have = "1 photo has a face" if len(lines) == 1 else f"{len(lines)} photos have faces"
    align = "set dataset.align to each (to photo, if sketches were drawn over the photos)"
    return [
        *lines,
        f"{have} that the local networks of {', '.join(ablations)} do not fit. If points are "
        "wrong, correct them: list the photos in landmarks.annotate (SUBSET/ID/photo), and "
        f"`{page_command}` makes a page that shows them and their points, to click "
        f"(docs/landmarks.md). Otherwise {'' if aligned else f'{align}, '}leave the pairs out of "
        "the table, or set losses.local to 0",
    ]
