"""Photos of every kind drawn into a folder by the command: what comes out, what is said."""

import csv
import io
import json
import os
import re
import struct
import zlib

import numpy as np
import pandas as pd
import pillow_heif
import pytest
from PIL import Image

from photosketch.draw import __main__ as command
from photosketch.landmarks.manual import MANUAL_COLUMNS
from support.faces.pair import draw_pair
from support.generators import generator_file, group_photo

KINDS = (
    "phone.jpg",
    "phone.heic",
    "alpha.png",
    "gray.png",
    "ink.jpg",
    "deep.png",
    "web.webp",
    "large.bmp",
)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return generator_file(tmp_path_factory.mktemp("model"))


def write_kinds(folder) -> dict[str, tuple[int, int]]:
    """One face in each kind of file that people have; the size (width, height) as it is seen."""
    face = Image.fromarray(draw_pair(1).photo)
    turned = face.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    turned.save(folder / "phone.jpg", exif=exif, quality=95)
    pillow_heif.register_heif_opener()
    face.save(folder / "phone.heic", quality=95)
    layered = face.convert("RGBA")
    layered.putalpha(Image.new("L", face.size, 255))
    layered.save(folder / "alpha.png")
    face.convert("L").save(folder / "gray.png")
    face.convert("CMYK").save(folder / "ink.jpg", quality=95)
    levels = np.asarray(face.convert("L")).astype(np.uint16) * 257
    Image.fromarray(levels).save(folder / "deep.png")
    face.save(folder / "web.webp", quality=95)
    face.resize((1000, 1250)).save(folder / "large.bmp")
    return dict.fromkeys(KINDS, (200, 250)) | {"large.bmp": (1000, 1250)}


def draw(generator, *arguments):
    return command.main([str(generator), *map(str, arguments), "--device", "cpu"])


def test_photos_of_all_kinds_are_drawn_and_strange_files_named(generator, tmp_path, capsys):
    photos, output = tmp_path / "photos", tmp_path / "drawn"
    photos.mkdir()
    sizes = write_kinds(photos)
    (photos / "notes.txt").write_text("no photo")
    with open(photos / "huge.jpg", "wb") as file:
        file.truncate(50_000_000)
    (photos / "bomb.png").write_bytes(bomb())
    assert draw(generator, photos, "--output", output) == 0
    faces = pd.read_csv(output / "faces.csv")
    assert sorted(faces["photo"].map(lambda path: path.rpartition("/")[2])) == sorted(KINDS)
    for _, row in faces.iterrows():
        size = sizes[row["photo"].rpartition("/")[2]]
        assert Image.open(output / row["sketch"]).size == (200, 250)
        assert Image.open(output / row["in_place"]).size == size
        assert 0.4 * size[0] < row["nose_x"] < 0.6 * size[0]
        eyes = row["right_eye_x"] - row["left_eye_x"]
        assert eyes == pytest.approx(51 * size[0] / 200, rel=0.15)
    said = capsys.readouterr()
    assert "8 faces in 8 of 11 photos" in said.out
    for name in ("notes.txt", "huge.jpg", "bomb.png"):
        assert re.search(rf"{name}: .*(not an intact image|too many (pixels )?to read)", said.err)
        assert name in (output / "index.html").read_text()
    assert (output / "contact_sheet.png").is_file()


def bomb() -> bytes:
    """A PNG of 30000 x 30000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_the_table_gives_the_way_to_each_face(generator, tmp_path):
    image, points = group_photo()
    Image.fromarray(image).save(tmp_path / "group.png")
    assert draw(generator, tmp_path / "group.png", "--output", tmp_path / "drawn") == 0
    with open(tmp_path / "drawn/faces.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["face"] for row in rows] == ["1", "2", "3"]
    assert [row["sketch"] for row in rows] == [f"sketches/group_{n}.png" for n in (1, 2, 3)]
    for row, true in zip(rows, points, strict=True):
        t = {name: float(row[f"transform_{name}"]) for name in ("xx", "xy", "x", "yx", "yy", "y")}
        matrix = np.array([[t["xx"], t["xy"]], [t["yx"], t["yy"]]])
        left, right = (true[:2] @ matrix.T + (t["x"], t["y"])).round()
        assert left == pytest.approx((74.3, 125.6), abs=3)
        assert right == pytest.approx((125.7, 125.6), abs=3)


def test_nothing_is_overwritten_without_being_asked_to(generator, tmp_path, capsys):
    Image.fromarray(draw_pair(1).photo).save(tmp_path / "a.png")
    output = tmp_path / "drawn"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    assert draw(generator, tmp_path / "a.png", "--output", output) == 1
    said = capsys.readouterr().err
    assert "--force (make draw: FORCE=1)" in said
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    (output / "points.html").write_text("of photos that were drawn before")
    assert draw(generator, tmp_path / "a.png", "--output", output, "--force") == 0
    assert (output / "mine.txt").read_text() == "mine"
    assert not (output / "points.html").exists()


def test_all_that_is_wrong_is_told_at_once_by_whole_paths(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn/mine.txt").touch()
    assert draw("none.safetensors", "photos", "--output", "drawn", "--points", "points.csv") == 1
    said = capsys.readouterr().err
    for name in ("none.safetensors", "photos", "points.csv"):
        assert f"{tmp_path}/{name}: is not there; " in said
    assert "drawn: holds files already" in said
    assert len(said.splitlines()) == 4


def test_a_photo_without_a_face_is_clicked_and_then_drawn(generator, tmp_path, capsys):
    """With the points of the page, the way out that is printed works."""
    photo = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), "white").save(photo)
    assert draw(generator, photo, "--output", tmp_path / "one") == 1
    said = capsys.readouterr().err
    assert "no face was found" in said
    assert f"-m photosketch.draw {generator} {photo} --output {tmp_path / 'one'}_again" in said
    assert "--device cpu --points points.csv" in said
    page = (tmp_path / "one/points.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["hinted"] == "a face that fills the photo has it"
    (entry,) = data["images"]
    hint = np.array(entry["hint"])
    row = [entry["subset"], entry["id"], entry["modality"], *hint.ravel()]
    text = io.StringIO()
    csv.writer(text).writerows([MANUAL_COLUMNS, row])
    (tmp_path / "points.csv").write_text(text.getvalue())
    placed = ["--points", tmp_path / "points.csv", "--output", tmp_path / "two"]
    assert draw(generator, photo, *placed) == 0
    assert pd.read_csv(tmp_path / "two/faces.csv")["source"].tolist() == ["manual"]


def test_names_that_are_long_or_no_text_are_drawn_too(generator, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    person = Image.fromarray(draw_pair(1).photo)
    person.save(photos / f"{'x' * 245}.png")
    person.save(photos / "plain.png")
    os.rename(photos / "plain.png", bytes(photos) + b"/fl\xf6te.png")
    assert draw(generator, photos, "--output", tmp_path / "drawn") == 0
    assert len(pd.read_csv(tmp_path / "drawn/faces.csv")) == 2


def test_a_name_is_for_one_photo(generator, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        Image.new("L", (9, 9)).save(tmp_path / name)
    output = tmp_path / "drawn"
    assert draw(generator, tmp_path, "--output", output, "--name", "CUHK/1") == 1
    assert "names one photo, and 2 are given" in capsys.readouterr().err
    assert not output.exists()
