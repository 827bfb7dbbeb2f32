"""Image files of any make are read as people see them, or refused with a remedy."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from photosketch.data import as_seen, images

PIXELS = np.random.default_rng(0).integers(0, 256, (25, 20, 3), np.uint8)
GRAY = PIXELS[..., 0]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
HALF = np.where(np.arange(20) < 10, 255, 0).astype(np.uint8) * np.ones((25, 1), np.uint8)


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    return file.getvalue()


def turned(orientation, kind):
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(PIXELS, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


def with_chunk(name, *numbers, pixels=PIXELS):
    chunks = PngImagePlugin.PngInfo()
    chunks.add(name, b"".join(number.to_bytes(4) for number in numbers))
    return encoded(pixels, pnginfo=chunks)


def with_gamma(value):
    return with_chunk(b"gAMA", round(value * 100_000))


def wide_gamut():
    """A profile that differs from sRGB in the red primary alone."""
    profile = bytearray(SRGB)
    at = profile.index(b"rXYZ", 128)
    offset = int.from_bytes(profile[at + 4 : at + 8])
    profile[offset + 8 : offset + 12] = (0x9000).to_bytes(4)
    return bytes(profile)


def sixteen(pixels, kind):
    import cv2

    levels = pixels.astype(np.uint16) * 257
    return cv2.imencode(kind, levels if levels.ndim == 2 else levels[..., ::-1])[1].tobytes()


def on_white(pixels, alpha):
    share = alpha / 255 if pixels.ndim == 2 else alpha[..., None] / 255
    return np.round(pixels * share + 255 * (1 - share))


PALETTE = Image.fromarray(PIXELS).quantize(200)
FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - PIXELS)]}
SEEN = {
    "as it is": (encoded(PIXELS), PIXELS),
    "gray": (encoded(GRAY), np.dstack([GRAY] * 3)),
    "sRGB by its words": (encoded(PIXELS, icc_profile=SRGB), PIXELS),
    "to be turned right": (turned(6, "PNG"), np.rot90(PIXELS, -1)),
    "to be mirrored, a TIFF": (turned(2, "TIFF"), PIXELS[:, ::-1]),
    "to be turned left, a WebP": (turned(8, "WEBP"), np.rot90(PIXELS, 1)),
    "alpha": (encoded(np.dstack([PIXELS, HALF])), on_white(PIXELS, HALF)),
    "gray with alpha": (
        encoded(Image.merge("LA", (Image.fromarray(GRAY), Image.fromarray(HALF)))),
        np.dstack([on_white(GRAY, HALF)] * 3),
    ),
    "a transparent colour": (
        encoded(PIXELS, transparency=tuple(PIXELS[3, 4].tolist())),
        np.where((PIXELS[3, 4] == PIXELS).all(-1, keepdims=True), 255, PIXELS),
    ),
    "a palette": (encoded(PALETTE), np.asarray(PALETTE.convert("RGB"))),
    "16-bit colours": (sixteen(PIXELS, ".png"), PIXELS),
    "16-bit gray": (sixteen(GRAY, ".png"), np.dstack([GRAY] * 3)),
    "16-bit gray, a TIFF": (sixteen(GRAY, ".tif"), np.dstack([GRAY] * 3)),
    "black and white": (
        encoded(Image.fromarray(GRAY > 127)),
        np.dstack([np.where(GRAY > 127, 255, 0)] * 3),
    ),
    "CMYK": (encoded(Image.fromarray(PIXELS).convert("CMYK"), "TIFF"), PIXELS),
    "frames": (encoded(PIXELS, **FRAMES), PIXELS),
    "pages": (encoded(PIXELS, "TIFF", **FRAMES), PIXELS),
}


@pytest.mark.parametrize(("data", "expected"), SEEN.values(), ids=SEEN)
def test_a_file_is_read_as_people_see_it(data, expected):
    size, faults = as_seen.inspect(data)
    seen = as_seen.read(data, colour=True)

    assert faults == []
    assert size == (expected.shape[1], expected.shape[0])
    assert seen.dtype == np.uint8
    np.testing.assert_allclose(seen.astype(int), expected, atol=1)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("data", [encoded(PIXELS, "JPEG"), encoded(GRAY), SEEN["as it is"][0]])
def test_what_the_strict_reader_takes_is_read_the_same(data, colour):
    assert images.inspect(data)[1] == []
    assert np.array_equal(as_seen.read(data, colour=colour), images.read(data, colour=colour))


def test_colours_follow_the_profile_and_gamma_of_the_file():
    plain = as_seen.read(encoded(PIXELS), colour=True).astype(int)
    shown = ImageCms.profileToProfile(
        Image.fromarray(PIXELS),
        ImageCms.ImageCmsProfile(io.BytesIO(wide_gamut())),
        ImageCms.createProfile("sRGB"),
    )

    wide = as_seen.read(encoded(PIXELS, icc_profile=wide_gamut()), colour=True)
    assert np.array_equal(wide, np.asarray(shown))
    assert np.abs(wide - plain).max() > 5
    linear = as_seen.read(with_gamma(1.0), colour=True)
    np.testing.assert_allclose(linear, 255 * (PIXELS / 255) ** (1 / 2.2), atol=0.51)


def test_a_telephones_picture_of_two_frames_and_24_million_pixels_passes():
    large = Image.fromarray(np.zeros((4000, 6000), np.uint8))

    assert as_seen.inspect(encoded(large, "PNG")) == ((6000, 4000), [])
    small = encoded(PIXELS, "MPO", **FRAMES)
    assert as_seen.inspect(small) == ((20, 25), [])


def test_primaries_mean_nothing_to_gray():
    for gray in (GRAY, np.dstack([GRAY, GRAY])):
        data = with_chunk(b"cHRM", *[20000] * 8, pixels=gray)
        assert as_seen.inspect(data) == ((20, 25), [])


REFUSED = {
    "other primaries": (with_chunk(b"cHRM", *[20000] * 8), "other primaries"),
    "a broken profile": (encoded(PIXELS, icc_profile=b"junk"), "can't be applied"),
    "the profile of another kind": (encoded(PIXELS, icc_profile=LAB), "another kind of picture"),
    "floating point": (encoded(GRAY.astype(np.float32), "TIFF"), "mode F"),
    "no picture": (b"text", "no intact image"),
    "half a picture": (encoded(PIXELS)[:200], "no intact image"),
}


@pytest.mark.parametrize(("data", "fault"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_can_tell_is_refused_with_a_remedy(data, fault):
    _, (found,) = as_seen.inspect(data)
    assert fault in found
    assert "; " in found


def test_too_many_pixels_are_not_decoded(monkeypatch):
    def refuse(_):
        raise AssertionError("the pixels were decoded")

    large = encoded(Image.new("1", (8193, 8192)))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", refuse)
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", refuse)

    size, (fault,) = as_seen.inspect(large)

    assert size == (8193, 8192)
    assert "too many" in fault


def test_a_reduced_copy_averages_and_its_points_come_back(monkeypatch):
    image = np.add.outer(np.arange(600), np.arange(400)).astype(np.float32)[..., None] / 4
    image = np.repeat(image, 3, axis=2).astype(np.uint8)

    monkeypatch.setattr(as_seen, "LONGEST", 150)
    small = as_seen.reduced(image)

    assert small.shape == (150, 100, 3)
    blocks = image.reshape(150, 4, 100, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small, blocks, atol=1)
    back = as_seen.points_before(np.array([[0.0, 0.0], [99, 149]]), (400, 600))
    np.testing.assert_allclose(back, [[1.5, 1.5], [397.5, 597.5]])
    assert as_seen.reduced(small) is small
    assert as_seen.points_before(back, (100, 150)) is back
