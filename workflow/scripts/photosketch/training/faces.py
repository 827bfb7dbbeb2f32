"""Whether the faces of a packed set lie where local networks need them.

Those who had local networks when points were merged or faces aligned were told then; this is for an
ablation with local networks that joined a run later, when neither is done again.
"""

from photosketch.geometry.patch_checks import problems, refusal
from photosketch.geometry.patches import clamped
from photosketch.jobs.job import InputError
from photosketch.training.tensors import PackedSet


def require_fitting(data: PackedSet, ablation: str, *, aligned: bool, page_command: str) -> None:
    """Raise InputError with the photos that the rectangles do not fit. `aligned`: dataset.align is
    on; `page_command` makes the page to click points."""
    side = data.photo.shape[1]
    found = [
        f"photo of {subset} {name}: {', '.join(faults)}"
        for subset, name, points in zip(
            data.subset, data.ids, data.landmarks.cpu().numpy().astype(float), strict=True
        )
        if (faults := problems(points, clamped(points, (side, side), side), side))
    ]
    if found:
        raise InputError(refusal(found, [ablation], aligned=aligned, page_command=page_command))
