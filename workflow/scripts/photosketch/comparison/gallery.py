"""What the gallery of the page shows: every test face with its images and metrics, as JSON."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from photosketch.evaluation.metrics import LOWER_IS_BETTER, NAMES
from photosketch.pairs import Pair, read_image

QUALITY = 80  # of WebP: 3 to 6 KB an image of 200 x 250 pixels


def gallery_json(
    people: Sequence[Pair],
    drawn: Mapping[str, np.ndarray],
    images: Mapping[str, pd.DataFrame],
) -> str:
    """The data of the page's script, safe inside a script element.

    drawn: for each method the sketches [N, H, W] uint8 of `people`, in their order; images: for
    each method the metrics of the same sketches, a row each.
    """
    metrics = [name for name in NAMES if all(name in table for table in images.values())]
    faces: list[dict[str, Any]] = []
    for index, pair in enumerate(people):
        shown = [read_image(pair, "photo"), read_image(pair, "sketch")]
        shown += [sketches[index] for sketches in drawn.values()]
        faces.append(
            {
                "subset": pair.subset,
                "id": pair.id,
                "images": [data_uri(image) for image in shown],
                "scores": {
                    metric: [
                        round(float(table[metric].iloc[index]), 5) for table in images.values()
                    ]
                    for metric in metrics
                },
            }
        )
    data = {
        "methods": list(drawn),
        "subsets": list(dict.fromkeys(pair.subset for pair in people)),
        "metrics": [
            {"key": name, "name": NAMES[name], "lower": name in LOWER_IS_BETTER} for name in metrics
        ],
        "width": people[0].width,
        "height": people[0].height,
        "people": faces,
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def data_uri(image: np.ndarray) -> str:
    """An image, gray [H, W] or RGB [H, W, 3] uint8, as a WebP data URI at its own size."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
