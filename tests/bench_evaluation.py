"""The time to evaluate one checkpoint, compared with pytorch-fid's command line.

Both sides have the same images (CUFS' numbers of test images) and the same weights file (random
numbers in the published format). pytorch-fid is called four times, for three subsets and for all
images. Ours is the whole job for a single checkpoint: load the network, measure the real sketches,
and `scores.evaluate`. The features of the real sketches are given, because all checkpoints of a run
share them; the ratio with these features is printed as well. The same job is also timed with the
features of EfficientNet-Lite0.

Processor time is printed beside wall time, because other work on the machine disturbs it less.

python tests/bench_evaluation.py [SHARE]: a smaller share of the images, for a quick look.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pytorch_fid.fid_score import calculate_frechet_distance

import bench_common
from bench_common import wall_and_cpu as timed
from photosketch.configuration.settings import FeatureConfig
from photosketch.data.weights import FEATURE_WEIGHTS
from photosketch.evaluation import distances, extractors, image_metrics, recognition
from photosketch.evaluation.files import Features
from photosketch.evaluation.scores import Networks, Truth, evaluate
from support import inception_weights

TEST_IMAGES = {"CUHK": 100, "AR": 43, "XM2VTS": 195}
CALLS = 5  # of the fast distance, whose median counts


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


def score_checkpoint(
    features: FeatureConfig,
    weights: Path | None,
    real: np.ndarray,
    generated: np.ndarray,
    subset: np.ndarray,
    device: str,
) -> tuple[dict[str, np.ndarray], Truth, Any]:
    """The times of scoring sketches [N, H, W] (`whole`, without the features `of_real`; as parts
    `measuring` the real sketches and `extraction`), the truth, and the result of `evaluate`."""
    load, network = timed(lambda: extractors.load(features, weights).to(device))
    of_real, real_features = timed(lambda: extractors.extract(real, network, device))
    known = Features(np.arange(len(subset)).astype(str), subset, real_features)
    networks = Networks(network, device=device)
    measuring, truth = timed(lambda: Truth(known, image_metrics.Measured.of(real, device)))
    scoring, found = timed(lambda: evaluate(generated, truth, networks))
    extraction, _ = timed(lambda: extractors.extract(generated, network, device))
    whole = load + measuring + scoring
    times = {"whole": whole, "of_real": of_real, "measuring": measuring, "extraction": extraction}
    return times, truth, found


def command_line(first: Path, second: Path, home: Path, device: str) -> float:
    """The FID that pytorch-fid's command line prints."""
    command = [sys.executable, "-m", "pytorch_fid", str(first), str(second), "--device", device]
    environment = {**os.environ, "TORCH_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.rsplit(maxsplit=1)[-1])


def main(share: float = 1.0) -> dict[str, float]:
    """Print and return times (seconds) and ratios."""
    device = bench_common.device()
    counts = {name: max(3, round(share * count)) for name, count in TEST_IMAGES.items()}
    subset = np.repeat(list(counts), list(counts.values()))
    real, generated = draw_sketches(len(subset), 0), draw_sketches(len(subset), 1)
    masks = distances.subset_masks(subset)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "hub" / "checkpoints" / FEATURE_WEIGHTS["inception-tf"].name
        inception_weights.write_tensorflow(weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        theirs, their_fids = np.zeros(2), []
        for label, mask in masks.items():
            sides = [folder / label / side for side in ("real", "generated")]
            for side, images in zip(sides, (real, generated), strict=True):
                side.mkdir(parents=True)
                for index in np.flatnonzero(mask):
                    Image.fromarray(images[index]).save(side / f"{index}.png")
            call, fid = timed(lambda sides=sides: command_line(*sides, folder, device))
            theirs += call
            their_fids.append(fid)
        both = (real, generated, subset, device)
        times, truth, found = score_checkpoint(
            FeatureConfig("inception-tf", digest), weights, *both
        )
    small, _, _ = score_checkpoint(FeatureConfig("efficientnet-lite0"), None, *both)
    scores, _, features = found
    for label, ours, fid in zip(masks, scores["fid"], their_fids, strict=True):
        print(f"FID {label}: {ours:.6g}, pytorch-fid {fid:.6g} ({abs(ours - fid) / fid:.1e})")

    imaging, _ = timed(
        lambda: image_metrics.score_images(
            truth.measured, image_metrics.Measured.of(generated, device)
        )
    )
    matching, _ = timed(
        lambda: [recognition.nlda_rank_one(real[m], generated[m], device) for m in masks.values()]
    )
    slow = fast = 0.0
    for mask in masks.values():
        sides = [side[mask].astype(float) for side in (truth.features.features, features)]
        statistics = [s for side in sides for s in (side.mean(axis=0), np.cov(side, rowvar=False))]
        slow += timed(lambda s=statistics: calculate_frechet_distance(*s))[0][0]
        fast += np.median([timed(lambda s=sides: distances.fid(*s))[0][0] for _ in range(CALLS)])
    by = 0 if device == "cuda" else 1
    results = {"images": len(subset), "distance_ratio": slow / fast}
    parts = {
        "features": times["extraction"],
        "image_metrics": times["measuring"] + imaging,
        "recognition": matching,
    }
    results |= {f"{name}_share": part[by] / times["whole"][by] for name, part in parts.items()}
    for clock, place in (("seconds", 0), ("cpu_seconds", 1)):
        ours = times["whole"][place]
        results |= {
            f"command_line_{clock}": theirs[place],
            f"evaluation_{clock}": ours,
            f"evaluation_ratio_{clock}": theirs[place] / ours,
            f"with_real_features_ratio_{clock}": theirs[place] / (ours + times["of_real"][place]),
            f"efficientnet_{clock}": small["whole"][place],
            f"efficientnet_ratio_{clock}": ours / small["whole"][place],
        }
    print(f"One checkpoint on {device}, {len(masks)} sets:")
    print(*(f"  {name} {value:.3g}" for name, value in results.items()), sep="\n", flush=True)
    return {name: float(value) for name, value in results.items()}


if __name__ == "__main__":
    bench_common.start(main)
