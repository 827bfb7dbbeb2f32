"""How many images a second the detection takes in batches and with one call an image: on real pairs
if PHOTOSKETCH_CUFS names some, else on generated faces.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

PAIRS, ROUNDS = 32, 3


def faces() -> list[np.ndarray]:
    """Photos and sketches of 32 pairs."""
    from photosketch.data import pairs
    from support.faces.looks import LOOKS
    from support.faces.pair import draw_pair

    folder = os.environ.get("PHOTOSKETCH_CUFS")
    if folder:
        listed = pairs.index_pairs(Path(folder) / "pairs.tsv", (200, 250))[:PAIRS]
        return [
            pairs.read_image(pair, modality) for pair in listed for modality in pairs.MODALITIES
        ]
    drawn = [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(PAIRS)]
    return [image for pair in drawn for image in (pair.photo, pair.sketch)]


def main() -> dict[str, float | int | str]:
    import torch

    from photosketch.landmarks import detection

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = faces()

    def one_by_one() -> np.ndarray:
        single = [detection.detect([image], device)[0] for image in images]
        return np.stack([face.points for face in single if face])

    def in_batches() -> np.ndarray:
        return np.stack([face.points for face in detection.detect(images, device) if face])

    difference = np.abs(one_by_one() - in_batches()).max()  # the first call of each warms up
    seconds: dict[Callable[[], np.ndarray], float] = {one_by_one: np.inf, in_batches: np.inf}
    for _ in range(ROUNDS):  # taking turns, so that other load meets both
        for function in seconds:
            started = time.perf_counter()
            function()
            seconds[function] = min(seconds[function], time.perf_counter() - started)
    result: dict[str, float | int | str] = {
        "device": str(device),
        "threads": torch.get_num_threads(),
        "images": len(images),
        "one_call_an_image_per_s": round(len(images) / seconds[one_by_one], 1),
        "in_batches_per_s": round(len(images) / seconds[in_batches], 1),
        "speedup": round(seconds[one_by_one] / seconds[in_batches], 2),
        "largest_difference_px": round(float(difference), 5),
    }
    print("detection: " + ", ".join(f"{name} {value}" for name, value in result.items()))
    return result


if __name__ == "__main__":
    main()
