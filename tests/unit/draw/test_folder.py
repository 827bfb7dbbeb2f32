"""Photos of every kind drawn into a folder by the command: what comes out, what is said."""

import csv
import json
import os
import re

import numpy as np
import pandas as pd
import pillow_heif
import pytest
from PIL import Image

from photosketch.draw import __main__ as command
from photosketch.draw import folder
from photosketch.draw.inputs import Photo
from photosketch.draw.sketcher import Face, Sketch
from photosketch.geometry.similarity import TEMPLATE
from photosketch.jobs.messages import InputError
from photosketch.landmarks.manual import MANUAL_COLUMNS
from support.faces.pair import draw_pair
from support.generators import group_photo
from support.problems import touch
from support.scattered import moved


def write_faces(folder):
    """Write one face into each of some files, 200x250 but for large.bmp, and return their names.
    One name is too long for a copy's name, one is not text, one has a line break."""
    pillow_heif.register_heif_opener()
    face = Image.fromarray(draw_pair(1).photo)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    files = {
        "phone.jpg": face.transpose(Image.Transpose.ROTATE_90),
        "phone.heic": face,
        "large.bmp": face.resize((600, 750)),
        "new\nline.png": face,
        f"{'x' * 245}.png": face,
        os.fsdecode(b"fl\xf6te.png"): face,
    }
    for name, image in files.items():
        more = {"exif": exif} if name == "phone.jpg" else {}
        image.save(folder / name, quality=95, **more)
    return list(files)


def draw(*arguments):
    return command.main([*map(str, arguments), "--device", "cpu"])


@pytest.mark.slow
def test_photos_of_all_kinds_are_drawn_and_other_files_named(generator, tmp_path, capsys):
    photos, output = tmp_path / "photos", tmp_path / "drawn"
    photos.mkdir()
    names = write_faces(photos)
    image, points = group_photo()
    Image.fromarray(image).save(photos / "group.png")
    (photos / "notes.txt").write_text("no photo")
    assert draw(generator, photos, "--output", output, "--background", "keep") == 0
    said = capsys.readouterr()
    assert "9 faces in 7 of 8 photos" in said.out
    assert re.search("notes.txt: .*not an intact image", said.err)
    assert "notes.txt" in (output / "index.html").read_text()
    assert (output / "contact_sheet.png").is_file()

    faces = pd.read_csv(output / "faces.csv")
    in_group = faces["photo"].str.endswith("group.png")
    assert in_group.sum() == 3
    single, group = faces[~in_group], faces[in_group]
    ascii_names = {name for name in names if name.isascii()}
    assert ascii_names <= {path.rpartition("/")[2] for path in single["photo"]}
    assert len(single) == len(names) == len(ascii_names) + 1
    for _, row in single.iterrows():
        size = (600, 750) if row["photo"].endswith("large.bmp") else (200, 250)
        assert Image.open(output / row["sketch"]).size == (200, 250)
        assert Image.open(output / row["in_place"]).size == size
        assert 0.4 * size[0] < row["nose_x"] < 0.6 * size[0]
        eyes = row["right_eye_x"] - row["left_eye_x"]
        assert eyes == pytest.approx(51 * size[0] / 200, rel=0.15)
    assert group["face"].tolist() == [1, 2, 3]
    assert group["sketch"].tolist() == [f"sketches/group_{number}.png" for number in (1, 2, 3)]
    columns = [f"transform_{name}" for name in ("xx", "xy", "x", "yx", "yy", "y")]
    for way, true in zip(group[columns].to_numpy(float).reshape(3, 2, 3), points, strict=True):
        left, right = (true[:2] @ way[:, :2].T + way[:, 2]).round()
        assert left == pytest.approx((74.3, 125.6), abs=3)
        assert right == pytest.approx((125.7, 125.6), abs=3)


