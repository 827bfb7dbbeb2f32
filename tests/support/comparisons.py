"""Made-up scores, comparisons of them, and what their figures must hold to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from photosketch.comparison.summary import Comparison

NO_REFERENCES = pd.DataFrame(columns=["name", "subset", "fid", "kid", "fid_other"])
NO_DIFFERENCES = pd.DataFrame(columns=["reference", "role"])


def scores(
    fid: Callable[[int, int, int, int], float],
    ablations: Sequence[str] = ("baseline", "local"),
    *,
    seeds: Sequence[int] = (0,),
    epochs: Sequence[int] = (5, 10),
    counts: Mapping[str, int] | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """A table as `read_scores` gives it. `fid`: of the ablation's and the subset's place, and of
    seed and epoch; `counts`: images by subset; `columns`: the same value in every row."""
    counts = counts or {"CUHK": 10, "AR": 11, "all": 12}
    rows = [
        (ablation, seed, epoch, subset, n, fid(index, place, seed, epoch))
        for index, ablation in enumerate(ablations)
        for seed in seeds
        for epoch in epochs
        for place, (subset, n) in enumerate(counts.items())
    ]
    names = ["ablation", "seed", "epoch", "subset", "n", "fid"]
    others = {"fid_other": 40.0, "features": "inception-tf", "note": ""}
    return pd.DataFrame(rows, columns=names).assign(**others | columns)


def published(fid: Mapping[str, float], source: str = "", features: str = "inception-tf") -> dict:
    """FID of another run by subset, as in the configuration."""
    return {"source": source, "features": features, "fid": fid}


def compared(scores: pd.DataFrame, **fields: Any) -> Comparison:
    nothing = {"references": NO_REFERENCES, "differences": NO_DIFFERENCES}
    return Comparison(scores, **nothing | fields)


def texts(figure: Figure) -> str:
    """The heading and the texts above the panels."""
    return " ".join(text.get_text() for text in figure.texts)


def titles(figure: Figure) -> list[str]:
    """The headings of the visible panels."""
    return [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]


def assert_nothing_overlaps(figure: Figure) -> None:
    """Texts, legends and panels of a figure: apart, and inside it."""
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in [*figure.texts, *figure.legends]]
    boxes += [axis.get_tightbbox() for axis in figure.axes if axis.get_visible()]
    for index, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
