"""The demo's data, which the tests take as ground truth too. Written into a folder:

- pairs.tsv: subset, id, split, photo, sketch (written last: then all is there)
- manual_landmarks.csv: the true points of the sketches in which no detector sees a face
- {subset}/photos, {subset}/sketches
- truth/{subset}.npz: ids [N]; photo_landmarks, sketch_landmarks [N, 5, 2]; photo_labels,
  sketch_labels [N, H, W]; maps [N, H, W, 2], as in `DemoPair`
"""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from photosketch.demo.drawing import Image
from photosketch.demo.looks import LOOKS, colour_sketch
from photosketch.demo.pair import DemoPair, draw_pair
from photosketch.jobs.job import write_atomically
from photosketch.landmarks.table import COORDINATES

FADED_INK = 0.12
TRAIN_PAIRS, TEST_PAIRS = 8, 6
# Position, within its subset, of the pair whose sketch is faded: once in train, twice in test.
FADED = {"pencil": 9, "charcoal": 2, "sanguine": 12}


def write_demo(folder: str | Path) -> None:
    """Write the demo's data (see the head of this module) into a folder."""
    folder = Path(folder)
    (folder / "pairs.tsv").unlink(missing_ok=True)  # while it is missing, the rest is incomplete
    rows: list[dict[str, str]] = []
    manual: list[dict[str, str]] = []
    for number, look in enumerate(LOOKS):
        ids = [f"{k + 1:02d}" for k in range(TRAIN_PAIRS + TEST_PAIRS)]
        pairs = []
        for k, id in enumerate(ids):
            faded = k == FADED[look.name]
            pair = draw_pair(number * len(ids) + k, look, ink=FADED_INK if faded else 1.0)
            photo = f"{look.name}/photos/{id}.jpg"
            sketch = f"{look.name}/sketches/{id}{look.sketch_suffix}"
            _write_image(folder / photo, pair.photo)
            _write_image(
                folder / sketch, colour_sketch(pair.sketch, look) if look.tint else pair.sketch
            )
            name = {"subset": look.name, "id": id}
            split = "train" if k < TRAIN_PAIRS else "test"
            rows.append({**name, "split": split, "photo": photo, "sketch": sketch})
            if faded:
                points = (f"{value:.2f}" for value in pair.sketch_landmarks.ravel())
                coordinates = dict(zip(COORDINATES, points, strict=True))
                manual.append({**name, "modality": "sketch", **coordinates})
            pairs.append(pair)
        _write_truth(folder / "truth" / f"{look.name}.npz", ids, pairs)
    with write_atomically(folder / "manual_landmarks.csv") as temporary:
        pd.DataFrame(manual).to_csv(temporary, index=False)
    with write_atomically(folder / "pairs.tsv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, sep="\t", index=False)


def _write_image(path: Path, image: Image) -> None:
    if image.ndim == 3:
        image = image[..., ::-1]  # OpenCV writes BGR
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else []
    with write_atomically(path) as temporary:
        if not cv2.imwrite(str(temporary), image, options):
            raise OSError(f"{path} could not be written")


def _write_truth(path: Path, ids: list[str], pairs: list[DemoPair]) -> None:
    with write_atomically(path) as temporary:
        np.savez_compressed(
            temporary,
            ids=np.array(ids),
            photo_landmarks=np.stack([pair.photo_landmarks for pair in pairs]),
            sketch_landmarks=np.stack([pair.sketch_landmarks for pair in pairs]),
            photo_labels=np.stack([pair.photo_labels for pair in pairs]),
            sketch_labels=np.stack([pair.sketch_labels for pair in pairs]),
            maps=np.stack([pair.map for pair in pairs]),
        )
