"""Every stage that measures, run once in a process of its own, so that processes can be compared.

`python stages.py PAIRS OUT.npz JUNK THREADS [STEP]`: on every STEP-th pair of a table. With JUNK
above 0 the memory is first filled with that many arrays, of which half are given back, so that
buffers lie elsewhere and hold other things.
"""

import sys
from pathlib import Path

import numpy as np


def fill_memory(count: int) -> list[np.ndarray]:
    """Every other one of `count` arrays of junk; the rest of them is given back."""
    random = np.random.default_rng(count)
    junk = [np.full(random.integers(1, 40_000), np.nan, np.float32) for _ in range(count)]
    return junk[::2]


def main(table: str, out: str, junk: str, threads: str, step: str = "1") -> None:
    kept = fill_memory(int(junk))
    import cv2
    import torch

    from photosketch.data.pairs import index_pairs
    from photosketch.jobs import job
    from photosketch.jobs.code_version import code_version

    found = {}
    script = "evaluate.py"  # any one
    with job.job(str(Path(out).with_suffix(".log")), int(threads), script, code_version(script)):
        pairs = index_pairs(Path(table), (200, 250))[:: int(step)]
        landmarks = Path(out).with_suffix(".csv")
        found |= up_to_the_warp(pairs, landmarks, int(threads))
        found |= evaluation(pairs, landmarks, found["labels of photos"])
        np.savez(out, **found)
        print(torch.get_num_threads(), cv2.getNumThreads(), len(kept), "arrays of junk")


def up_to_the_warp(pairs: list, landmarks: Path, threads: int) -> dict[str, np.ndarray]:
    from photosketch.data.pairs import read_image
    from photosketch.jobs.threads import workers
    from photosketch.landmarks import detection
    from photosketch.landmarks.table import points_of, read_landmarks, write_landmarks
    from photosketch.parsing.parse_pairs import parse_pairs
    from photosketch.parsing.segmentation import parse_segmentation
    from photosketch.warp.estimate import Face, fitted
    from photosketch.warp.warp_pairs import warp_pairs

    detected = detection.detect_pairs(pairs, "cpu")
    write_landmarks(detected, landmarks)
    table = read_landmarks(landmarks)
    parsings = parse_pairs(pairs, table, threads=threads)
    detect = detection.detector("cpu", 40)
    warped, scores = warp_pairs(
        pairs, table, parsings, "face", parse_segmentation, parse_segmentation, detect, threads
    )

    def unrounded(index: int) -> np.ndarray:
        faces = (
            Face(
                read_image(pairs[index], modality),
                getattr(parsings, modality)[index],
                points_of(table, pairs[index].id, modality),
            )
            for modality in ("photo", "sketch")
        )
        return fitted(*faces, "face")

    with workers(threads) as pool:
        displacements = np.stack(list(pool.map(unrounded, range(len(pairs)))))
    return {
        "points": detected.select_dtypes("number").to_numpy(np.float64),
        "points in the file": np.frombuffer(landmarks.read_bytes(), np.uint8),
        "labels of photos": parsings.photo,
        "labels of sketches": parsings.sketch,
        "displacements before rounding": displacements,
        "maps": warped.maps,
        "warped sketches": warped.sketches,
        "scores of warps": scores.select_dtypes("number").to_numpy(np.float64),
    }


def evaluation(pairs: list, landmarks: Path, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of gray photos taken for sketches, by the photos' points and labels."""
    import torch
    from torch import nn

    from photosketch.evaluation import extractors, scores
    from photosketch.evaluation.files import Features
    from photosketch.evaluation.image_metrics import Measured
    from photosketch.evaluation.seams import Seams
    from photosketch.evaluation.structure import Structure
    from photosketch.landmarks.mesh import mesh
    from photosketch.landmarks.table import read_landmarks, stack_points

    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 32, 7, 4), nn.ReLU(), nn.Conv2d(32, 2048, 5, 4), nn.AdaptiveAvgPool2d(1))
    network = nn.Sequential(*layers, nn.Flatten()).eval().requires_grad_(False)
    sketches = scores.stack_sketches(pairs)
    ids, subsets = (np.array([getattr(pair, name) for pair in pairs]) for name in ("id", "subset"))
    real = Features(ids, subsets, extractors.extract(sketches, network))
    table = read_landmarks(landmarks)
    tables = dict.fromkeys(subsets, table)
    points = stack_points(pairs, tables, "photo")
    structure = Structure.of(pairs, tables, mesh)
    seams = Seams.of(points, labels, sketches)
    truth = scores.Truth(real, Measured.of(sketches), seams=seams, structure=structure)
    by_subset, by_image, features = scores.evaluate(
        scores.stack_gray_photos(pairs), truth, scores.Networks(network)
    )
    return {
        "features": features,
        "distances": by_subset.select_dtypes("number").to_numpy(np.float64),
        "scores of images": by_image.select_dtypes("number").to_numpy(np.float64),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
