"""The faces of the demo as they are committed in resources/demo, and what is true of them.

`python -m support.faces.dataset FOLDER`, called in tests/, writes them into a folder:

- pairs.tsv: subset, id, split, photo, sketch
- manual_landmarks.csv: the true points of the faded sketches, in which no detector sees a face
- {subset}/photos, {subset}/sketches
"""

import sys
from pathlib import Path

import cv2
import pandas as pd

from photosketch.landmarks.table import COORDINATES
from support.faces.looks import LOOKS, Look, colour_sketch
from support.faces.pair import DemoPair, draw_pair

FADED_INK = 0.12
TRAIN_PAIRS, TEST_PAIRS = 8, 6
PAIRS = TRAIN_PAIRS + TEST_PAIRS
# Position, within its subset, of the pair whose sketch is faded: once in train, twice in test.
FADED = {"pencil": 9, "charcoal": 2, "sanguine": 12}


def demo_pair(look: Look, position: int) -> DemoPair:
    """The pair at a position (0 to 13) of a look's subset."""
    ink = FADED_INK if position == FADED[look.name] else 1.0
    return draw_pair(LOOKS.index(look) * PAIRS + position, look, ink=ink)


def write_pair(folder: Path, look: Look, position: int, pair: DemoPair) -> dict[str, str]:
    """Write photo and sketch of a pair; its row of pairs.tsv."""
    id = f"{position + 1:02d}"
    photo = f"{look.name}/photos/{id}.jpg"
    sketch = f"{look.name}/sketches/{id}{look.sketch_suffix}"
    for path, image in ((photo, pair.photo), (sketch, colour_sketch(pair.sketch, look))):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.endswith(".jpg") else []
        bgr = image if image.ndim == 2 else image[..., ::-1]
        assert cv2.imwrite(str(folder / path), bgr, options), path
    split = "train" if position < TRAIN_PAIRS else "test"
    return {"subset": look.name, "id": id, "split": split, "photo": photo, "sketch": sketch}


def write_demo(folder: Path) -> None:
    """Write all that the head of this module lists."""
    rows, manual = [], []
    for look in LOOKS:
        for position in range(PAIRS):
            pair = demo_pair(look, position)
            rows.append(write_pair(folder, look, position, pair))
            if position == FADED[look.name]:
                points = (f"{value:.2f}" for value in pair.sketch_landmarks.ravel())
                key = {"subset": look.name, "id": rows[-1]["id"], "modality": "sketch"}
                manual.append(key | dict(zip(COORDINATES, points, strict=True)))
    pd.DataFrame(manual).to_csv(folder / "manual_landmarks.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "pairs.tsv", sep="\t", index=False)


if __name__ == "__main__":
    write_demo(Path(sys.argv[1]))
