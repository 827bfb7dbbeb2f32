"""Image files of all kinds are read as a viewer shows them, or refused with a remedy."""

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from photosketch.data import images

pillow_heif.register_heif_opener()
PIXELS = np.random.default_rng(0).integers(0, 256, (25, 20, 3), np.uint8)
GRAY = PIXELS[..., 0]
CLEAR = int(GRAY[0, 0])
HALF = np.where(np.arange(20) < 10, 255, 0).astype(np.uint8) * np.ones((25, 1), np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - PIXELS)]}


def encoded(picture=PIXELS, kind="PNG", **options):
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    return file.getvalue()


def turned(orientation, picture=PIXELS, **options):
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(picture, exif=exif.tobytes(), **options)


def with_primaries(red_x, pixels=PIXELS):
    """The primaries of sRGB with another red."""
    numbers = 31270, 32900, red_x, 33000, 30000, 60000, 15000, 6000
    return chunk_added(encoded(pixels), b"cHRM" + struct.pack(">8I", *numbers))


def chunk_added(png, chunk):
    """The PNG with a chunk (name and data) before its pixels."""
    at = png.index(b"IDAT") - 4
    length, check = (number.to_bytes(4) for number in (len(chunk) - 4, zlib.crc32(chunk)))
    return png[:at] + length + chunk + check + png[at:]


