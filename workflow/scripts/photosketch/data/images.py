"""Reading image files: their kinds, and what would make their pixels other than people see.

The strict reader, for aligned pairs and for other methods' sketches; `as_seen` is the lenient one.
A file is judged by what it says of itself, before its pixels are decoded: Pillow would drop low
bytes, colour keys and all frames but the first without a word. Free of numpy and Pillow at import,
because the Snakefile loads what reads tables.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

# Pillow knows many more, some of which start other programs (PostScript: Ghostscript).
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
SKETCH_SUFFIXES = (".png", ".jpg", ".jpeg")  # of the files in folders of `methods`
MODES = ("L", "RGB")  # Pillow's names: 8-bit gray, 8-bit colour
LARGEST = 4096 * 4096  # pixels that are decoded
PROFILE_TOLERANCE = 2  # gray levels that a colour profile may change sRGB by
SRGB_GAMMA = 1 / 2.2
# x, y of white, red, green and blue, and the code points of cICP (ITU-T H.273): primaries, transfer
SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_CODES = (1, 13)
Size = tuple[int, int]  # width, height


class FaultyError(Exception):
    """An image file that can't be used: its fault, with a remedy, as part of a sentence about it,
    and its size where that is known."""

    def __init__(self, fault: str, size: Size | None = None) -> None:
        super().__init__(fault)
        self.fault, self.size = fault, size


def read(data: bytes, *, colour: bool) -> "np.ndarray":
    """The pixels of an image file that `inspect` has no fault with, uint8.

    RGB [H, W, 3] with `colour`, else gray [H, W]: gray is repeated to three channels, colour
    reduced to ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B in Pillow's integer arithmetic, the same
    on every machine).
    """
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=KINDS) as image:
        return np.asarray(image.convert("RGB" if colour else "L"))


def luma(pixels: "np.ndarray") -> "np.ndarray":
    """The gray [H, W] of RGB pixels [H, W, 3] uint8, as `read` gives it."""
    import numpy as np
    from PIL.Image import fromarray

    return np.asarray(fromarray(pixels).convert("L"))


def inspect(data: bytes) -> tuple[Size | None, list[str]]:
    """The (width, height) of an image file's content, None where it is no intact image, and its
    faults, each with its remedy, as parts of a sentence about the file.

    An image of more than 16.8 million pixels is not decoded.
    """
    try:
        with opened(data, LARGEST) as image:
            image.load()
            return image.size, _faults(image, data)
    except FaultyError as error:
        return error.size, [error.fault]


@contextlib.contextmanager
def opened(data: bytes, largest: int, kinds: tuple[str, ...] = KINDS) -> Iterator["Image"]:
    """An image file of some kinds (Pillow's names) and at most `largest` pixels, not yet decoded.

    Raises FaultyError, also for whatever decoding raises in the block.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=kinds) as image:
            width, height = image.size
            if width * height > largest:
                fault = f"has {width}x{height} pixels, too many to read; scale it down"
                raise FaultyError(fault, (width, height))
            yield image
    except FaultyError:
        raise
    except UnidentifiedImageError:
        fault = f"is no intact image of a kind that is read ({', '.join(kinds)}); replace it"
        raise FaultyError(fault) from None
    except Exception as error:  # what broken files make Pillow raise has no class in common
        raise FaultyError(f"is no intact image ({error}); replace the file") from error


def file_bytes(path: Path) -> bytes:
    """The content of an image file. Raises FaultyError if it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FaultyError(f"is not there (looked for {path}); correct the path") from None
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); correct the path or its permissions"
        raise FaultyError(fault) from None


def _faults(image: "Image", data: bytes) -> list[str]:
    """What the file says of itself that makes people see other pixels than we would read."""
    from PIL import ExifTags

    faults = []
    bits = _bits(image, data)
    if bits > 8:
        faults.append(f"has {bits} bits a channel; save it with 8")
    elif image.mode not in MODES:
        faults.append(
            f"has the mode {image.mode} instead of {' or '.join(MODES)}; "
            "save it as 8-bit gray or RGB without transparency"
        )
    elif "transparency" in image.info:
        faults.append("has a transparent colour; save it without transparency")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        faults.append(f"holds {frames} pictures (frames or pages); save the one that is meant")
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation not in (0, 1):
        faults.append(
            f"is to be turned when shown (EXIF orientation {orientation}); "
            "save it turned, without that entry"
        )
    if not is_srgb(image) or names_other_primaries(image, data):
        faults.append(
            "is shown in other colours (profile, gamma or primaries other than sRGB's); "
            "save as sRGB"
        )
    return faults


def _bits(image: "Image", data: bytes) -> int:
    """Bits of a channel, as the file has them."""
    bits_per_sample = 258  # the tag of TIFF
    if image.format == "PNG":
        return data[24]  # of the header, which every PNG begins with
    if image.format == "TIFF":
        bits = image.tag_v2.get(bits_per_sample, 8)  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else bits
    return 8


def names_other_primaries(image: "Image", data: bytes) -> bool:
    """Whether a PNG says in chunks of its own that its primaries are not sRGB's (cHRM), or its
    primaries and transfer (cICP, which comes before a profile, as a profile does before cHRM)."""
    if image.format != "PNG":
        return False
    at = 8  # behind the signature; chunks: length, name, content, checksum
    while at + 8 <= len(data) and data[at + 4 : at + 8] not in (b"IDAT", b"IEND"):
        if data[at + 4 : at + 8] == b"cICP":
            return tuple(data[at + 8 : at + 10]) != SRGB_CODES
        at += 12 + int.from_bytes(data[at : at + 4])
    named = image.info.get("chromaticity")
    gray = data[25] in (0, 4)  # the kind of colour in the header: without, or with alpha
    if named is None or gray or "icc_profile" in image.info or "srgb" in image.info:
        return False
    return any(abs(own - srgb) > 0.01 for own, srgb in zip(named, SRGB_CHROMATICITY, strict=True))


def is_srgb(image: "Image") -> bool:
    """Whether the file's colours, where it defines them, are sRGB's but for rounding."""
    import numpy as np
    from PIL import ImageCms
    from PIL.Image import fromarray

    profile = image.info.get("icc_profile")
    if not profile:
        gamma = image.info.get("gamma", SRGB_GAMMA)
        return "srgb" in image.info or abs(gamma - SRGB_GAMMA) < 0.01
    if image.mode not in MODES:
        return True  # refused for its mode
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18, -1, 3)
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        is_gray = own.profile.xcolor_space.strip() == "GRAY"
        if is_gray and image.mode == "RGB":
            return False  # of another picture
        sample = fromarray(levels[None] if is_gray else colours)
        shown = ImageCms.profileToProfile(
            sample, own, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return False
    difference = np.asarray(shown).astype(int) - np.asarray(sample.convert("RGB"))
    return bool(np.abs(difference).max() <= PROFILE_TOLERANCE)
