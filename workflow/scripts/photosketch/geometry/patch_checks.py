"""Check whether the local networks' rectangles fit a face.

Only errors and log lines depend on this check, so no rule's `code` includes this module or what
only it imports (`code_version.EXEMPT`). No result may depend on it.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from photosketch.configuration.settings import FRAMES
from photosketch.geometry.patches import clamped

# Pixels in a frame of 256. If the eyes are closer, the four rectangles overlap. If they are further
# apart, a rectangle does not show its whole part. CUHK has 44 to 58 (photos and sketches), the
# template 51.4.
EYE_DISTANCES = (40.0, 62.0)
# Degrees. At this tilt the corners of a mouth 41 px wide, as in CUFS, differ by 15 px in height,
# and the mouth's rectangle is 40 px high. CUFS's faces are tilted by at most 3 degrees.
LARGEST_TILT = 20.0


def face_problems(points: np.ndarray, size: Sequence[int], frame: int) -> list[str]:
    """The reasons why the local networks' rectangles do not fit a face; usually none. The arguments
    are those of `patches.corners`."""
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
    """A line for each face (name, points, image size) that the rectangles do not fit."""
    return [
        f"{name}: {', '.join(found)}"
        for name, points, size in faces
        if (found := face_problems(points, size, frame))
    ]


def refusal(
    lines: Sequence[str], ablations: Sequence[str], *, aligned: bool, page_command: str
) -> list[str]:
    """The `lines` of `misplaced_faces` for the photos of a run, and the remedies. `ablations` have
    local networks. `aligned` means that dataset.align is on already. The command `page_command`
    makes the page on which points can be clicked."""
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
