"""How long the evaluation of one checkpoint takes, beside pytorch-fid's command line.

The same images and the same weights file (random numbers in the format of the published one) on
both sides: CUFS' numbers of test images, three subsets and all of them together, so four calls of
the command line. Ours is what the job does for a single checkpoint: load the network, measure the
real sketches, and `scores.evaluate` (FID, KID with its interval, SSIM, FSIM, SCOOT and
recognition, for all subsets). The features of the real sketches are there already, as they are in a
run, where all checkpoints share them; the ratio with them is printed too.

The same job with the features of EfficientNet-Lite0 is timed in the same run.

Beside the wall time stands the processor time of both sides, which other work on the machine
disturbs less.

python tests/bench_evaluation.py [SHARE]: a smaller share of the images, for a quick look.
"""

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from pytorch_fid.fid_score import calculate_frechet_distance

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from photosketch.configuration.settings import FeatureConfig
from photosketch.data.weights import FEATURE_WEIGHTS
from photosketch.evaluation import distances, extractors, image_metrics, recognition
from photosketch.evaluation.files import Features
from photosketch.evaluation.scores import Networks, Truth, evaluate
from support import inception_weights

TEST_IMAGES = {"CUHK": 100, "AR": 43, "XM2VTS": 195}
T = TypeVar("T")
CALLS = 5  # of the fast distance, the median counts


def draw_sketches(count: int, seed: int) -> np.ndarray:
    """Gray images of smooth shading and strokes, [count, 250, 200] uint8."""
    random = np.random.default_rng(seed)
    images = np.empty((count, 250, 200), np.uint8)
    for image in images:
        coarse = random.random((7, 6)).astype(np.float32)
        shading = cv2.resize(coarse, (200, 250), interpolation=cv2.INTER_CUBIC)
        image[:] = np.clip(150 + 100 * shading, 0, 255)
        for _ in range(60):
            start, end = random.integers(0, 200, (2, 2))
            cv2.line(image, start.tolist(), end.tolist(), int(random.integers(0, 160)), 1)
    return images


@dataclass(frozen=True)
class Time:
    """Seconds that work took: on the wall, and of processors (with child processes)."""

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: "Time") -> "Time":
        return Time(self.wall + other.wall, self.cpu + other.cpu)


def timed(work: Callable[[], T]) -> tuple[Time, T]:
    """Time and result of a call."""

    def now() -> Time:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return Time(time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used))

    start = now()
    result = work()
    end = now()
    return Time(end.wall - start.wall, end.cpu - start.cpu), result


@dataclass(frozen=True)
class Checkpoint:
    """What the job for a checkpoint gave, and how long it took as a whole, without the features of
    the real sketches (`of_real`); of it `measuring` the real sketches and `extraction` of
    features."""

    whole: Time
    of_real: Time
    measuring: Time
    extraction: Time
    truth: Truth
    scores: pd.DataFrame
    features: np.ndarray


def score_checkpoint(
    features: FeatureConfig,
    weights: Path | None,
    real: np.ndarray,
    generated: np.ndarray,
    subset: np.ndarray,
    device: str,
) -> Checkpoint:
    """Score sketches [N, H, W] by a feature network loaded for it."""
    load, network = timed(lambda: extractors.load(features, weights).to(device))
    of_real, real_features = timed(lambda: extractors.extract(real, network, device))
    known = Features(np.arange(len(subset)).astype(str), subset, real_features)
    networks = Networks(network, device=device)
    measuring, truth = timed(lambda: Truth.of(known, real, device))
    scoring, (scores, _, found) = timed(lambda: evaluate(generated, truth, networks))
    extraction, _ = timed(lambda: extractors.extract(generated, network, device))
    whole = load + measuring + scoring
    return Checkpoint(whole, of_real, measuring, extraction, truth, scores, found)


