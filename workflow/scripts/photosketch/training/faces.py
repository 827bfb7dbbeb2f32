"""Whether the faces of a packed set lie where local networks need them.

Those who had local networks when points were merged or faces aligned were told then; this is for an
ablation with local networks that joined a run later, when neither is done again.
"""

from photosketch.geometry.patch_checks import misplaced_faces, refusal
from photosketch.jobs.job import InputError
from photosketch.training.tensors import PackedSet


def require_fitting(data: PackedSet, ablation: str, *, aligned: bool, page_command: str) -> None:
    """Raise InputError with the photos that the rectangles do not fit. `aligned`: dataset.align is
    on; `page_command` makes the page to click points."""
    side = data.photo.shape[1]
    located = zip(data.subset, data.ids, data.landmarks.cpu().numpy().astype(float), strict=True)
    found = misplaced_faces(
        ((f"photo of {subset} {name}", points, (side, side)) for subset, name, points in located),
        side,
    )
    if found:
        raise InputError(refusal(found, [ablation], aligned=aligned, page_command=page_command))
