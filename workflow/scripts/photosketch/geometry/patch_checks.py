"""Whether the local networks' rectangles fit a face, and what is said of those that they do not.

It decides over errors and log lines alone, so no rule's `code` holds it (`versions.EXEMPT`), nor
does it import what one does: callers bring the rectangles (`patches.clamped`).
"""

from collections.abc import Sequence

import numpy as np

from photosketch.configuration.settings import FRAMES

# Pixels in a frame of 256. Below, the four rectangles lie on each other, and above, each shows less
# than what it is named for. CUFS's are 44 to 58 (CUHK, photos and sketches), the template's 51.4.
EYE_DISTANCES = (40.0, 62.0)
# Degrees: the rectangles stand upright, and in that of the mouth (40 px high) the corners of one as
# wide as CUFS's (41 px) lie 15 px apart in height. CUFS's faces are tilted by 3 at most.
LARGEST_TILT = 20.0


def problems(points: np.ndarray, clamped: Sequence[str], frame: int = FRAMES[0]) -> list[str]:
    """What keeps the local networks' rectangles from fitting a face, in words; mostly nothing.

    `points` [5, 2], unscaled in a frame of that many pixels a side; `clamped`, the rectangles that
    do not lie inside it.
    """
    across, down = points[1] - points[0]
    distance, tilt = float(np.hypot(across, down)), float(np.degrees(np.arctan2(down, across)))
    least, most = (limit * frame / FRAMES[0] for limit in EYE_DISTANCES)
    found = []
    if not least <= distance <= most:
        found.append(f"the eyes are {distance:.0f} px apart instead of {least:g} to {most:g}")
    if abs(tilt) > LARGEST_TILT:
        found.append(f"the face is tilted by {tilt:.0f} degrees, over {LARGEST_TILT:g}")
    if clamped:
        names = ", ".join(name.replace("_", " ") for name in clamped)
        found.append(f"too near the border: {names}")
    return found


def refusal(
    lines: Sequence[str], ablations: Sequence[str], *, aligned: bool, page_command: str
) -> list[str]:
    """The problems of a run whose `ablations` have local networks that photos do not fit: those
    named by `lines`, and what can be done. `aligned`: dataset.align is on already; `page_command`
    makes the page on which points can be clicked."""
    have = "1 photo has a face" if len(lines) == 1 else f"{len(lines)} photos have faces"
    align = "set dataset.align to each (photo, where sketches were drawn over the photos)"
    return [
        *lines,
        f"{have} that the local networks of {', '.join(ablations)} do not "
        "fit. Where the points are wrong, correct them: list the photos in landmarks.annotate "
        f"(SUBSET/ID/photo), and `{page_command}` makes a page that shows them and their "
        "points, to click (docs/landmarks.md). Else "
        f"{'' if aligned else f'{align}, '}leave the pairs out of the table, or set losses.local "
        "to 0",
    ]
