"""Pictures with a photo on the left and its sketch on the right, cut into two files."""

from collections.abc import Iterable
from pathlib import Path

from photosketch.data import images
from photosketch.datasets.table import Cut
from photosketch.jobs.job import write_atomically


def planned(picture: Path, folder: Path) -> Cut:
    """The halves of a picture as `folder`/{photos,sketches}/NAME.png."""
    name = f"{picture.stem}.png"
    return Cut(picture, folder / "photos" / name, folder / "sketches" / name)


def problems(pictures: Iterable[Path]) -> list[str]:
    """Pictures that are no intact image, or that no two halves can be cut from."""
    found = []
    for picture in pictures:
        try:
            size, faults = images.inspect(images.file_bytes(picture))
        except images.FaultyError as error:
            size, faults = error.size, [error.fault]
        found += [f"{picture} {fault}" for fault in faults]
        if size is None or faults:
            continue
        width, height = size
        if width % 2 or width <= height:
            found.append(
                f"{picture} is {width}x{height} pixels, no photo and sketch of one size side by "
                "side (an even width above the height); replace or remove it"
            )
    return found


def write(cuts: Iterable[Cut]) -> None:
    """Write the halves of pictures that `problems` has nothing against."""
    from PIL import Image

    for cut in cuts:
        with Image.open(cut.picture, formats=images.KINDS) as picture:
            width, height = picture.size
            for left, file in ((0, cut.photo), (width // 2, cut.sketch)):
                with write_atomically(file) as temporary:
                    picture.crop((left, 0, left + width // 2, height)).save(temporary)
