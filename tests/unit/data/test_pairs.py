"""The table of pairs is checked with all its images, and changed pictures are refused."""

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from photosketch.data import pairs
from photosketch.data.storage import write_arrays
from photosketch.jobs.messages import InputError
from support.problems import assert_problems, problems_of

SIZE = (20, 25)
HEADER = "subset\tid\tsplit\tphoto\tsketch"
ROTATED = Image.Exif()
ROTATED[274] = 6


def row(number, split):
    return f"AR\t{number}\t{split}\tphotos/{number}.png\tsketches/{number}.png"


ROWS = [row(1, "train"), row(2, "train"), row(3, "test"), row(4, "test")]


def save_image(path, seed, mode="RGB", size=SIZE):
    """Random pixels, different for every seed."""
    shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Six good pairs, of which ROWS are the first four."""
    for name in ("photos", "sketches"):
        (tmp_path / name).mkdir()
    for number in range(1, 7):
        save_image(tmp_path / f"photos/{number}.png", number)
        save_image(tmp_path / f"sketches/{number}.png", 100 + number, mode="L")
    return tmp_path


def write_table(folder, rows=ROWS):
    table = folder / "pairs.tsv"
    table.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return table


def test_a_good_table_becomes_a_manifest_and_comes_back(folder):
    found = pairs.index_pairs(write_table(folder), SIZE)
    rows = [(pair.subset, pair.id, pair.split) for pair in found]
    assert rows == [tuple(row.split("\t")[:3]) for row in ROWS]
    assert (found[0].width, found[0].height) == SIZE
    content = (folder / "sketches/3.png").read_bytes()
    assert found[2].sketch_sha256 == hashlib.sha256(content).hexdigest()
    pairs.write_manifest(found, folder / "manifest.tsv")
    assert pairs.read_manifest(folder / "manifest.tsv") == found
    header = (folder / "manifest.tsv").read_text().splitlines()[0]
    assert header == f"{HEADER}\twidth\theight\tphoto_sha256\tsketch_sha256"


@pytest.mark.parametrize(
    ("change", "split", "named"),
    [
        (lambda photo: photo, "test", True),  # saved as JPEG
        (lambda photo: photo.convert("L"), "test", True),
        (lambda photo: photo.point(lambda value: 20 + value * 0.7), "val", True),
        (lambda photo: photo, "train", False),
        (lambda photo: Image.new("RGB", SIZE, "white"), "test", False),
        (lambda photo: photo.transpose(Image.Transpose.ROTATE_180), "test", False),
    ],
)
def test_images_that_are_nearly_the_same_in_two_splits_are_named(
    folder, capsys, change, split, named
):
    coarse = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    photo = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    photo.save(folder / "photos/1.png")
    change(photo).save(folder / "photos/9.jpg", quality=60)
    other = row(5, split).replace("photos/5.png", "photos/9.jpg")
    more = [row(6, "val")] if split == "val" else []
    console = io.StringIO()
    pairs.index_pairs(write_table(folder, [*ROWS, other, *more]), SIZE, console)
    said = f"photo of AR 1 (train) and of AR 5 ({split})"
    assert (said in capsys.readouterr().out) == named
    expected = f"pairs.tsv: 1 image nearly the same in two splits: {said}; if two images show"
    assert (expected in console.getvalue()) == bool(console.getvalue()) == named


def test_paths_are_relative_below_the_working_directory_else_absolute(folder, monkeypatch):
    table = write_table(folder)
    monkeypatch.chdir(folder)
    assert pairs.index_pairs("pairs.tsv", SIZE)[0].photo == "photos/1.png"
    monkeypatch.chdir(folder / "photos")
    assert pairs.index_pairs(table, SIZE)[0].sketch == str(folder / "sketches/1.png")
    assert pairs.index_pairs(table, SIZE)[0].photo == "1.png"


def test_table_may_have_a_byte_order_mark_crlf_blank_lines_and_another_column_order(folder):
    header, *rows = ["\t".join(reversed(row.split("\t"))) for row in [HEADER, *ROWS]]
    text = "\ufeff" + "\r\n".join([header, "", *rows, "\t\t\t\t", ""])
    (folder / "pairs.tsv").write_bytes(text.encode())
    assert len(pairs.index_pairs(folder / "pairs.tsv", SIZE)) == 4


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no such table of pairs"),
        ("loop", "cannot be read (Too many levels of symbolic links); correct the path"),
        (HEADER.encode("utf-16"), "save it as UTF-8"),
        (HEADER.encode(), "no pairs"),
        (b"", "line 1: columns missing 'subset'"),
        (b"subset\tid\tphoto\tsketch\n", "line 1: columns missing 'split'"),
        (f"{HEADER}\tage\n".encode(), "line 1: columns unknown 'age'"),
        (f"{HEADER}\tid\n".encode(), "line 1: columns repeated 'id'"),
        (HEADER.replace("\t", ",").encode(), "separated by tabs"),
    ],
)
def test_a_file_that_is_not_a_table_of_pairs_is_refused(tmp_path, content, told):
    if content == "loop":
        (tmp_path / "pairs.tsv").symlink_to("pairs.tsv")
    elif content is not None:
        (tmp_path / "pairs.tsv").write_bytes(content)
    [problem] = problems_of(pairs.index_pairs, tmp_path / "pairs.tsv", SIZE)
    assert problem.startswith(f"{tmp_path}/pairs.tsv") and told in problem
    with pytest.raises(InputError):
        pairs.read_table(tmp_path / "pairs.tsv")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("AR\t2\t", "AR\t\t", "line 3: id empty"),
        ("\tsketches/2.png", "\t", "line 3: sketch empty"),
        ("AR\t2\t", "AR\t../2\t", "line 3: id '../2' cannot be part of a file name"),
        ("AR\t2\t", f"AR\t{'2' * 200}\t", "has 200 characters; use at most 128"),
        ("AR\t2\t", "AR\t1\t", "line 3: id '1' is already in line 2"),
        ("AR\t2\ttrain", "AR\t2\tTrain", "line 3: split 'Train' is unknown"),
        ("AR\t2\ttrain", "AR\t2\t\ttrain", "line 3: 6 cells instead of 5"),
        ("AR\t2\ttrain", "AR\t2", "line 3: 4 cells instead of 5"),
        # the faulty row may be the missing test pair
        ("sketches/4.png", "sketches/4.png\textra", "line 5: 6 cells instead of 5"),
        ("photos/2.png", "photos/20.png", "line 3: photo 'photos/20.png' is not there"),
        ("photos/2.png", "photos", "line 3: photo 'photos' cannot be read"),
        ("photos/2.png", "photos/1.png", "is also the photo of line 2 (AR 1)"),
        ("photos/2.png", "sketches/../photos/1.png", "is also the photo of line 2 (AR 1)"),
        ("photos/2.png", "link.png", "is also the photo of line 2 (AR 1)"),
        ("photos/2.png", "sketches/1.png", "is also the sketch of line 2 (AR 1)"),
        ("photos/2.png", "copy.png", "has the same content as the photo of line 2 (AR 1)"),
        ("photos/2.png", "pairs.tsv", "line 3: photo 'pairs.tsv' is not an intact image"),
        ("photos/2.png", "turned.png", "line 3: photo 'turned.png' is 25x20 pixels instead"),
        ("photos/2.png", "x" * 300, "(File name too long)"),
        ("photos/2.png", "loop", "(Too many levels of symbolic links)"),
        ("photos/2.png", "loop/1.png", "(Too many levels of symbolic links)"),
        ("photos/2.png", "a\0b.png", "line 3: photo 'a\ufffdb.png' is not there"),
        ("\ttest\t", "\ttrain\t", "subset 'AR' has 0 test pairs,"),
        ("AR\t3\ttest", "AR\t3\tval", "subset 'AR' has 1 test pair,"),
        ("AR\t2\ttrain", "AR\t2\tval", "subset 'AR' has 1 validation pair,"),
        ("\ttrain\t", "\ttest\t", "no pair has the split 'train'"),
    ],
)
def test_one_fault_in_a_table_gives_one_problem_with_line_and_value(folder, old, new, expected):
    (folder / "copy.png").write_bytes((folder / "photos/1.png").read_bytes())
    (folder / "link.png").symlink_to(folder / "photos/1.png")
    (folder / "loop").symlink_to(folder / "loop")
    Image.new("RGB", SIZE).save(folder / "turned.png", exif=ROTATED)
    rows = [row.replace(old, new) for row in ROWS]
    if expected.startswith("subset 'AR' has 1 test"):
        rows.append(row(5, "val"))  # a second validation pair
    [problem] = problems_of(pairs.index_pairs, write_table(folder, rows), SIZE)
    assert expected in problem
    assert problem.startswith(f"{folder}/pairs.tsv")


RESERVED = ("all", "missing", "ablation", "features", "note")


@pytest.mark.parametrize("name", [*RESERVED, "AR_epoch_sd", "AR_last", "all_chosen"])
def test_a_subset_whose_name_is_taken_is_refused(folder, name):
    rows = [*ROWS[:2], *(row.replace("AR", name) for row in ROWS[2:])]
    table = write_table(folder, [*rows, row(5, "test"), row(6, "test")])
    column = [f"...subset {name!r} has the name of a column..."]
    expected = ["...reserved..."] * 2 if name in RESERVED else column
    assert_problems(problems_of(pairs.index_pairs, table, SIZE), *expected)


def test_a_fault_of_many_images_is_told_once_with_their_lines_and_the_remedies(folder):
    table = write_table(folder, [*ROWS, row(5, "train"), row(6, "test")])
    for number in (1, 3, 4, 5, 6):
        save_image(folder / f"photos/{number}.png", number, size=(30, 40))
    assert_problems(
        problems_of(pairs.index_pairs, table, SIZE),
        f"{table}, lines 2, 4, 5, 6, 7: each photo is 30x40 pixels instead of 20x25; set "
        "dataset.align to each...or change dataset.size, at most 256x256, or 512x512 with "
        "dataset.frame 512",
    )


def test_every_problem_is_listed_at_once(folder):
    rows = [
        ROWS[0].replace("train", "learn"),
        ROWS[1].replace("photos/2.png", "photos/none.png"),
        ROWS[2].replace("AR\t3", "AR\t2"),
        f"{ROWS[3]}\textra",
    ]
    save_image(folder / "sketches/2.png", 7, size=(4, 4))
    expected = ("6 cells", "'learn'", "id '2' is already", "none.png", "is 4x4")
    problems = problems_of(pairs.index_pairs, write_table(folder, rows), SIZE)
    assert_problems(problems, *(f"...{part}..." for part in expected))


def test_pictures_are_gray_or_rgb_as_asked_whatever_the_files_are(folder):
    save_image(folder / "photos/1.png", 1, mode="L")
    save_image(folder / "sketches/1.png", 101)
    Image.fromarray(np.full((25, 20), 99 << 8, np.uint16)).save(folder / "sketches/2.png")
    first, second, *_ = pairs.index_pairs(write_table(folder), SIZE)
    gray, sketch = (Image.open(folder / f"{kind}/1.png") for kind in ("photos", "sketches"))
    assert np.array_equal(pairs.read_image(first, "photo"), gray.convert("RGB"))
    assert np.array_equal(pairs.read_image(first, "sketch", colour=True), sketch)
    assert np.array_equal(pairs.read_image(first, "sketch"), sketch.convert("L"))
    assert (pairs.read_image(second, "sketch") == 99).all()


def test_file_changed_or_lost_after_indexing_is_refused(folder):
    pair = pairs.index_pairs(write_table(folder), SIZE)[0]
    save_image(folder / "photos/1.png", 99)
    with pytest.raises(InputError, match=r"photos/1\.png: has changed since it was indexed"):
        pairs.read_image(pair, "photo")
    (folder / "sketches/1.png").unlink()
    with pytest.raises(InputError, match=r"sketches/1\.png: cannot be read"):
        pairs.read_image(pair, "sketch")


def test_table_gives_subsets_in_order_and_the_existing_images(folder, monkeypatch):
    monkeypatch.chdir(folder)
    wrong = ["a/b\t1\ttest\tphotos/none.png\t", *(f"AR\t9\ttest\t{p}\t" for p in ("x" * 300, "\0"))]
    table = pairs.read_table(write_table(folder, [*ROWS, *wrong, ROWS[0].replace("AR", "AA")]))
    assert table[0] == dict(zip(HEADER.split("\t"), ROWS[0].split("\t"), strict=True))
    assert pairs.subsets(table) == ["AR", "AA"]
    images = pairs.image_files("pairs.tsv", table)
    assert images[:2] == ["photos/1.png", "sketches/1.png"]
    assert len(images) == 8


@pytest.mark.slow
def test_real_pairs_pass(cufs):
    found = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))
    assert len(found) == 188
    assert len(pairs.select(found, "CUHK", "test")) == 100
    for pair in found[::20]:
        assert pairs.read_image(pair, "photo").shape == (250, 200, 3)
        assert pairs.read_image(pair, "sketch").shape == (250, 200)


def test_a_share_of_training_becomes_validation_and_test_pairs_stay():
    listed = [
        pairs.Pair(subset, f"{split}{i}", split, f"p{i}", f"s{i}", 200, 250, "0", "1")
        for subset, count in (("CUHK", 40), ("AR", 6))
        for split in ("train", "test")
        for i in range(count)
    ]
    marked = pairs.with_validation(listed, 0.1)
    assert [(pair.subset, pair.id) for pair in marked] == [(p.subset, p.id) for p in listed]
    assert len(pairs.select(marked, "CUHK", "val")) == 4
    assert len(pairs.select(marked, "AR", "val")) == 2
    assert pairs.select(marked, split="test") == pairs.select(listed, split="test")
    backwards = pairs.with_validation(listed[::-1], 0.1)
    assert set(pairs.select(backwards, split="val")) == set(pairs.select(marked, split="val"))
    with pytest.raises(InputError, match="leaves none to train on"):
        pairs.with_validation(listed[:2], 0.1)


def test_images_of_any_size_are_indexed_with_both_sizes(folder):
    Image.new("RGB", (40, 30), "red").save(folder / "photos/1.png", exif=ROTATED)
    Image.new("RGBA", (33, 44)).save(folder / "sketches/1.png")

    found = pairs.index_pairs(write_table(folder), None)
    pairs.write_manifest(found, folder / "manifest.tsv")

    assert pairs.read_manifest(folder / "manifest.tsv") == found
    assert [found[0].size(modality) for modality in pairs.MODALITIES] == [(30, 40), (33, 44)]
    assert pairs.read_image(found[0], "photo").shape == (40, 30, 3)
    assert (pairs.read_image(found[0], "sketch") == 255).all()
    assert found[1].size("sketch") == SIZE


def test_aligned_pictures_come_from_their_stack_and_are_compared_with_the_manifest(folder):
    pixels = np.random.default_rng(5).integers(0, 256, (2, *reversed(SIZE), 3), np.uint8)
    stack = folder / "AR.npz"
    write_arrays(stack, dict.fromkeys(pairs.MODALITIES, pixels))
    hashes = [hashlib.sha256(picture).hexdigest() for picture in pixels]
    named = "AR", "7", "train", "p", "s"
    good = pairs.Pair(*named, *SIZE, hashes[1], hashes[1], stack=str(stack), row=1)
    pairs.write_manifest([good], folder / "manifest.tsv")

    [pair] = pairs.read_manifest(folder / "manifest.tsv")
    assert pair == good
    assert np.array_equal(pairs.read_image(pair, "photo"), pixels[1])
    gray = Image.fromarray(pixels[1]).convert("L")
    assert np.array_equal(pairs.read_image(pair, "sketch"), gray)
    assert np.array_equal(pairs.read_image(pair, "sketch", colour=True), pixels[1])
    other = dataclasses.replace(pair, photo_sha256=hashes[0])
    with pytest.raises(InputError, match="the photo of AR 7 is not what was aligned"):
        pairs.read_image(other, "photo")
    stack.write_bytes(stack.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"AR.npz: is damaged .*align_faces writes it again"):
        pairs.read_image(pair, "photo")
    stack.unlink()
    with pytest.raises(InputError, match="is not there; align_faces writes it again"):
        pairs.read_image(pair, "photo")
