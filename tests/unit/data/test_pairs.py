import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photosketch.data import archives, pairs
from photosketch.jobs.job import InputError

SIZE = (20, 25)
HEADER = "subset\tid\tsplit\tphoto\tsketch"


def save_image(path: Path, seed: int, mode: str = "RGB", size: tuple[int, int] = SIZE) -> None:
    """Random pixels, different for every seed."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four good pairs of one subset: 1 and 2 for training, 3 and 4 for testing."""
    for number in range(1, 5):
        save_image(tmp_path / f"photos/{number}.png", number)
        save_image(tmp_path / f"sketches/{number}.png", 100 + number, mode="L")
    return tmp_path


def good_rows() -> list[str]:
    splits = ("train", "train", "test", "test")
    return [
        f"AR\t{number}\t{split}\tphotos/{number}.png\tsketches/{number}.png"
        for number, split in enumerate(splits, start=1)
    ]


def write_table(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    table = folder / "pairs.tsv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return table


def problems_of(table: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        pairs.index_pairs(table, SIZE)
    return caught.value.problems


def one_problem(table: Path) -> str:
    problems = problems_of(table)
    assert len(problems) == 1, problems
    return problems[0]


def test_good_table_gives_every_pair_in_order_with_size_and_hash(folder: Path) -> None:
    found = pairs.index_pairs(write_table(folder, good_rows()), SIZE)
    assert [(pair.subset, pair.id, pair.split) for pair in found] == [
        ("AR", "1", "train"),
        ("AR", "2", "train"),
        ("AR", "3", "test"),
        ("AR", "4", "test"),
    ]
    assert (found[0].width, found[0].height) == SIZE
    content = (folder / "sketches/3.png").read_bytes()
    assert found[2].sketch_sha256 == hashlib.sha256(content).hexdigest()


def test_manifest_comes_back_as_written(folder: Path) -> None:
    found = pairs.index_pairs(write_table(folder, good_rows()), SIZE)
    pairs.write_manifest(found, folder / "manifest.tsv")
    assert pairs.read_manifest(folder / "manifest.tsv") == found
    header = (folder / "manifest.tsv").read_text().splitlines()[0]
    assert header == (
        "subset\tid\tsplit\tphoto\tsketch\twidth\theight\tphoto_sha256\tsketch_sha256"
    )


def test_paths_are_relative_below_the_working_directory_else_absolute(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table(folder, good_rows())
    monkeypatch.chdir(folder)
    assert pairs.index_pairs("pairs.tsv", SIZE)[0].photo == "photos/1.png"
    monkeypatch.chdir(folder / "photos")
    assert pairs.index_pairs(table, SIZE)[0].sketch == str(folder / "sketches/1.png")
    assert pairs.index_pairs(table, SIZE)[0].photo == "1.png"


def test_table_may_have_a_byte_order_mark_crlf_blank_lines_and_another_column_order(
    folder: Path,
) -> None:
    rows = ["\t".join(reversed(row.split("\t"))) for row in good_rows()]
    header = "\t".join(reversed(HEADER.split("\t")))
    (folder / "pairs.tsv").write_bytes(
        b"\xef\xbb\xbf" + "\r\n".join([header, "", *rows, "\t\t\t\t", ""]).encode()
    )
    assert len(pairs.index_pairs(folder / "pairs.tsv", SIZE)) == 4


def test_missing_table_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "none.tsv") in one_problem(tmp_path / "none.tsv")
    with pytest.raises(InputError, match=r"none\.tsv"):
        pairs.read_table(tmp_path / "none.tsv")


def test_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_bytes(HEADER.encode("utf-16"))
    assert "UTF-8" in one_problem(tmp_path / "pairs.tsv")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("subset\tid\tphoto\tsketch", "missing 'split'"),
        (HEADER + "\tage", "unknown 'age'"),
        (HEADER + "\tid", "repeated 'id'"),
        (HEADER.replace("\t", ","), "separated by tabs"),
        ("", "missing 'subset'"),
    ],
)
def test_wrong_columns_are_named(folder: Path, header: str, named: str) -> None:
    problem = one_problem(write_table(folder, good_rows(), header))
    assert named in problem
    assert "line 1" in problem


