"""How much the preparation of images changes FID: the same images under every preset of
`scored_as`.

`python tests/bench_protocols.py [SAMPLES [TABLE]]`: FID of a samples file of a run, with its table
of pairs; without SAMPLES, of CUHK's test photos in gray and its blurred true sketches in the folder
PHOTOSKETCH_CUFS. EfficientNet's features.
"""

import cv2
import numpy as np

import bench_common
from photosketch.configuration.settings import FeatureConfig
from photosketch.data.pairs import index_pairs, select
from photosketch.evaluation import distances, extractors, protocol
from photosketch.evaluation.scores import stack_gray_photos, stack_sketches
from photosketch.training.samples import read_samples

FEATURES = "efficientnet-lite0"


def main(samples: str = "", table: str = "resources/demo/pairs.tsv") -> None:
    network = extractors.load(FeatureConfig(FEATURES))
    if samples:
        people = select(index_pairs(table, (200, 250)), split="test")
        sets = {"drawn": read_samples(samples).sketches}
    else:
        people = bench_common.real_pairs("test")
        blurred = np.stack([cv2.GaussianBlur(each, (0, 0), 1) for each in stack_sketches(people)])
        sets = {"photos in gray": stack_gray_photos(people), "blurred": blurred}
    print(f"{len(people)} faces: {', '.join(sets)}")
    for name, preset in protocol.PROTOCOLS.items():
        view = extractors.View(network, preset, FEATURES)
        true = stack_sketches(people, colour=preset.in_colour)
        real = extractors.extract(true, view)
        found = []
        for sketches in sets.values():
            drawn = extractors.extract(protocol.as_scored(sketches, name), view)
            products = distances.InnerProducts.of(real, drawn)
            found.append(distances.score(products, np.full(len(people), ""))["fid"].iloc[-1])
        print(f"| `{name}` | {' | '.join(f'{fid:.1f}' for fid in found)} |", flush=True)


if __name__ == "__main__":
    bench_common.start(main)
