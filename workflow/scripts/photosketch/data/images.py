"""Read image files as a viewer shows them, the same for pairs, methods and own photos.

Images come upright, on white, in sRGB, with 8 bits a channel. A file with several pictures gives
the first. EXIF has an image's rotation; in HEIF only the file's own rotation counts (ISO/IEC
23008-12). Importing this module loads neither numpy nor Pillow, because the Snakefile imports it.
"""

import io
import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from photosketch.jobs.disk import read_file

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from photosketch.data.array_types import Points

# Pillow reads more formats, but some start other programs (PostScript starts Ghostscript).
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "HEIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif")
SKETCH_SUFFIXES = (".png", ".jpg", ".jpeg")  # of files in the folders of `methods`
LARGEST = 8192 * 8192  # pixels of an image; phones take photos of 50 million
LONGEST = 1600  # pixels of a side, in the reduced copies for detection and the click page
REMEDY = "save it as 8-bit sRGB PNG or JPEG"
SRGB_GAMMA = 1 / 2.2
# x and y of white, red, green and blue; then primaries and transfer of cICP (ITU-T H.273)
SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_CODES = bytes([1, 13])
Size = tuple[int, int]  # width, height


class FaultyError(Exception):
    """An image file can't be used. The message continues the file's name: a fault and a remedy."""


def file_bytes(path: Path) -> bytes:
    """The content of an image file. Raises FaultyError if it can't be read."""
    try:
        return read_file(path)
    except FileNotFoundError:
        name = unicodedata.normalize("NFC", path.name)
        there = os.listdir(path.parent) if path.parent.is_dir() else []
        remedy = "correct the path"
        if any(unicodedata.normalize("NFC", other) == name for other in there):
            remedy = "the folder has this name in another Unicode form: rename the file"
        raise FaultyError(f"is not there (looked for {path}); {remedy}") from None
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); correct the path or its permissions"
        raise FaultyError(fault) from None


def decode(data: bytes, *, colour: bool) -> "np.ndarray":
    """The uint8 pixels of an image file: RGB [H, W, 3] with `colour`, else gray [H, W] as from
    `gray`. Raises FaultyError, also for more than 67 million pixels."""
    import numpy as np
    import pillow_heif
    from PIL import Image, UnidentifiedImageError

    pillow_heif.register_heif_opener()
    try:
        with Image.open(io.BytesIO(data), formats=KINDS) as image:
            width, height = image.size
            if width * height > LARGEST:
                raise FaultyError(f"has {width}x{height} pixels, too many to read; scale it down")
            return np.asarray(_upright_srgb(image, data).convert("RGB" if colour else "L"))
    except FaultyError:
        raise
    except Image.DecompressionBombError:
        fault = f"has more than {LARGEST:,} pixels, too many to read; scale it down"
        raise FaultyError(fault) from None
    except Exception as error:  # for a broken file Pillow raises exceptions of many classes
        reason = ", ".join(KINDS) if isinstance(error, UnidentifiedImageError) else error
        raise FaultyError(f"is not an intact image ({reason}); replace it, or {REMEDY}") from error


def gray(pixels: "np.ndarray") -> "np.ndarray":
    """ITU-R 601 luma [H, W] of RGB [H, W, 3] uint8 (0.299 R + 0.587 G + 0.114 B), by Pillow's
    integers: the same on every machine. Gray pixels [H, W] stay as they are."""
    import numpy as np
    from PIL.Image import fromarray

    return pixels if pixels.ndim == 2 else np.asarray(fromarray(pixels).convert("L"))


def thumbnail(pixels: "np.ndarray") -> "np.ndarray":
    """A perceptual hash of an image [H, W, 3] uint8: 256 float32 numbers from 16 x 16 gray pixels.
    The dot product of two hashes is the correlation of the pictures, and 0 for a blank image."""
    import numpy as np
    from PIL import Image

    small = Image.fromarray(gray(pixels)).resize((16, 16), Image.Resampling.BOX)
    values = np.asarray(small, np.float32).ravel()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def reduced_size(size: Size) -> Size:
    """(width, height) of an image's reduced copy, at most LONGEST pixels a side."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def reduced(image: "np.ndarray") -> "np.ndarray":
    """The reduced copy of an image [H, W] or [H, W, 3] uint8, by means over areas. An image that is
    small enough is returned itself."""
    import numpy as np
    from PIL import Image

    height, width = image.shape[:2]
    size = reduced_size((width, height))
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def points_before(points: "Points", size: Size) -> "Points":
    """Points [N, 2] of a reduced copy in pixels of the original image of `size` (width, height)."""
    import numpy as np

    smaller = reduced_size(size)
    return points if smaller == size else (points + 0.5) * np.divide(size, smaller) - 0.5


def _upright_srgb(image: "Image", data: bytes) -> "Image":
    """An image, opened from the file `data`, as a viewer shows it: gray, RGB or CMYK, no alpha."""
    import numpy as np
    from PIL import Image, ImageOps

    image.load()
    if image.format == "PNG" and _has_other_colours(image, data):
        raise FaultyError(f"has other colours than sRGB (its chunk cICP, cHRM or gAMA); {REMEDY}")
    image = ImageOps.exif_transpose(image)
    key = image.info.get("transparency")
    is_deep = image.mode.startswith("I;16")  # gray; Pillow itself makes 16-bit colours 8-bit
    deep_key = key is not None and (is_deep or (isinstance(key, tuple) and max(key) > 255))
    if image.mode in ("I", "F") or deep_key:
        raise FaultyError(f"has more than 16 bits a channel, or 16 and transparency; {REMEDY}")
    if is_deep:  # take the high byte, as Pillow does for 16-bit colours
        info = image.info
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        image.info = info
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    plain = {"1": "L", "LA": "L", "La": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    shown = _in_srgb(image.convert(plain))
    if alpha is None:
        return shown
    return Image.composite(shown, Image.new(shown.mode, shown.size, "white"), alpha)


def _has_other_colours(image: "Image", data: bytes) -> bool:
    """Whether the chunks of a PNG say that its colours are not sRGB. The chunk cICP takes
    precedence over a profile, and a profile over gAMA and cHRM."""
    header = data[: data.find(b"IDAT")]
    if (at := header.find(b"cICP")) >= 0:
        return header[at + 4 : at + 6] != SRGB_CODES
    if "icc_profile" in image.info or "srgb" in image.info:
        return False
    is_gray = image.mode in ("1", "L", "LA", "I;16")  # gray has no primaries
    own = SRGB_CHROMATICITY if is_gray else image.info.get("chromaticity", SRGB_CHROMATICITY)
    differences = [abs(a - b) for a, b in zip(own, SRGB_CHROMATICITY, strict=True)]
    return max(*differences, abs(image.info.get("gamma", SRGB_GAMMA) - SRGB_GAMMA)) > 0.01


def _in_srgb(image: "Image") -> "Image":
    """An image without alpha, converted to sRGB by the profile in its file."""
    from PIL import ImageCms

    if not (profile := image.info.get("icc_profile")):
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):
            return image
        transform = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), image.mode, "RGB")
        return transform.apply(image)
    except (ImageCms.PyCMSError, OSError) as error:
        fault = f"has a colour profile that can't be applied ({error}); {REMEDY}"
        raise FaultyError(fault) from None
