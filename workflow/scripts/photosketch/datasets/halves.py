"""Cut pictures with a photo on the left and its sketch on the right into two files."""

from collections.abc import Iterable
from pathlib import Path

from photosketch.data import images
from photosketch.datasets.table import Cut
from photosketch.jobs.job import write_atomically


def planned(picture: Path, folder: Path) -> Cut:
    """The cut of a picture into `folder`/{photos,sketches}/NAME.png."""
    name = f"{picture.stem}.png"
    return Cut(picture, folder / "photos" / name, folder / "sketches" / name)


def problems(pictures: Iterable[Path]) -> list[str]:
    """The problems of pictures that are not intact images or cannot be halved."""
    found = []
    for picture in pictures:
        try:
            height, width = images.decode(images.file_bytes(picture), colour=False).shape
        except images.FaultyError as error:
            found.append(f"{picture} {error}")
            continue
        if width % 2 or width <= height:
            found.append(
                f"{picture} is {width}x{height} pixels, not a photo and a sketch of the same size "
                "side by side (an even width above the height); replace or remove it"
            )
    return found


def write(cuts: Iterable[Cut]) -> None:
    """Write the halves of pictures without `problems`."""
    import numpy as np
    from PIL import Image

    for cut in cuts:
        picture = images.decode(images.file_bytes(cut.picture), colour=True)
        if (picture == picture[..., :1]).all():  # gray
            picture = picture[..., 0]
        for half, file in zip(np.split(picture, 2, axis=1), (cut.photo, cut.sketch), strict=True):
            with write_atomically(file) as temporary:
                Image.fromarray(half).save(temporary)
