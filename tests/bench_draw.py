"""Drawing people's own photos: photos per second, and peak memory.

COUNT photos of 4000 x 3000 pixels with one generated face each, by a narrow generator with local
networks, on the GPU if there is one.
"""

import resource
import tempfile
from pathlib import Path

import torch
from PIL import Image

import bench_common
from photosketch.draw.folder import draw_photos
from photosketch.draw.inputs import find_photos
from photosketch.draw.sketcher import Sketcher
from support.generators import generator_file, group_photo
from support.scattered import moved

SIZE = (4000, 3000)


def main(count: int = 100) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        image, _ = group_photo([moved(6.0, 5, 2000, 1500)], SIZE)
        Image.fromarray(image).save(folder / "photos/0.jpg", quality=92)
        for number in range(1, count):
            (folder / f"photos/{number}.jpg").hardlink_to(folder / "photos/0.jpg")
        device = bench_common.device()
        sketcher = Sketcher.load(generator_file(folder, local=True), device)
        photos = find_photos([folder / "photos"], folder / "drawn")
        seconds, (faces, *_) = bench_common.timed(
            lambda: draw_photos(sketcher, photos, folder / "drawn", {})
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{count} photos of {SIZE[0]}x{SIZE[1]}, {faces} faces: "
        f"{count / seconds:.2f} photos/s on {device}, {torch.get_num_threads()} threads; "
        f"{peak:.2f} GB at most"
    )
    return {"photos": count, "photos_per_second": count / seconds, "peak_gb": peak}


if __name__ == "__main__":
    bench_common.start(main)