@pytest.mark.slow
def test_a_photo_without_a_face_is_clicked_and_drawn_again_and_other_files_stay(
    generator, tmp_path, capsys
):
    """With the points of the page, the way out that is printed works."""
    photo, output, points = tmp_path / "wall.png", tmp_path / "drawn", tmp_path / "points.csv"
    Image.new("RGB", (300, 300), "white").save(photo)
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    assert draw(generator, photo, "--output", output) == 1
    assert "with --force" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["mine.txt"]

    assert draw(generator, photo, "--output", output, "--force") == 1
    said = capsys.readouterr().err
    assert "no face was found" in said
    assert f"-m photosketch.draw {generator} {photo} --output {output}_again" in said
    assert "--device cpu --points points.csv" in said
    page = (output / "points.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["hinted"] == "a face that fills the photo has it"
    (entry,) = data["images"]
    row = [entry["subset"], entry["id"], entry["modality"], *np.ravel(entry["hint"])]
    with open(points, "w", newline="") as file:
        csv.writer(file).writerows([MANUAL_COLUMNS, row])

    assert draw(generator, photo, "--points", points, "--output", output, "--force") == 0
    assert pd.read_csv(output / "faces.csv")["source"].tolist() == ["manual"]
    assert not (output / "points.html").exists()
    assert (output / "mine.txt").read_text() == "mine"
    there = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    listed = (output / "drawn_files.txt").read_text().splitlines()
    assert {*listed} == there - {"mine.txt", "drawn_files.txt"}


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
    for path in (*(output / name for name in files), elsewhere / "sketches/1.png"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (output / folder.LIST).write_text("\n".join(listed))
    with pytest.raises(InputError, match="would be overwritten, but"):
        folder.clear(output, [])
    assert {path.read_text() for path in tmp_path.rglob("*.[ph]*")} == {"mine"}
    assert len([*output.rglob("*.html"), *elsewhere.rglob("*.png")]) >= 1


def test_a_photo_that_was_drawn_there_before_is_not_removed(tmp_path):
    photo = tmp_path / "sketches/a_1.png"
    touch(photo)
    (tmp_path / folder.LIST).write_text("sketches/a_1.png\nsketches/gone.png\n")
    with pytest.raises(InputError, match=r"a_1\.png: was drawn into .*; copy it elsewhere"):
        folder.clear(tmp_path, [Photo(photo, "a_1", "a_1.png")])
    assert photo.exists()
    folder.clear(tmp_path, [])
    assert [*tmp_path.rglob("*.*")] == []


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["a", "--output", "a/drawn"], "a/drawn: cannot be used (Not a directory)"),
        (["a", "--output", "x" * 300], "cannot be used (File name too long)"),
        (["a", "--output", "/proc/drawn"], "/proc/drawn: cannot be used (No such file or directo"),
        (["a", "--output", "a"], "a: is not a folder"),
        (["a", "--output", "o", "--threads", "-1"], "--threads -1: give 1 or more"),
        (["a", "--output", "o", "--threads", "0"], "--threads 0: give 1 or more"),
        (["a", "--output", "o", "--points", "."], "cannot be read (Is a directory)"),
        (["a", "--output", "o", "--points", "none.csv"], "none.csv: is not there"),
        (["a", "b", "--output", "o", "--name", "CUHK/1"], "names one photo, and 2 are given"),
        (["--output", "o"], "name the photos after the generator"),
        (["--export"], "--export: name a generator and the file to write"),
    ],
)
def test_an_option_that_cannot_be_followed_is_a_sentence(
    generator, tmp_path, monkeypatch, capsys, arguments, fault
):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "a", tmp_path / "b")
    assert draw(generator, *arguments) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert fault in said
    assert sorted(os.listdir()) == ["a", "b"]


def test_all_that_is_wrong_is_told_at_once_by_whole_paths(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "drawn/mine.txt")
    assert draw("none.safetensors", "photos", "--output", "drawn", "--points", "points.csv") == 1
    said = capsys.readouterr().err
    for name in ("none.safetensors", "photos", "points.csv"):
        assert f"{tmp_path}/{name}: is not there; " in said
    assert "drawn: already has files" in said
    assert len(said.splitlines()) == 4


def sketch_at(place, gray) -> Sketch:
    """An even sketch of that gray, of a face that `place` brings from 200x250 into the photo."""
    face = Face(place(TEMPLATE), 1.0, "mtcnn")
    image = np.full((250, 200), gray, np.uint8)
    return Sketch(face, image, np.zeros((250, 200, 3), np.uint8), place.inverse())


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.6])
def test_a_mark_in_a_sketch_comes_to_lie_where_it_is_in_the_photo(scale):
    place = moved(scale, 20, 400, 350)
    sketch = sketch_at(place, 255)
    sketch.image[150:160, 60:70] = 0
    drawn = folder.in_place([sketch], (800, 700))
    assert drawn.shape == (700, 800)
    dark = np.argwhere(drawn < 128)[:, ::-1]
    assert dark.mean(axis=0) == pytest.approx(place(np.array([64.5, 154.5])), abs=0.6)
    assert len(dark) == pytest.approx(100 * scale**2, rel=0.15)


def test_sketches_in_place_are_cut_at_the_border_the_nearer_counts_and_the_rest_is_paper():
    drawn = folder.in_place([sketch_at(moved(0.5, 0, 100, 100), 240)], (400, 300))
    assert (drawn == 240).all()
    drawn = folder.in_place([sketch_at(moved(1, 0, 20, 30), 90)], (300, 300))
    assert drawn.shape == (300, 300)
    assert (drawn[:140, :110] == 90).all()
    left, right = moved(1, 0, 150, 200), moved(1, 0, 250, 200)
    row = folder.in_place([sketch_at(left, 50), sketch_at(right, 200)], (400, 400))[200]
    assert (row[60:195] == 50).all()
    assert (row[205:340] == 200).all()
