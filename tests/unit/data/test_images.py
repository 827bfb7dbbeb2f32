"""Image files are read as people see them, or refused by what the file says."""

import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from photosketch.data import images

PIXELS = np.random.default_rng(0).integers(0, 256, (25, 20, 3), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(pixels=PIXELS, kind="PNG", convert=None, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).convert(convert).save(file, kind, **options)
    return file.getvalue()


def wide_gamut():
    """A profile that differs from sRGB in the red primary alone."""
    profile = bytearray(SRGB)
    at = profile.index(b"rXYZ", 128)
    offset = int.from_bytes(profile[at + 4 : at + 8])
    profile[offset + 8 : offset + 12] = (0x9000).to_bytes(4)
    return bytes(profile)


def with_bits(kind, channels):
    pixels = PIXELS if channels == 3 else PIXELS[..., 0]
    return cv2.imencode(kind, pixels.astype(np.uint16) * 4)[1].tobytes()


def with_gamma(value):
    return with_chunk(b"gAMA", round(value * 100_000))


def with_chunk(name, *numbers, size=4):
    chunks = PngImagePlugin.PngInfo()
    chunks.add(name, b"".join(number.to_bytes(size) for number in numbers))
    return encoded(pnginfo=chunks)


def with_primaries(red_x):
    """Those of sRGB, but for the red one."""
    return with_chunk(b"cHRM", 31270, 32900, red_x, 33000, 30000, 60000, 15000, 6000)


@pytest.mark.parametrize("kind", images.KINDS)
def test_every_kind_is_read_in_colour_and_gray(kind):
    data = encoded(kind=kind, **({"lossless": True} if kind == "WEBP" else {}))

    assert images.inspect(data) == ((20, 25), [])
    assert images.read(data, colour=True).shape == (25, 20, 3)
    assert images.read(data, colour=False).shape == (25, 20)
    if kind != "JPEG":
        assert np.array_equal(images.read(data, colour=True), PIXELS)


SEEN_OTHERWISE = {
    "a transparent colour in gray": (encoded(PIXELS[..., 0], transparency=3), "transparent colour"),
    "a transparent colour": (encoded(transparency=(1, 2, 3)), "transparent colour"),
    "alpha": (encoded(np.dstack([PIXELS, PIXELS[..., :1]])), "mode RGBA"),
    "16-bit RGB PNG": (with_bits(".png", 3), "16 bits"),
    "16-bit RGB TIFF": (with_bits(".tif", 3), "16 bits"),
    "16-bit gray PNG": (with_bits(".png", 1), "16 bits"),
    "16-bit gray TIFF": (with_bits(".tif", 1), "16 bits"),
    "APNG": (
        encoded(save_all=True, append_images=[Image.fromarray(255 - PIXELS)]),
        "2 pictures",
    ),
    "TIFF pages": (
        encoded(kind="TIFF", save_all=True, append_images=[Image.fromarray(255 - PIXELS)]),
        "2 pictures",
    ),
    "MPO": (
        encoded(kind="MPO", save_all=True, append_images=[Image.fromarray(255 - PIXELS)]),
        "2 pictures",
    ),
    "animated WebP": (
        encoded(kind="WEBP", save_all=True, append_images=[Image.fromarray(255 - PIXELS)]),
        "2 pictures",
    ),
    "another profile": (encoded(icc_profile=wide_gamut()), "other colours"),
    "a broken profile": (encoded(icc_profile=b"junk"), "other colours"),
    "another gamma": (with_gamma(1.0), "other colours"),
    "other primaries": (with_primaries(70800), "other colours"),
    "the code points of HDR": (with_chunk(b"cICP", 9, 16, 0, 1, size=1), "other colours"),
    "a palette": (encoded(PIXELS, "TIFF", convert="P"), "mode P"),
    "CMYK": (encoded(PIXELS, "JPEG", convert="CMYK"), "mode CMYK"),
}


@pytest.mark.parametrize(("data", "fault"), SEEN_OTHERWISE.values(), ids=SEEN_OTHERWISE)
def test_what_people_see_otherwise_is_refused(data, fault):
    _, faults = images.inspect(data)

    assert len(faults) == 1
    assert fault in faults[0]
    assert "; save " in faults[0]


@pytest.mark.parametrize(
    "data",
    [
        encoded(icc_profile=SRGB),
        encoded(PIXELS[..., 0], icc_profile=SRGB),
        with_gamma(1 / 2.2),
        with_primaries(64000),
        with_chunk(b"cICP", 1, 13, 0, 1, size=1),
    ],
    ids=["sRGB", "sRGB of a gray image", "gamma of sRGB", "its primaries", "its code points"],
)
def test_what_is_srgb_by_its_own_words_is_read(data):
    assert images.inspect(data) == ((20, 25), [])


@pytest.mark.parametrize("kind", ["EPS", "PDF", "PPM", "ICNS"])
def test_other_kinds_are_not_opened_whatever_the_files_name(kind):
    data = encoded(np.full((16, 16, 3), 9, np.uint8), kind)

    size, (fault,) = images.inspect(data)

    assert size is None
    assert "of a kind that is read (PNG, JPEG" in fault


def test_damaged_files_are_named_whatever_pillow_makes_of_them():
    exif = b"eXIf" + b"II*\0"
    chunk = len(exif[4:]).to_bytes(4) + exif + zlib.crc32(exif).to_bytes(4)
    png, tiff = encoded(), encoded(kind="TIFF")
    damaged = [png[:33] + chunk + png[33:], png[: len(png) // 2], b"", b"\x89PNG\r\n\x1a\n"]
    random = np.random.default_rng(0)
    for _ in range(200):
        broken = bytearray(tiff)
        broken[random.integers(len(tiff) - 200, len(tiff))] ^= int(random.integers(1, 256))
        damaged.append(bytes(broken))

    for data in damaged:
        size, faults = images.inspect(data)  # raises nothing
        assert size is not None or "is no intact image" in faults[0]
    assert all(images.inspect(data)[0] is None for data in damaged[:4])


def test_an_image_that_is_too_large_is_not_decoded(monkeypatch):
    def refuse(_):
        raise AssertionError("the pixels were decoded")

    large = encoded(np.zeros((4097, 4096), np.uint8))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", refuse)

    size, (fault,) = images.inspect(large)

    assert size == (4096, 4097)
    assert "too many" in fault
