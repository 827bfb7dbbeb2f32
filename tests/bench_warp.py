"""How well maps of several kinds move generated sketches onto their photos.

The table has the mean distance to the true map within the head, IoU of the heads' masks (from
warped labels), the smallest Jacobian determinant, and the time per pair. All maps are made from the
same parsed labels and noisy points.
"""

import time
from collections.abc import Callable

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

import bench_common
from photosketch.parsing.labels import BACKGROUND, BROWS, EYES, MOUTH, NOSE
from photosketch.parsing.segmentation import parse_segmentation
from photosketch.warp.estimate import Face, estimate
from photosketch.warp.maps import at, identity, iou, jacobian, without_folds
from support.faces.looks import LOOKS
from support.faces.pair import draw_pair

TONES = np.array([255, 70, 190, 60, 20, 20, 20, 150], np.uint8)  # of the painted label maps


def similarity(photo: Face, sketch: Face) -> np.ndarray:
    matrix, _ = cv2.estimateAffinePartial2D(photo.points, sketch.points, method=cv2.LMEDS)
    return _linear(matrix, photo)


def affine(photo: Face, sketch: Face) -> np.ndarray:
    ones = np.ones((len(photo.points), 1))
    solved, *_ = np.linalg.lstsq(np.hstack([photo.points, ones]), sketch.points, rcond=None)
    return _linear(solved.T, photo)


