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
from photosketch.draw import folder
from photosketch.draw.photos import Photo
from photosketch.jobs.job import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS
from support.faces.pair import draw_pair
from support.generators import generator_file, group_photo


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return generator_file(tmp_path_factory.mktemp("model"))


def write_kinds(folder) -> list[str]:
    """One face in each kind of file that people have, 200x250 but for large.bmp; their names.
    One name is too long for a copy's name, one is not text, one has a line break."""
    pillow_heif.register_heif_opener()
    face = Image.fromarray(draw_pair(1).photo)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    levels = np.asarray(face.convert("L")).astype(np.uint16) * 257
    layered = face.convert("RGBA")
    layered.putalpha(Image.new("L", face.size, 255))
    kinds = {
        "phone.jpg": face.transpose(Image.Transpose.ROTATE_90),
        "phone.heic": face,
        "alpha.png": layered,
        "gray.png": face.convert("L"),
        "ink.jpg": face.convert("CMYK"),
        "deep.png": Image.fromarray(levels),
        "web.webp": face,
        "large.bmp": face.resize((600, 750)),
        "new\nline.png": face,
        f"{'x' * 245}.png": face,
        os.fsdecode(b"fl\xf6te.png"): face,
    }
    for name, image in kinds.items():
        more = {"exif": exif} if name == "phone.jpg" else {}
        image.save(folder / name, quality=95, **more)
    return [name for name in kinds if name.isascii()]


def draw(generator, *arguments):
    return command.main([str(generator), *map(str, arguments), "--device", "cpu"])


@pytest.mark.slow
def test_photos_of_all_kinds_are_drawn_and_strange_files_named(generator, tmp_path, capsys):
    photos, output = tmp_path / "photos", tmp_path / "drawn"
    photos.mkdir()
    kinds = write_kinds(photos)
    (photos / "notes.txt").write_text("no photo")
    with open(photos / "huge.jpg", "wb") as file:
        file.truncate(50_000_000)
    (photos / "bomb.png").write_bytes(bomb())
    assert draw(generator, photos, "--output", output, "--background", "keep") == 0
    faces = pd.read_csv(output / "faces.csv")
    assert len(faces) == len(kinds) + 1 == 11
    assert set(kinds) <= {path.rpartition("/")[2] for path in faces["photo"]}
    for _, row in faces.iterrows():
        size = (600, 750) if row["photo"].endswith("large.bmp") else (200, 250)
        assert Image.open(output / row["sketch"]).size == (200, 250)
        assert Image.open(output / row["in_place"]).size == size
        assert 0.4 * size[0] < row["nose_x"] < 0.6 * size[0]
        eyes = row["right_eye_x"] - row["left_eye_x"]
        assert eyes == pytest.approx(51 * size[0] / 200, rel=0.15)
    said = capsys.readouterr()
    assert "11 faces in 11 of 14 photos" in said.out
    for name in ("notes.txt", "huge.jpg", "bomb.png"):
        assert re.search(rf"{name}: .*(not an intact image|too many (pixels )?to read)", said.err)
        assert name in (output / "index.html").read_text()
    assert (output / "contact_sheet.png").is_file()


