"""Whether the faces of a packed set lie where local networks need them.

`landmarks.misplaced` has said so before, to those who had local networks when points were merged.
"""

from photosketch.placement import problems
from photosketch.runtime import InputError
from photosketch.training.tensors import PackedSet

MOST_NAMED = 20  # photos


def require_fitting(data: PackedSet, ablation: str) -> None:
    """Raise InputError with the photos that the rectangles do not fit."""
    side = data.photo.shape[1]
    found = [
        f"photo of {subset} {name}: {', '.join(faults)}"
        for subset, name, points in zip(
            data.subset, data.ids, data.landmarks.cpu().numpy().astype(float), strict=True
        )
        if (faults := problems(points, (side, side), side))
    ]
    if found:
        raise InputError(
            [
                *found[:MOST_NAMED],
                f"{len(found)} photos have faces that the local networks of {ablation} do not fit; "
                "set dataset.align, or leave out losses.local",
            ]
        )
