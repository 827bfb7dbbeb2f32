"""Two pictures one over the other, cut at a line that a person moves: style and script for pages.

In a page, `divided(stage, range)` of the script makes it of an element `.stage` that holds two
images, the second `.over`, and of an `input` of type range; it gives the function that moves the
line to a percentage.
"""

from pathlib import Path

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
