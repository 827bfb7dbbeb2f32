"""What the file of a generator says of itself, so that it can draw other photos without its run.

Builtins, in the metadata of the file, beside what `step.Trainer.about` says and the epoch:

size       [width, height] of the pictures that it was trained on, in the middle of the frame
pad_value  gray level around them
template   [5][2], where the points (x, y) of a face have to lie in such a picture
run, ablation, commit, code, versions: what made it
"""

from typing import Any

from photosketch.geometry.similarity import template
from photosketch.jobs import provenance
from photosketch.training.tensors import PackedSet


def description(
    data: PackedSet, *, aligned: bool, run: str, ablation: str, code: str
) -> dict[str, Any]:
    """Of a training on `data`. `code`: the version of the code that trains.

    With `aligned` (dataset.align) the template is the one that faces were brought to, else the
    means of the training photos' points.
    """
    if aligned:
        points = template(data.size)
    else:
        means = data.landmarks.double().mean(dim=0).cpu().numpy()  # [5, 2] in frame pixels
        points = means - data.offset
    return {
        "size": list(data.size),
        "pad_value": data.pad_value,
        "template": points.round(3).tolist(),
        "run": run,
        "ablation": ablation,
        "commit": provenance.head(provenance.PROJECT) or "unknown",
        "code": code,
        "versions": provenance.versions(),
    }
