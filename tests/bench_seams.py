"""The metric `seam` for planted seams and for damage without seams, on true sketches.

A planted seam darkens one part of the true sketch (hair: the head outside the rectangles). Printed
are means over people, and standard deviations in brackets. Generated sketches are also moved
exactly onto their photos.

On CUHK's test pairs in the folder PHOTOSKETCH_CUFS, if it is set, and on PER_LOOK generated pairs
of each look. Takes a minute or two.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

import bench_common
from photosketch.data.images import gray
from photosketch.data.pairs import Pair, read_image
from photosketch.evaluation import seams
from photosketch.evaluation.scores import stack_sketches
from photosketch.geometry.patches import PARTS
from photosketch.landmarks import detection
from photosketch.landmarks.table import stack_points
from photosketch.parsing.segmentation import parse_segmentation
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair
from support.planted_seams import part_masks, planted

CONTRASTS = (5, 10, 20, 40)


@dataclass(frozen=True)
class People:
    """The photos' points [N, 5, 2] and labels [N, H, W], true sketches [N, H, W], photos
    [N, H, W, 3], and the true sketches moved onto their photos, if the true map is known."""

    points: np.ndarray
    labels: np.ndarray
    sketches: np.ndarray
    photos: np.ndarray
    aligned: np.ndarray | None = None


def real_people(pairs: list[Pair]) -> People:
    points = stack_points(pairs, {"CUHK": detection.detect_pairs(pairs, "cpu")}, "photo")
    photos = np.stack([read_image(pair, "photo") for pair in pairs])
    labels = np.stack([parse_segmentation(*face) for face in zip(photos, points, strict=True)])
    return People(points, labels, stack_sketches(pairs), photos)


def generated_people(per_look: int) -> People:
    pairs = [draw_pair(seed, look, deformation=6) for look in LOOKS for seed in range(per_look)]
    fields = ("photo_landmarks", "photo_labels", "sketch", "photo")
    linear, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    aligned = [cv2.remap(p.sketch, p.map, None, linear, borderMode=border) for p in pairs]
    stacks = (np.stack([getattr(pair, field) for pair in pairs]) for field in fields)
    return People(*stacks, np.stack(aligned))


def harmless(people: People) -> dict[str, np.ndarray]:
    """Sketches without seams."""
    random = np.random.default_rng(0)

    def each(change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.stack([change(sketch) for sketch in people.sketches])

    damaged = {}
    for sigma in (0.5, 1.0, 2.0):
        damaged[f"blur {sigma:g} px"] = each(lambda s, by=sigma: cv2.GaussianBlur(s, (0, 0), by))
    for deviation in (5, 10, 20):
        noise = random.normal(0, deviation, people.sketches.shape)
        noisy = np.clip(np.rint(people.sketches + noise), 0, 255)
        damaged[f"noise {deviation}"] = noisy.astype(np.uint8)
    damaged["moved 2 px to the right"] = np.roll(people.sketches, 2, axis=2)
    damaged["another person's true sketch"] = np.roll(people.sketches, 1, axis=0)
    damaged["photo in gray"] = np.stack([gray(photo) for photo in people.photos])
    if people.aligned is not None:
        damaged["true sketch moved onto the photo"] = people.aligned
    return damaged


def report(name: str, people: People) -> None:
    prepared, own = bench_common.timed(
        lambda: seams.Seams.of(people.points, people.labels, people.sketches)
    )
    scored, _ = bench_common.timed(lambda: own.scores(people.sketches))
    count = len(people.sketches)
    print(
        f"\n{name}, {count} people: {1000 * prepared / count:.1f} ms an image to prepare, "
        f"{1000 * scored / count:.1f} ms to score"
    )
    sizes = [[len(b.across.pixels) if b else 0 for b in borders] for borders in own.borders]
    print("pixels measured across each border, mean:", np.mean(sizes, axis=0).round().tolist())
    print("true ratios:", np.nanmean(own.true_ratios, axis=0).round(2))
    masks = [part_masks(*face) for face in zip(people.points, people.labels, strict=True)]
    for part in PARTS:
        cells = []
        for contrast in CONTRASTS:
            drawn = [
                planted(sketch, mask[part], contrast)
                for sketch, mask in zip(people.sketches, masks, strict=True)
            ]
            cells.append(cell(own.scores(np.stack(drawn))))
        print(f"{part:12}", *cells)
    for damage, sketches in harmless(people).items():
        parts = np.exp(np.nanmean(np.log(own.by_border(sketches)), axis=0)).round(2)
        print(f"{damage:32}", cell(own.scores(sketches)), "by border:", parts)


def cell(scores: np.ndarray) -> str:
    return f"{np.mean(scores):.3f} ({np.std(scores):.3f})"


def main(per_look: int = 16) -> None:
    cv2.setNumThreads(1)
    if pairs := bench_common.real_pairs("test"):
        report("CUHK", real_people(pairs))
    report("generated", generated_people(per_look))


if __name__ == "__main__":
    bench_common.start(main)
