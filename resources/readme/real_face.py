"""README's picture of a real face: the photo, and what the included generator draws of it.

The photo is NASA's portrait of Eileen Collins (public domain), as scikit-image ships it:

    pip download --no-deps scikit-image && unzip -j scikit_image-*.whl skimage/data/astronaut.png
    PYTHONPATH=workflow/scripts python resources/readme/real_face.py astronaut.png
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from photosketch.draw import Sketcher

GAP = 8  # pixels between photo and drawing

if __name__ == "__main__":
    (drawn,) = Sketcher.load()(sys.argv[1])
    sketch = np.repeat(drawn.image[..., None], 3, axis=2)
    gap = np.full((len(sketch), GAP, 3), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([drawn.photo, gap, sketch], axis=1))
    picture.save(Path(__file__).with_name("real_face.png"))
