"""Does FID rise with the damage of sketches? For the features of several networks.

Each kind of damage to true sketches has four strengths. In 100 draws of n = 50 people, the order is
found if FID rises with each strength. FID compares damaged sketches with true sketches of the same
people, as for a run, and of 50 other people. The networks are EfficientNet and an Inception with
random weights.

On CUHK's test pairs in the folder PHOTOSKETCH_CUFS, or else on generated pairs. Takes minutes, most
of them for Inception.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

import bench_common
from photosketch.configuration.settings import FeatureConfig
from photosketch.evaluation import distances, extractors
from photosketch.evaluation.scores import stack_gray_photos, stack_sketches
from support import inception_weights
from support.faces.looks import PENCIL
from support.faces.pair import draw_pair

PEOPLE, DRAWN, DRAWS = 100, 50, 100
Damage = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def blur(sketch: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(sketch, (0, 0), sigma)


def noise(sketch: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    noisy = sketch + random.normal(0, deviation, sketch.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def compression(sketch: np.ndarray, quality: float, random: np.random.Generator) -> np.ndarray:
    _, written = cv2.imencode(".jpg", sketch, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return cv2.imdecode(written, cv2.IMREAD_GRAYSCALE)


def misplacement(sketch: np.ndarray, pixels: float, random: np.random.Generator) -> np.ndarray:
    """Moved in a random direction; the border is repeated."""
    angle = random.uniform(0, 2 * np.pi)
    shift = np.array([[1, 0, pixels * np.cos(angle)], [0, 1, pixels * np.sin(angle)]])
    height, width = sketch.shape
    return cv2.warpAffine(sketch, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)


DAMAGES: dict[str, tuple[Damage, tuple[float, ...]]] = {
    "blur, sigma in pixels": (blur, (0.5, 1, 2, 4)),
    "noise, deviation in gray levels": (noise, (5, 10, 20, 40)),
    "JPEG, quality": (compression, (80, 40, 20, 10)),
    "misplacement, pixels": (misplacement, (2, 4, 8, 16)),
}
MIXED = (0.1, 0.2, 0.4, 0.8)  # share of photos among the sketches


def sketches_and_photos() -> tuple[np.ndarray, np.ndarray, str]:
    """Sketches and gray photos of PEOPLE people, [N, H, W] uint8 each, and their origin."""
    if pairs := bench_common.real_pairs("test")[:PEOPLE]:
        return stack_sketches(pairs), stack_gray_photos(pairs), "CUHK"
    drawn = [draw_pair(seed, PENCIL) for seed in range(PEOPLE)]
    photos = [cv2.cvtColor(pair.photo, cv2.COLOR_RGB2GRAY) for pair in drawn]
    return np.stack([pair.sketch for pair in drawn]), np.stack(photos), "generated faces"


def draws() -> list[tuple[np.ndarray, np.ndarray]]:
    """DRAWS times: the rows of DRAWN people, and of as many others."""
    random = np.random.default_rng(1)
    orders = [random.permutation(PEOPLE) for _ in range(DRAWS)]
    return [(order[:DRAWN], order[DRAWN : 2 * DRAWN]) for order in orders]


def order_found(
    true: np.ndarray, damaged: Callable[[np.ndarray], list[np.ndarray]]
) -> tuple[float, float]:
    """The share of draws in which FID rises with each strength, against the same people and against
    others. true: features [N, D]; damaged: from rows of people to their features at each strength.
    """
    found = np.zeros((DRAWS, 2), bool)
    for draw, (own, others) in enumerate(draws()):
        levels = damaged(own)
        for side, people in enumerate((own, others)):
            values = [distances.fid(true[people], level) for level in levels]
            found[draw, side] = np.all(np.diff(values) > 0)
    same, other = found.mean(axis=0).tolist()
    return same, other


def all_orders_found(
    sketches: np.ndarray, photos: np.ndarray, network: nn.Module
) -> Iterator[tuple[str, tuple[float, float]]]:
    """`order_found` for each kind of damage."""
    true, of_photos = (extractors.extract(images, network) for images in (sketches, photos))
    for name, (damage, strengths) in DAMAGES.items():
        random = np.random.default_rng(0)
        levels = [
            extractors.extract(np.stack([damage(one, level, random) for one in sketches]), network)
            for level in strengths
        ]
        yield name, order_found(true, lambda own, levels=levels: [level[own] for level in levels])
    counts = [round(share * DRAWN) for share in MIXED]
    yield (
        "photos mixed in, share",
        order_found(
            true,
            lambda own: [
                np.concatenate([of_photos[own[:count]], true[own[count:]]]) for count in counts
            ],
        ),
    )


def main() -> dict[str, dict[str, tuple[float, float]]]:
    """Print and return the shares."""
    sketches, photos, origin = sketches_and_photos()
    with tempfile.TemporaryDirectory() as folder:
        weights = inception_weights.write_tensorflow(Path(folder, "random.pth"))
        random = FeatureConfig("inception-tf", hashlib.sha256(weights.read_bytes()).hexdigest())
        networks = {
            "efficientnet-lite0": extractors.load(FeatureConfig("efficientnet-lite0")),
            "random Inception": extractors.load(random, weights),
        }
    results: dict[str, dict[str, tuple[float, float]]] = {}
    print(f"{origin}, {len(sketches)} people, {DRAWS} draws of n = {DRAWN}: order found, against")
    print(f"{'':20} {'':32} {'the same people':>16} {'others':>8}")
    for name, network in networks.items():
        results[name] = {}
        for damage, (same, others) in all_orders_found(sketches, photos, network):
            results[name][damage] = (same, others)
            print(f"{name:20} {damage:32} {same:>16.0%} {others:>8.0%}", flush=True)
    return results


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    bench_common.start(main)