def bomb() -> bytes:
    """A PNG of 30000 x 30000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(bytes(1000)), b"IEND": b""}
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.slow
def test_the_table_gives_the_way_to_each_face(generator, tmp_path):
    image, points = group_photo()
    Image.fromarray(image).save(tmp_path / "group.png")
    kept = ["--output", tmp_path / "drawn", "--background", "keep"]
    assert draw(generator, tmp_path / "group.png", *kept) == 0
    faces = pd.read_csv(tmp_path / "drawn/faces.csv")
    assert faces["face"].tolist() == [1, 2, 3]
    assert faces["sketch"].tolist() == [f"sketches/group_{n}.png" for n in (1, 2, 3)]
    names = [f"transform_{name}" for name in ("xx", "xy", "x", "yx", "yy", "y")]
    for way, true in zip(faces[names].to_numpy(float).reshape(3, 2, 3), points, strict=True):
        left, right = (true[:2] @ way[:, :2].T + way[:, 2]).round()
        assert left == pytest.approx((74.3, 125.6), abs=3)
        assert right == pytest.approx((125.7, 125.6), abs=3)


@pytest.mark.slow
def test_nothing_is_overwritten_without_being_asked_to(generator, tmp_path, capsys):
    Image.fromarray(draw_pair(1).photo).save(tmp_path / "a.png")
    output = tmp_path / "drawn"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    assert draw(generator, tmp_path / "a.png", "--output", output) == 1
    said = capsys.readouterr().err
    assert "with --force" in said
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    Image.new("RGB", (300, 300), "white").save(tmp_path / "wall.png")
    assert draw(generator, tmp_path / "wall.png", "--output", output, "--force") == 1
    assert (output / "points.html").is_file()
    assert draw(generator, tmp_path / "a.png", "--output", output, "--force") == 0
    assert (output / "mine.txt").read_text() == "mine"
    assert not (output / "points.html").exists()
    listed = (output / "drawn_files.txt").read_text().splitlines()
    there = [path for path in output.rglob("*") if path.is_file()]
    names = {str(path.relative_to(output)) for path in there}
    assert {*listed} == names - {"mine.txt", "drawn_files.txt"}


@pytest.mark.parametrize(
    ("listed", "files", "link"),
    [
        ([], ["sketches/1.png"], ""),
        (["sketches/1_1.png"], ["sketches/1_1.png", "index_2.html"], ""),
        (["../elsewhere/sketches/1.png"], ["sketches/1.png"], ""),
        ([], ["sketches/1.png"], "sketches"),
    ],
)
def test_what_was_not_drawn_is_neither_removed_nor_mixed_with(tmp_path, listed, files, link):
    output, elsewhere = tmp_path / "drawn", tmp_path / "elsewhere"
    output.mkdir()
    (elsewhere / "sketches").mkdir(parents=True)
    if link:
        (output / link).symlink_to(elsewhere / link)
    for name in files:
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_text("mine")
    (elsewhere / "sketches/1.png").write_text("mine")
    (output / folder.LIST).write_text("\n".join(listed))
    with pytest.raises(InputError, match="would be overwritten, but"):
        folder.clear(output, [])
    assert {path.read_text() for path in tmp_path.rglob("*.[ph]*")} == {"mine"}
    assert len([*output.rglob("*.html"), *elsewhere.rglob("*.png")]) >= 1


def test_a_photo_that_was_drawn_there_before_is_not_removed(tmp_path):
    (tmp_path / "sketches").mkdir()
    photo = tmp_path / "sketches/a_1.png"
    photo.touch()
    (tmp_path / folder.LIST).write_text("sketches/a_1.png\nsketches/gone.png\n")
    with pytest.raises(InputError, match=r"a_1\.png: was drawn into .*; copy it elsewhere"):
        folder.clear(tmp_path, [Photo(photo, "a_1", "a_1.png")])
    assert photo.exists()
    folder.clear(tmp_path, [])
    assert [*tmp_path.rglob("*.*")] == []


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--output", "file/drawn"], "file/drawn: cannot be used (Not a directory)"),
        (["--output", "x" * 300], "cannot be used (File name too long)"),
        (["--output", "/proc/drawn"], "/proc/drawn: cannot be used (No such file or directory)"),
        (["--output", "file"], "file: is not a folder"),
        (["--output", "o", "--threads", "-1"], "--threads -1: give 1 or more"),
        (["--output", "o", "--threads", "0"], "--threads 0: give 1 or more"),
        (["--output", "o", "--points", "."], "cannot be read (Is a directory)"),
        (["--output", "o", "--points", "none.csv"], "none.csv: is not there"),
    ],
)
def test_an_option_that_cannot_be_followed_is_a_sentence(
    generator, tmp_path, monkeypatch, capsys, arguments, fault
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert draw(generator, "file", *arguments) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert fault in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_all_that_is_wrong_is_told_at_once_by_whole_paths(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn/mine.txt").touch()
    assert draw("none.safetensors", "photos", "--output", "drawn", "--points", "points.csv") == 1
    said = capsys.readouterr().err
    for name in ("none.safetensors", "photos", "points.csv"):
        assert f"{tmp_path}/{name}: is not there; " in said
    assert "drawn: already has files" in said
    assert len(said.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--output", "drawn"], "name the photos after the generator"),
        (["--export"], "--export: name a generator and the file to write"),
    ],
)
def test_a_generator_alone_is_not_enough(generator, capsys, arguments, said):
    assert draw(generator, *arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.slow
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


def test_a_name_is_for_one_photo(generator, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        Image.new("L", (9, 9)).save(tmp_path / name)
    output = tmp_path / "drawn"
    assert draw(generator, tmp_path, "--output", output, "--name", "CUHK/1") == 1
    assert "names one photo, and 2 are given" in capsys.readouterr().err
    assert not output.exists()
