"""The metric `structure`: how far the parts of a drawn face are from the parts of the photo's face.

docs/metrics.md defines it, by MediaPipe's face mesh (Kartynnik et al. 2019, "Real-time Facial
Surface Geometry from Monocular Video on Mobile GPUs"). A sketch without a face gets a high score
instead of none, so all methods are scored on the same people.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from photosketch.data.array_types import Image, Points
from photosketch.data.pairs import Pair, read_image
from photosketch.jobs.threads import workers
from photosketch.landmarks.table import stack_points

# finds the mesh [468, 2] from five rough points [5, 2], and a flag: above 0 if there is a face
MeshFinder = Callable[[Image, Points], tuple[Points, float]]


@dataclass(frozen=True)
class Structure:
    """The photos of N people: five points [N, 5, 2] and meshes [N, 468, 2], NaN without a face."""

    points: np.ndarray
    meshes: np.ndarray
    find: MeshFinder

    @classmethod
    def of(
        cls, people: Sequence[Pair], landmarks: Mapping[str, pd.DataFrame], find: MeshFinder
    ) -> "Structure":
        """landmarks: tables by subset."""
        points = stack_points(people, landmarks, "photo").astype(float)
        photos = [read_image(pair, "photo") for pair in people]
        with workers(torch.get_num_threads()) as pool:
            found = pool.map(find, photos, points)
            meshes = [mesh if flag > 0 else np.full_like(mesh, np.nan) for mesh, flag in found]
        return cls(points, np.stack(meshes), find)

    def scores(self, sketches: np.ndarray) -> np.ndarray:
        """`structure` of sketches [N, H, W] uint8, [N]; NaN if the photo's mesh is missing."""
        with workers(torch.get_num_threads()) as pool:
            meshes = np.stack([mesh for mesh, _ in pool.map(self.find, sketches, self.points)])
        distances = np.linalg.norm(meshes - self.meshes, axis=2).mean(axis=1)
        return distances / np.linalg.norm(self.points[:, 1] - self.points[:, 0], axis=1)