def _linear(matrix: np.ndarray, photo: Face) -> np.ndarray:
    return (identity(photo.labels.shape) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def optical_flow(photo: Face, sketch: Face) -> np.ndarray:
    """DIS flow between painted label maps (Kroeger et al. 2016), smoothed."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    flow.setPatchSize(12)
    flow.setVariationalRefinementAlpha(40)
    flow.setVariationalRefinementIterations(8)
    painted = (
        cv2.copyMakeBorder(
            cv2.GaussianBlur(TONES[face.labels], (0, 0), 1.5), *[32] * 4, cv2.BORDER_REPLICATE
        )
        for face in (photo, sketch)
    )
    displacement = cv2.GaussianBlur(flow.calc(*painted, None), (0, 0), 3)[32:-32, 32:-32]
    return identity(photo.labels.shape) + displacement


def corrected_flow(photo: Face, sketch: Face) -> np.ndarray:
    """The flow, corrected by Gaussians around points, then without folds.

    The points are the five points and, with less weight, the regions' middles. The head's outline
    is not corrected.
    """
    map = optical_flow(photo, sketch)
    middles = [
        (_middle(seen), _middle(drawn))
        for seen, drawn in zip(_features(photo), _features(sketch), strict=True)
        if seen.any() and drawn.any()
    ]
    outline = _outline(photo.labels != BACKGROUND)[::20]
    here = np.concatenate([photo.points, *(seen[None] for seen, _ in middles)])
    there = np.concatenate([sketch.points, *(drawn[None] for _, drawn in middles)])
    missed = np.concatenate([there - at(map, here), np.zeros_like(outline)])
    here = np.concatenate([here, outline])
    trust = np.repeat([1, 0.4, 1], [5, len(middles), len(outline)])
    apart = np.linalg.norm(here[:, None] - here, axis=-1)
    weights = np.linalg.solve(np.exp(-0.5 * (apart / 22) ** 2) + np.diag(0.15 / trust), missed)
    grid = identity(photo.labels.shape)
    correction = np.zeros_like(grid)
    for place, weight in zip(here, weights, strict=True):
        near = np.exp(-0.5 * ((grid - place) ** 2).sum(-1) / 22**2)
        correction += near[..., None] * weight
    return without_folds((map + correction - grid).astype(np.float32)).map


def splines(photo: Face, sketch: Face) -> np.ndarray:
    """Thin-plate splines through the five points and the regions' outlines. Each place on an
    outline goes to the nearest place on the sketch's outline; the fit is repeated."""
    regions = [[f.labels != BACKGROUND, *_features(f)] for f in (photo, sketch)]
    outlines = [
        (_outline(seen)[::6], _outline(drawn))
        for seen, drawn in zip(*regions, strict=True)
        if seen.any() and drawn.any()
    ]
    height, width = photo.labels.shape
    coarse = identity((height // 5 + 1, width // 5 + 1)) * 5
    map = affine(photo, sketch)
    for _ in range(4):
        places, targets = [photo.points], [sketch.points]
        for seen, drawn in outlines:
            moved = at(map, seen)
            near = np.linalg.norm(moved[:, None] - drawn, axis=-1).argmin(1)
            places.append(seen)
            targets.append(drawn[near])
        here, first = np.unique(np.concatenate(places), axis=0, return_index=True)
        spline = RBFInterpolator(here, np.concatenate(targets)[first], smoothing=100)
        moved = spline(coarse.reshape(-1, 2)).reshape(coarse.shape).astype(np.float32)
        map = at(moved, identity((height, width)).reshape(-1, 2) / 5)
        map = map.reshape(height, width, 2)
    return map


def _features(face: Face) -> list[np.ndarray]:
    """The masks of left eye, right eye, left brow, right brow, nose and mouth."""
    left = np.arange(face.labels.shape[1])[None] < face.points[:2, 0].mean()
    sides = [(face.labels == label) & side for label in (EYES, BROWS) for side in (left, ~left)]
    return [*sides, face.labels == NOSE, face.labels == MOUTH]


def _middle(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)[::-1].astype(np.float32)


def _outline(mask: np.ndarray) -> np.ndarray:
    """The outline's pixels (x, y) in order [N, 2], without those at the picture's border."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(contours, key=len)[:, 0]
    inside = ((points > 0) & (points < np.array(mask.shape[::-1]) - 1)).all(1)
    return points[inside].astype(np.float32)


KINDS: dict[str, Callable[[Face, Face], np.ndarray]] = {
    "unmoved": lambda photo, sketch: identity(photo.labels.shape),
    **{kind.__name__: kind for kind in (similarity, affine, splines, optical_flow, corrected_flow)},
    "region": lambda photo, sketch: estimate(photo, sketch, "region").map,
    "face": lambda photo, sketch: estimate(photo, sketch, "face").map,
}


def main(pairs_a_look: int = 3) -> dict[str, dict[str, float]]:
    """Print and return, for each kind of map, the means described above."""
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    drawn = []
    for look in LOOKS:
        for seed in range(pairs_a_look):
            pair = draw_pair(seed, look, deformation=10)
            faces = []
            for modality in ("photo", "sketch"):
                points = getattr(pair, f"{modality}_landmarks") + random.normal(0, 0.7, (5, 2))
                points = points.astype(np.float32)
                image = getattr(pair, modality)
                faces.append(Face(image, parse_segmentation(image, points), points))
            drawn.append((pair, *faces))
    results = {}
    print(f"{'map':16}{'error px':>10}{'head IoU':>10}{'Jacobian':>10}{'ms':>8}")
    for name, kind in KINDS.items():
        rows = []
        for pair, photo, sketch in drawn:
            seconds, map = bench_common.timed(lambda f=(photo, sketch): kind(*f), time.process_time)  # noqa: B023
            head = pair.photo_labels != BACKGROUND
            moved = cv2.remap(
                sketch.labels, map, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
            )
            error = np.linalg.norm(map - pair.map, axis=-1)[head].mean()
            overlap = iou(photo.labels != BACKGROUND, moved != BACKGROUND)
            rows.append((error, overlap, jacobian(map).min(), 1000 * seconds))
        error, overlap, determinant, milliseconds = np.array(rows).T
        results[name] = {
            "error_px": float(error.mean()),
            "head_iou": float(overlap.mean()),
            "least_jacobian": float(determinant.min()),
            "milliseconds": float(milliseconds.mean()),
        }
        print(f"{name:16}" + "{:10.2f}{:10.3f}{:10.2f}{:8.0f}".format(*results[name].values()))
    return results


if __name__ == "__main__":
    bench_common.start(main)
