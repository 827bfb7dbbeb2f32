"""The two sides of a generated pair."""

import numpy as np

from support.faces.pair import DemoPair


def view(pair: DemoPair, modality: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, landmarks and labels of one side of a pair."""
    fields = (modality, f"{modality}_landmarks", f"{modality}_labels")
    image, points, labels = (getattr(pair, field) for field in fields)
    return image, points, labels
