"""What the gallery of the page shows: every test face with its images and metrics, as JSON."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from photosketch.data.pairs import Pair, read_image
from photosketch.evaluation.metrics import METRICS
from photosketch.training.samples import Samples

QUALITY = 80  # of WebP: 3 to 6 KB an image of 200 x 250 pixels


def gallery_json(
    people: Sequence[Pair],
    drawn: Mapping[str, Samples],
    scores: Mapping[str, Mapping[str, np.ndarray]],
) -> str:
    """The data of the page's script, safe inside a script element.

    By method, drawn: the sketches of `people`, in their order; scores: metrics of single sketches
    by key, [E, N] each, of which the last epoch's are those of `drawn`; a missing one (NaN, as
    `seam` of a person without a border to measure) is null.
    """
    metrics = [
        metric for metric in METRICS if all(metric.key in by_key for by_key in scores.values())
    ]
    faces: list[dict[str, Any]] = []
    for index, pair in enumerate(people):
        shown = [read_image(pair, "photo"), read_image(pair, "sketch")]
        shown += [samples.sketches[index] for samples in drawn.values()]
        faces.append(
            {
                "subset": pair.subset,
                "id": pair.id,
                "images": [data_uri(image) for image in shown],
                "scores": {
                    metric.key: [
                        _number(by_key[metric.key][-1, index]) for by_key in scores.values()
                    ]
                    for metric in metrics
                },
            }
        )
    data = {
        "methods": list(drawn),
        "subsets": list(dict.fromkeys(pair.subset for pair in people)),
        "metrics": [
            {"key": metric.key, "name": metric.heading, "lower": metric.lower_is_better}
            for metric in metrics
        ],
        "width": people[0].width,
        "height": people[0].height,
        "people": faces,
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _number(score: float) -> float | None:
    return None if np.isnan(score) else round(float(score), 5)


def data_uri(image: np.ndarray, quality: int = QUALITY) -> str:
    """An image, gray [H, W] or RGB [H, W, 3] uint8, as a WebP data URI at its own size."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