def test_table_without_rows_is_refused(tmp_path: Path) -> None:
    assert "no pairs" in one_problem(write_table(tmp_path, []))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("AR\t2\t", "AR\t\t", "line 3: id empty"),
        ("\tsketches/2.png", "\t", "line 3: sketch empty"),
        ("AR\t2\t", "AR\t../2\t", "line 3: id '../2' cannot be part of a file name"),
        ("AR\t2\t", "AR\t1\t", "line 3: id '1' is already in line 2"),
        ("AR\t2\ttrain", "AR\t2\tTrain", "line 3: split 'Train' is unknown"),
        ("AR\t2\ttrain", "AR\t2\t\ttrain", "line 3: 6 cells instead of 5"),
        ("AR\t2\ttrain", "AR\t2", "line 3: 4 cells instead of 5"),
        ("photos/2.png", "photos/20.png", "line 3: photo 'photos/20.png' is not there"),
        ("photos/2.png", "photos", "line 3: photo 'photos' cannot be read"),
        ("photos/2.png", "photos/1.png", "is also the photo of line 2 (AR 1)"),
        ("photos/2.png", "sketches/../photos/1.png", "is also the photo of line 2 (AR 1)"),
        ("photos/2.png", "sketches/1.png", "is also the sketch of line 2 (AR 1)"),
    ],
)
def test_one_fault_in_a_row_gives_one_problem_with_line_and_value(
    folder: Path, old: str, new: str, expected: str
) -> None:
    rows = [row.replace(old, new) for row in good_rows()]
    problem = one_problem(write_table(folder, rows))
    assert expected in problem
    assert str(folder / "pairs.tsv") in problem


@pytest.mark.parametrize("name", ["all", "missing", "ablation", "features", "note"])
def test_reserved_subset_is_refused_in_each_row(folder: Path, name: str) -> None:
    rows = [row.replace("AR", name) for row in good_rows()]
    problems = problems_of(write_table(folder, rows))
    assert len(problems) == 4
    assert all("reserved" in problem for problem in problems)


@pytest.mark.parametrize("other", ["AR_epoch_sd", "AR_last", "all_chosen"])
def test_a_subset_named_like_a_column_of_another_is_refused(folder: Path, other: str) -> None:
    rows = [
        row if "\t1\t" in row or "\t2\t" in row else row.replace("AR", other) for row in good_rows()
    ]
    rows += [
        "AR\t5\ttest\tphotos/5.png\tsketches/5.png",
        "AR\t6\ttest\tphotos/6.png\tsketches/6.png",
    ]
    for number in (5, 6):
        save_image(folder / f"photos/{number}.png", number)
        save_image(folder / f"sketches/{number}.png", 100 + number, mode="L")
    assert f"subset {other!r} has the name of a column" in one_problem(write_table(folder, rows))


@pytest.mark.parametrize(
    ("size", "remedy"),
    [
        ((256, 250), "align and crop it, or change dataset.size"),
        (
            (400, 512),
            "align and crop it, or set dataset.size to [400, 512] and dataset.frame to 512",
        ),
        ((513, 400), "align, crop and shrink it: the networks' frames are 512x512 at most"),
    ],
)
def test_the_advice_for_an_image_of_another_size_can_be_followed(
    folder: Path, size: tuple[int, int], remedy: str
) -> None:
    save_image(folder / "photos/1.png", 1, size=size)
    problem = one_problem(write_table(folder, good_rows()))
    assert problem.endswith(
        f"is {size[0]}x{size[1]} pixels instead of 20x25; set dataset.align to each, which brings "
        f"faces to one place, or {remedy}"
    )