def command_line(first: Path, second: Path, home: Path, device: str) -> float:
    """The FID that pytorch-fid's command line prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytorch_fid", str(first), str(second), "--device", device],
        env={**os.environ, "TORCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.rsplit(maxsplit=1)[-1])


def main(share: float = 1.0) -> dict[str, float]:
    """Print and return the times (seconds) and ratios."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    counts = {name: max(3, round(share * count)) for name, count in TEST_IMAGES.items()}
    subset = np.repeat(list(counts), list(counts.values()))
    real, generated = draw_sketches(len(subset), 0), draw_sketches(len(subset), 1)
    masks = distances.subset_masks(subset)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "hub" / "checkpoints" / FEATURE_WEIGHTS["inception-tf"].name
        inception_weights.write_tensorflow(weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        theirs, command_line_fids = Time(), {}
        for label, mask in masks.items():
            sides = [folder / label / side for side in ("real", "generated")]
            for side, images in zip(sides, (real, generated), strict=True):
                side.mkdir(parents=True)
                for index in np.flatnonzero(mask):
                    Image.fromarray(images[index]).save(side / f"{index}.png")
            call, command_line_fids[label] = timed(
                lambda sides=sides: command_line(*sides, folder, device)
            )
            print(
                f"pytorch-fid, {label} (n = {mask.sum()}): {call.wall:.1f} s, "
                f"{call.cpu:.1f} s of processors",
                flush=True,
            )
            theirs += call

        both = (real, generated, subset, device)
        inception = score_checkpoint(FeatureConfig("inception-tf", digest), weights, *both)
    efficientnet = score_checkpoint(FeatureConfig("efficientnet-lite0"), None, *both)
    ours, truth = inception.whole, inception.truth
    imaging, _ = timed(
        lambda: image_metrics.score_images(
            truth.measured, image_metrics.Measured.of(generated, device)
        )
    )
    matching, _ = timed(
        lambda: [recognition.nlda_rank_one(real[m], generated[m], device) for m in masks.values()]
    )
    for label, value in zip(masks, inception.scores["fid"], strict=True):
        gap = abs(value - command_line_fids[label]) / command_line_fids[label]
        print(f"FID {label}: {value:.6g}, pytorch-fid {command_line_fids[label]:.6g} ({gap:.1e})")

    slow = fast = 0.0
    for mask in masks.values():
        sides = [side[mask].astype(float) for side in (truth.features.features, inception.features)]
        statistics = [s for side in sides for s in (side.mean(axis=0), np.cov(side, rowvar=False))]
        slow += timed(lambda s=statistics: calculate_frechet_distance(*s))[0].wall
        times = [timed(lambda s=sides: distances.fid(*s))[0].wall for _ in range(CALLS)]
        fast += float(np.median(times))
    ratio = theirs.wall / ours.wall
    ratio_with_real = theirs.wall / (ours + inception.of_real).wall
    by = "wall" if device == "cuda" else "cpu"  # shares of the time that other work disturbs less
    shares = {
        name: getattr(part, by) / getattr(ours, by)
        for name, part in {
            "features": inception.extraction,
            "image_metrics": inception.measuring + imaging,
            "recognition": matching,
        }.items()
    }
    count, sets = len(subset), len(masks)
    print(
        f"One checkpoint on {device}, {count} images, {sets} sets: pytorch-fid's command line "
        f"{theirs.wall:.1f} s, ours {ours.wall:.1f} s: {ratio:.1f} times",
        f"  by processor time {theirs.cpu:.1f} s and {ours.cpu:.1f} s: {theirs.cpu / ours.cpu:.1f} "
        f"times; with the features of the real sketches in ours {ratio_with_real:.1f} times",
        f"  in ours: features {shares['features']:.0%} (Inception on {count} images), SSIM, FSIM "
        f"and SCOOT {shares['image_metrics']:.0%} (the real sketches measured too), recognition "
        f"{shares['recognition']:.0%}; the rest is the network's file, FID and KID",
        f"With EfficientNet {efficientnet.whole.wall:.1f} s, of processors "
        f"{efficientnet.whole.cpu:.1f} s: {ours.wall / efficientnet.whole.wall:.1f} and "
        f"{ours.cpu / efficientnet.whole.cpu:.1f} times as fast as with Inception; the features "
        f"alone {inception.extraction.cpu / efficientnet.extraction.cpu:.1f} times",
        f"The distance alone, {sets} sets: {slow / fast:.0f} times",
        sep="\n",
        flush=True,
    )
    return {
        "images": float(len(subset)),
        "command_line_seconds": theirs.wall,
        "evaluation_seconds": ours.wall,
        "evaluation_ratio": ratio,
        "evaluation_cpu_ratio": theirs.cpu / ours.cpu,
        "efficientnet_seconds": efficientnet.whole.wall,
        "efficientnet_ratio": ours.wall / efficientnet.whole.wall,
        "efficientnet_cpu_ratio": ours.cpu / efficientnet.whole.cpu,
        "with_real_features_ratio": ratio_with_real,
        **{f"{name}_share": share for name, share in shares.items()},
        "distance_ratio": slow / fast,
    }


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
