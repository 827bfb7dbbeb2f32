"""Image files of any make, read as people see them: what `images` refuses is converted here.

For pairs that are aligned anyway (dataset.align), and for people's own photos. Turned as EXIF says,
transparent pixels on white, colours by their profile, palettes, CMYK and 16 bits to 8-bit RGB, of
several pictures the first; also HEIF, as telephones write it. An image that `images` has no fault
with is read the same by both. Free of numpy and Pillow at import, as `images`.
"""

import io
from typing import TYPE_CHECKING

from photosketch.data import images
from photosketch.data.images import SRGB_GAMMA, FaultyError, Size

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from photosketch.data.array_types import Points

KINDS = (*images.KINDS, "HEIF")
LARGEST = 8192 * 8192  # pixels that are decoded: telephones' 50 million pass
LONGEST = 1600  # pixels of a side, in the copies that detection and the click page work on
COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}  # of profiles, by mode


def read(data: bytes, *, colour: bool) -> "np.ndarray":
    """The pixels of an image file, uint8: RGB [H, W, 3] with `colour`, else its ITU-R 601 luma
    [H, W], as `images.read` gives it. Raises FaultyError with what `inspect` finds wrong."""
    import numpy as np

    _know_heif()
    with images.opened(data, LARGEST, KINDS) as image:
        return np.asarray(_shown(image, data).convert("RGB" if colour else "L"))


def inspect(data: bytes) -> tuple[Size | None, list[str]]:
    """The (width, height) of a file's picture as seen, None where it is no intact image, and its
    faults, each with its remedy, as parts of a sentence about the file.

    An image of more than 67 million pixels is not decoded.
    """
    _know_heif()
    try:
        with images.opened(data, LARGEST, KINDS) as image:
            return _shown(image, data).size, []
    except FaultyError as error:
        return error.size, [error.fault]


def reduced_size(size: Size) -> Size:
    """(width, height) of an image's reduced copy: at most LONGEST pixels a side, else the same."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def reduced(image: "np.ndarray") -> "np.ndarray":
    """The copy of an image [H, W] or [H, W, 3] uint8 that detection and the click page work on: its
    means over areas, or the image itself where it is no larger."""
    import numpy as np
    from PIL import Image

    height, width = image.shape[:2]
    size = reduced_size((width, height))
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def points_before(points: "Points", size: Size) -> "Points":
    """Points [N, 2] of the reduced copy in the pixels of the image, of `size` (width, height)."""
    import numpy as np

    smaller = reduced_size(size)
    if smaller == size:
        return points
    return (points + 0.5) * (np.array(size) / np.array(smaller)) - 0.5


def _know_heif() -> None:
    """Have Pillow read HEIF, where a reader names it among its kinds."""
    import pillow_heif

    pillow_heif.register_heif_opener()


def _shown(image: "Image", data: bytes) -> "Image":
    """An opened image, of the file `data`, as people see it, RGB or gray. Raises FaultyError."""
    from PIL import Image, ImageOps

    image.load()
    if images.names_other_primaries(image, data):
        raise FaultyError("has other primaries than sRGB's (its chunk cICP or cHRM); save as sRGB")
    image = ImageOps.exif_transpose(image)
    opaque, alpha = _without_alpha(_eight_bits(image))
    shown = _in_srgb(opaque)
    if alpha is None:
        return shown
    return Image.composite(shown, Image.new(shown.mode, shown.size, "white"), alpha)


def _eight_bits(image: "Image") -> "Image":
    """16-bit gray by its high byte, which Pillow does with 16-bit colours by itself."""
    import numpy as np
    from PIL import Image

    key = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint16)
        gray = Image.fromarray((levels >> 8).astype(np.uint8))
        if key is not None:
            gray.putalpha(Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8)))
        gray.info = {name: value for name, value in image.info.items() if name != "transparency"}
        return gray
    if image.mode in ("I", "F"):
        raise FaultyError(
            f"has the mode {image.mode}, whose black and white are not known; "
            "save it with 8 or 16 bits a channel"
        )
    if isinstance(key, tuple) and max(key) > 255:
        raise FaultyError("has a transparent colour of 16 bits; save it with 8 bits a channel")
    return image


def _without_alpha(image: "Image") -> tuple["Image", "Image | None"]:
    """The colours of an 8-bit image (L, RGB, CMYK or LAB), and its alpha where it has one."""
    if image.mode in ("CMYK", "LAB"):
        return image, None
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode), None
    layered = image.convert("LA" if mode == "L" else "RGBA")
    *colours, alpha = layered.split()
    opaque = colours[0] if mode == "L" else layered.convert("RGB")
    opaque.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return opaque, alpha


def _in_srgb(image: "Image") -> "Image":
    """An opaque image in sRGB, by the profile or gamma in its file; RGB, or gray as it was."""
    from PIL import ImageCms

    if image.mode in images.MODES and images.is_srgb(image):
        return image
    profile = image.info.get("icc_profile")
    if not profile and image.mode in images.MODES:
        exponent = SRGB_GAMMA / image.info["gamma"]
        return image.point(
            [round(255 * (level / 255) ** exponent) for level in range(256)] * len(image.getbands())
        )
    if not profile and image.mode == "CMYK":
        return image.convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    try:
        own = ImageCms.ImageCmsProfile(
            io.BytesIO(profile) if profile else ImageCms.createProfile("LAB")
        )
        if profile and own.profile.xcolor_space.strip() != COLOUR_SPACES[image.mode]:
            raise FaultyError("has the colour profile of another kind of picture; save as sRGB")
        transform = ImageCms.buildTransform(own, srgb, image.mode, "RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise FaultyError(
            f"has a colour profile that can't be applied ({error}); save as sRGB"
        ) from None
    return transform.apply(image)