def wide_gamut():
    """A profile that differs from sRGB only in its name and the red primary."""
    profile = bytearray(SRGB.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be")))
    at = profile.index(b"rXYZ", 128)
    offset = int.from_bytes(profile[at + 4 : at + 8])
    profile[offset + 8 : offset + 12] = (0x9000).to_bytes(4)
    return bytes(profile)


def sixteen(pixels, kind):
    levels = pixels.astype(np.uint16) * 257
    return cv2.imencode(kind, levels if levels.ndim == 2 else levels[..., ::-1])[1].tobytes()


def on_white(pixels, alpha):
    share = alpha / 255 if pixels.ndim == 2 else alpha[..., None] / 255
    return np.round(pixels * share + 255 * (1 - share))


PNG, JPEG = encoded(), encoded(kind="JPEG")
GROUND = np.full((64, 96, 3), 99, np.uint8)
ROTATED = turned(6, GROUND, kind="HEIF")  # the file and its EXIF have the same rotation
PALETTE = Image.fromarray(PIXELS).quantize(200)
PROFILES = ImageCms.ImageCmsProfile(io.BytesIO(wide_gamut())), ImageCms.createProfile("sRGB")
WIDE = np.asarray(ImageCms.profileToProfile(Image.fromarray(PIXELS), *PROFILES))
SEEN = {
    "PNG": (PNG, PIXELS),
    "BMP": (encoded(kind="BMP"), PIXELS),
    "TIFF": (encoded(kind="TIFF"), PIXELS),
    "WebP": (encoded(kind="WEBP", lossless=True), PIXELS),
    "HEIF": (encoded(PIXELS * 0 + 99, "HEIF"), PIXELS * 0 + 99),
    "gray": (encoded(GRAY), GRAY),
    "black and white": (encoded(Image.fromarray(GRAY > 127)), np.where(GRAY > 127, 255, 0)),
    "to be turned right": (turned(6), np.rot90(PIXELS, -1)),
    "to be mirrored, a TIFF": (turned(2, kind="TIFF"), PIXELS[:, ::-1]),
    "turned by its rotation, a HEIF": (ROTATED, GROUND.transpose(1, 0, 2)),
    "not turned by EXIF, a HEIF": (ROTATED.replace(b"irot", b"free"), GROUND),
    "to be turned left, a WebP": (turned(8, kind="WEBP", lossless=True), np.rot90(PIXELS, 1)),
    "alpha": (encoded(np.dstack([PIXELS, HALF])), on_white(PIXELS, HALF)),
    "gray with alpha": (encoded(np.dstack([GRAY, HALF])), on_white(GRAY, HALF)),
    "a transparent colour": (
        encoded(transparency=tuple(PIXELS[3, 4].tolist())),
        np.where((PIXELS[3, 4] == PIXELS).all(-1, keepdims=True), 255, PIXELS),
    ),
    "a transparent gray": (encoded(GRAY, transparency=CLEAR), np.where(GRAY == CLEAR, 255, GRAY)),
    "a palette": (encoded(PALETTE), np.asarray(PALETTE.convert("RGB"))),
    "a palette, transparent": (encoded(PALETTE, transparency=bytes(256)), PIXELS * 0 + 255),
    "16-bit colours": (sixteen(PIXELS, ".png"), PIXELS),
    "16-bit gray": (sixteen(GRAY, ".png"), GRAY),
    "16-bit gray, a TIFF": (sixteen(GRAY, ".tif"), GRAY),
    "CMYK": (encoded(Image.fromarray(PIXELS).convert("CMYK"), "TIFF"), PIXELS),
    "frames": (encoded(**FRAMES), PIXELS),
    "pages": (encoded(kind="TIFF", **FRAMES), PIXELS),
    "sRGB by its profile": (encoded(icc_profile=SRGB), PIXELS),
    "sRGB of a gray image": (encoded(GRAY, icc_profile=SRGB), GRAY),
    "another profile": (encoded(icc_profile=wide_gamut()), WIDE),
    "the gamma of sRGB": (chunk_added(PNG, b"gAMA" + struct.pack(">I", 45455)), PIXELS),
    "its primaries": (with_primaries(64000), PIXELS),
    "its code points": (chunk_added(PNG, b"cICP" + bytes([1, 13, 0, 1])), PIXELS),
    "primaries, which mean nothing to gray": (with_primaries(70800, GRAY), GRAY),
}


@pytest.mark.parametrize(("data", "expected"), SEEN.values(), ids=SEEN)
def test_a_file_is_read_as_people_see_it(data, expected):
    seen = images.decode(data, colour=True)
    assert seen.dtype == np.uint8
    colours = np.dstack([expected] * 3) if expected.ndim == 2 else expected
    np.testing.assert_allclose(seen.astype(int), colours, atol=1)
    gray = images.decode(data, colour=False)
    assert np.array_equal(gray, images.gray(seen))
    assert images.gray(gray) is gray


def test_a_profile_changes_colours_and_gray_is_itu_601():
    assert np.abs(WIDE.astype(int) - PIXELS).max() > 5
    np.testing.assert_allclose(images.gray(PIXELS), PIXELS @ [0.299, 0.587, 0.114], atol=0.51)
    assert images.decode(encoded(kind="MPO", **FRAMES), colour=True).shape == (25, 20, 3)


REFUSED = {
    "other primaries": (with_primaries(70800), "other colours"),
    "another gamma": (chunk_added(PNG, b"gAMA" + struct.pack(">I", 100_000)), "other colours"),
    "the code points of HDR": (chunk_added(PNG, b"cICP" + bytes([9, 16, 0, 1])), "other colours"),
    "a broken profile": (encoded(icc_profile=b"junk"), "can't be applied"),
    "the profile of another kind": (encoded(icc_profile=LAB), "can't be applied"),
    "floating point": (encoded(GRAY.astype(np.float32), "TIFF"), "16 bits"),
    "a transparent colour of 16 bits": (
        chunk_added(sixteen(PIXELS, ".png"), b"tRNS" + bytes([9, 9] * 3)),
        "16 and transp",
    ),
    "text": (b"text", "not an intact image (PNG, JPEG"),
    "nothing": (b"", "not an intact image"),
    "a signature": (b"\x89PNG\r\n\x1a\n", "not an intact image"),
    "half a picture": (PNG[: len(PNG) // 2], "not an intact image"),
    "most of a JPEG": (JPEG[: len(JPEG) * 3 // 4], "not an intact image"),
    "broken EXIF": (chunk_added(PNG, b"eXIfII*\0"), "not an intact image"),
    **{
        kind: (encoded(np.full((16, 16, 3), 9, np.uint8), kind), "not an intact image (PNG")
        for kind in ("EPS", "PDF", "PPM", "ICNS")
    },
}


@pytest.mark.parametrize(("data", "fault"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_can_tell_is_refused_with_a_remedy(data, fault):
    with pytest.raises(images.FaultyError) as caught:
        images.decode(data, colour=True)
    assert fault in str(caught.value)
    assert str(caught.value).endswith("save it as 8-bit sRGB PNG or JPEG")


def test_damaged_files_end_in_one_kind_of_error_whatever_pillow_makes_of_them():
    tiff, random = encoded(kind="TIFF"), np.random.default_rng(0)
    for _ in range(200):
        broken = bytearray(tiff)
        broken[random.integers(len(tiff) - 200, len(tiff))] ^= int(random.integers(1, 256))
        try:
            images.decode(bytes(broken), colour=True)
        except images.FaultyError as error:
            assert "; " in str(error)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("no\u0308.png", "rename the file"),
        ("no.png", "correct the path"),
        ("pipe", "a pipe or a device, not a file"),
        ("", "Is a directory"),
    ],
)
def test_a_path_without_a_file_is_told_in_a_sentence(tmp_path, name, fault):
    (tmp_path / "n\xf6.png").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(images.FaultyError, match=fault):
        images.file_bytes(tmp_path / name)


@pytest.mark.parametrize("size", [(8193, 8192), (16384, 16384), (30000, 30000)])
def test_too_many_pixels_are_not_decoded(monkeypatch, size):
    header = encoded(Image.new("1", (9, 9)))
    sized = b"IHDR" + b"".join(length.to_bytes(4) for length in size) + header[24:29]
    large = header[:12] + sized + zlib.crc32(sized).to_bytes(4) + header[33:]
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(images.FaultyError, match=r"too many .*scale it down"):
        images.decode(large, colour=True)


def test_a_reduced_copy_averages_and_its_points_come_back(monkeypatch):
    image = np.add.outer(np.arange(600), np.arange(400)).astype(np.float32)[..., None] / 4
    image = np.repeat(image, 3, axis=2).astype(np.uint8)

    monkeypatch.setattr(images, "LONGEST", 150)
    small = images.reduced(image)

    assert small.shape == (150, 100, 3)
    blocks = image.reshape(150, 4, 100, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small, blocks, atol=1)
    back = images.points_before(np.array([[0.0, 0.0], [99, 149]]), (400, 600))
    np.testing.assert_allclose(back, [[1.5, 1.5], [397.5, 597.5]])
    assert images.reduced(small) is small
    assert images.points_before(back, (100, 150)) is back
