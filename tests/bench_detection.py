"""Images per second of the detection, in batches and with one call per image: on real pairs if
PHOTOSKETCH_CUFS names some, or else on generated faces."""

import numpy as np
import torch

import bench_common
from photosketch.data.pairs import MODALITIES, read_image
from photosketch.landmarks.detection import detect
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair

ROUNDS = 3


def faces(pairs: int) -> list[np.ndarray]:
    """The photos and sketches of some pairs."""
    if real := bench_common.real_pairs()[:pairs]:
        return [read_image(pair, modality) for pair in real for modality in MODALITIES]
    drawn = [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(pairs)]
    return [image for pair in drawn for image in (pair.photo, pair.sketch)]


def main(pairs: int = 32) -> dict[str, float | int | str]:
    device = bench_common.device()
    images = faces(pairs)

    def one_by_one() -> np.ndarray:
        single = [detect([image], device)[0] for image in images]
        return np.stack([face.points for face in single if face])

    def in_batches() -> np.ndarray:
        return np.stack([face.points for face in detect(images, device) if face])

    difference = np.abs(one_by_one() - in_batches()).max()  # the first call of each warms up
    turns = [  # in turns, because other load then slows both
        [bench_common.timed(function)[0] for function in (one_by_one, in_batches)]
        for _ in range(ROUNDS)
    ]
    single, batched = np.min(turns, axis=0).tolist()
    result: dict[str, float | int | str] = {
        "device": device,
        "threads": torch.get_num_threads(),
        "images": len(images),
        "one_call_an_image_per_s": round(len(images) / single, 1),
        "in_batches_per_s": round(len(images) / batched, 1),
        "speedup": round(single / batched, 2),
        "largest_difference_px": round(float(difference), 5),
    }
    print("detection: " + ", ".join(f"{name} {value}" for name, value in result.items()))
    return result


if __name__ == "__main__":
    bench_common.start(main)