def test_a_fault_of_many_images_is_told_once_with_their_lines(folder: Path) -> None:
    rows = good_rows()
    for number, split in ((5, "train"), (6, "test")):
        rows.append(f"AR\t{number}\t{split}\tphotos/{number}.png\tsketches/{number}.png")
        save_image(folder / f"sketches/{number}.png", number + 50)
    table = write_table(folder, rows)
    for number in (1, 3, 4, 5, 6):
        save_image(folder / f"photos/{number}.png", number, size=(30, 40))
    fault = f"{table}, lines 2, 4-7: each photo is 30x40 pixels instead of 20x25; set dataset.align"
    assert one_problem(table).startswith(fault)


def test_faulty_images_are_named_with_the_remedy(folder: Path) -> None:
    save_image(folder / "photos/1.png", 1, size=(21, 25))
    rgb = Image.open(folder / "photos/2.png")
    rgb.quantize(16).save(folder / "photos/2.png")
    whole = (folder / "photos/3.png").read_bytes()
    (folder / "photos/3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "photos/4.png").write_text("no image at all")
    Image.open(folder / "sketches/1.png").convert("1").save(folder / "sketches/1.png")
    turned = Image.open(folder / "sketches/2.png")
    exif = turned.getexif()
    exif[0x0112] = 3
    turned.save(folder / "sketches/2.png", exif=exif)
    expected = {
        "photo 'photos/1.png'": "is 21x25 pixels instead of 20x25",
        "photo 'photos/2.png'": "has the mode P instead of L or RGB",
        "photo 'photos/3.png'": "is no intact image",
        "photo 'photos/4.png'": "is no intact image",
        "sketch 'sketches/1.png'": "has the mode 1 instead of L or RGB",
        "sketch 'sketches/2.png'": "is to be turned when shown (EXIF orientation 3)",
    }
    problems = problems_of(write_table(folder, good_rows()))
    assert len(problems) == len(expected)
    for file, fault in expected.items():
        assert any(f"{file} {fault}" in problem for problem in problems), file


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_image_that_ends_too_early_is_refused(folder: Path, suffix: str) -> None:
    cut = folder / f"photos/cut.{suffix}"
    save_image(cut, 7)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    rows = [row.replace("photos/1.png", f"photos/cut.{suffix}") for row in good_rows()]
    assert "is no intact image" in one_problem(write_table(folder, rows))


def test_transparency_and_16_bit_are_refused(folder: Path) -> None:
    Image.new("RGBA", SIZE).save(folder / "photos/1.png")
    Image.fromarray(np.zeros((25, 20), np.uint16)).save(folder / "sketches/1.png")
    problems = problems_of(write_table(folder, good_rows()))
    assert len(problems) == 2
    assert "mode RGBA" in problems[0]
    assert "16 bits" in problems[1]


def test_copies_under_another_name_are_found_by_content(folder: Path) -> None:
    (folder / "photos/4.png").write_bytes((folder / "photos/1.png").read_bytes())
    problem = one_problem(write_table(folder, good_rows()))
    assert "line 5: photo 'photos/4.png'" in problem
    assert "same content as the photo of line 2 (AR 1)" in problem


def test_link_to_a_file_that_is_named_already_counts_as_that_file(folder: Path) -> None:
    (folder / "photos/4.png").unlink()
    (folder / "photos/4.png").symlink_to(folder / "photos/1.png")
    assert "is also the photo of line 2" in one_problem(write_table(folder, good_rows()))


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    rows = good_rows()
    rows[0] = rows[0].replace("train", "learn")
    rows[1] = rows[1].replace("photos/2.png", "photos/none.png")
    rows[2] = rows[2].replace("AR\t3", "AR\t2")
    rows[3] += "\textra"
    save_image(folder / "sketches/2.png", 7, size=(4, 4))
    problems = problems_of(write_table(folder, rows))
    expected = ("6 cells", "'learn'", "id '2' is already", "none.png", "is 4x4")
    assert len(problems) == len(expected)
    for part, problem in zip(expected, problems, strict=True):
        assert part in problem


def test_pairs_are_counted_only_when_every_row_can_be_read(folder: Path) -> None:
    """A row with an extra cell may be the test pair that seems to be missing."""
    rows = good_rows()
    rows[3] += "\textra"
    assert "6 cells" in one_problem(write_table(folder, rows))


def test_without_training_pairs_or_with_one_test_pair_of_a_subset_nothing_starts(
    folder: Path,
) -> None:
    rows = [row.replace("\ttrain\t", "\ttest\t") for row in good_rows()]
    rows[0] = rows[0].replace("AR", "CUHK")
    problems = problems_of(write_table(folder, rows))
    assert len(problems) == 2
    assert "'train'" in problems[0]
    assert "'CUHK' has 1 test pair," in problems[1]


def test_gray_photo_and_colour_sketch_are_converted(folder: Path) -> None:
    save_image(folder / "photos/1.png", 1, mode="L")
    save_image(folder / "sketches/1.png", 101, mode="RGB")
    pair = pairs.index_pairs(write_table(folder, good_rows()), SIZE)[0]
    photo, sketch = pairs.read_image(pair, "photo"), pairs.read_image(pair, "sketch")
    assert (photo.shape, photo.dtype) == ((25, 20, 3), np.uint8)
    assert (sketch.shape, sketch.dtype) == ((25, 20), np.uint8)
    gray = np.asarray(Image.open(folder / "photos/1.png"))
    np.testing.assert_array_equal(photo, np.stack([gray] * 3, axis=-1))
    colour = np.asarray(Image.open(folder / "sketches/1.png")).astype(float)
    luma = colour @ [0.299, 0.587, 0.114]
    assert np.abs(sketch - luma).max() <= 0.51  # rounded, in fixed-point arithmetic


def test_gray_sketch_saved_as_rgb_keeps_its_pixels(folder: Path) -> None:
    gray = Image.open(folder / "sketches/1.png")
    gray.convert("RGB").save(folder / "sketches/1.png")
    pair = pairs.index_pairs(write_table(folder, good_rows()), SIZE)[0]
    np.testing.assert_array_equal(pairs.read_image(pair, "sketch"), np.asarray(gray))


def test_file_changed_or_lost_after_indexing_is_refused(folder: Path) -> None:
    pair = pairs.index_pairs(write_table(folder, good_rows()), SIZE)[0]
    save_image(folder / "photos/1.png", 99)
    with pytest.raises(InputError, match=r"photos/1\.png: has changed since it was indexed"):
        pairs.read_image(pair, "photo")
    (folder / "sketches/1.png").unlink()
    with pytest.raises(InputError, match=r"sketches/1\.png: cannot be read"):
        pairs.read_image(pair, "sketch")


def test_select_by_subset_and_split() -> None:
    pair = pairs.Pair("AR", "1", "train", "p", "s", 1, 1, "", "")
    both = [pair, dataclasses.replace(pair, subset="CUHK", split="test")]
    assert pairs.select(both) == both
    assert pairs.select(both, "AR") == both[:1]
    assert pairs.select(both, split="test") == both[1:]
    assert pairs.select(both, "AR", "test") == []


def test_table_gives_subsets_in_order_and_the_existing_images(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    rows = [*good_rows(), "a/b\t1\ttest\tphotos/none.png\t", good_rows()[0].replace("AR", "AA")]
    table = pairs.read_table(write_table(folder, rows))
    assert table[0] == {
        "subset": "AR",
        "id": "1",
        "split": "train",
        "photo": "photos/1.png",
        "sketch": "sketches/1.png",
    }
    assert pairs.subsets(table) == ["AR", "AA"]
    images = pairs.image_files("pairs.tsv", table)
    assert images[:2] == ["photos/1.png", "sketches/1.png"]
    assert len(images) == 8


def test_paths_that_no_file_can_have_are_named_with_their_lines(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "loop").symlink_to("loop")
    wrong = ("x" * 300, "loop", "loop/1.png", "a\0b.png")
    rows = [f"AR\t{id}\ttrain\t{path}\t" for id, path in enumerate(wrong, start=10)]
    table = write_table(folder, [*good_rows(), *(f"{row}sketches/1.png" for row in rows)])
    assert len(pairs.image_files("pairs.tsv", pairs.read_table(table))) == 8
    told = "\n".join(problems_of(table))
    for line, path in enumerate(wrong, start=6):
        assert f"line {line}: photo {path!r}" in told
    assert "(File name too long)" in told
    assert "(Too many levels of symbolic links)" in told
    assert "has a NUL character" in told


@pytest.mark.parametrize("path", ["x" * 300, "loop/pairs.tsv"])
def test_a_table_that_cannot_be_reached_is_told_as_such(folder: Path, path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "loop").symlink_to("loop")
    with pytest.raises(
        InputError, match=r"cannot be read \([A-Z].*\); correct the path or its per"
    ):
        pairs.read_table(path)


def test_reading_the_table_needs_the_standard_library_only(root: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, photosketch.data.pairs; print(*sys.modules)"],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"numpy", "pandas", "PIL", "cv2", "torch"} & set(loaded)


def test_real_pairs_pass(cufs: Path) -> None:
    found = pairs.index_pairs(cufs / "pairs.tsv", (200, 250))
    assert len(found) == 188
    assert len(pairs.select(found, "CUHK", "test")) == 100
    for pair in found[::20]:
        assert pairs.read_image(pair, "photo").shape == (250, 200, 3)
        assert pairs.read_image(pair, "sketch").shape == (250, 200)


def test_a_share_of_training_becomes_validation_and_test_pairs_stay() -> None:
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


def test_images_of_any_size_and_make_are_indexed_as_people_see_them(folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned right
    Image.new("RGB", (40, 30), "red").save(folder / "photos/1.png", exif=exif)
    Image.new("RGBA", (33, 44)).save(folder / "sketches/1.png")

    found = pairs.index_pairs(write_table(folder, good_rows()), None)
    pairs.write_manifest(found, folder / "manifest.tsv")

    assert pairs.read_manifest(folder / "manifest.tsv") == found
    assert [found[0].size(modality) for modality in pairs.MODALITIES] == [(30, 40), (33, 44)]
    assert pairs.read_image(found[0], "photo").shape == (40, 30, 3)
    assert (pairs.read_image(found[0], "sketch") == 255).all()
    assert found[1].size("sketch") == SIZE


def test_aligned_pictures_come_from_their_stack_and_are_held_against_the_manifest(
    folder: Path,
) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (2, *reversed(SIZE), 3), np.uint8)
    archives.write(folder / "AR.npz", dict.fromkeys(pairs.MODALITIES, pixels))
    hashes = [hashlib.sha256(picture).hexdigest() for picture in pixels]
    place = pairs.Aligned(str(folder / "AR.npz"), 1)
    good = pairs.Pair("AR", "7", "train", "p", "s", *SIZE, hashes[1], hashes[1], place)
    pairs.write_manifest([good], folder / "manifest.tsv")

    [pair] = pairs.read_manifest(folder / "manifest.tsv")
    assert pair == good
    assert np.array_equal(pairs.read_image(pair, "photo"), pixels[1])
    gray = np.asarray(Image.fromarray(pixels[1]).convert("L"))
    assert np.array_equal(pairs.read_image(pair, "sketch"), gray)
    assert np.array_equal(pairs.read_image(pair, "sketch", colour=True), pixels[1])
    other = dataclasses.replace(pair, photo_sha256=hashes[0])
    with pytest.raises(InputError, match="the photo of AR 7 is not what was aligned"):
        pairs.read_image(other, "photo")
    (folder / "AR.npz").write_bytes((folder / "AR.npz").read_bytes()[:-200])
    with pytest.raises(InputError, match=r"AR.npz: is damaged .*written again by align_faces"):
        pairs.read_image(pair, "photo")
    (folder / "AR.npz").unlink()
    with pytest.raises(InputError, match="is not there; align_faces writes it again"):
        pairs.read_image(pair, "photo")
