import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from photosketch.data.pairs import read_table
from photosketch.datasets import cufs as cufs_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.table import ListedPair
from photosketch.jobs.job import InputError

SPLITS = ("rslcr", "cagan")
SIZES = {"AR": 123, "XM2VTS": 295}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def cuhk_ids(root: Path, half: str) -> list[str]:
    with open(root / "resources/splits/cufs.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return sorted(
        row["id"] for row in rows if row["subset"] == "CUHK" and row["split_rslcr"] == half
    )


def make_cuhk(folder: Path, root: Path, numbered: bool) -> None:
    """The CUHK part with its original names, or with numbered test sketches."""
    for name in cuhk_ids(root, "train"):
        letter, rest = name[0].upper(), name[1:]
        sketch = folder / "train/sketches" / f"{letter}2{rest}-sz1.jpg"
        touch(folder / f"train/photos/{name}.jpg", sketch)
    for number, name in enumerate(cuhk_ids(root, "test"), start=89):
        sketch = f"{number}.jpg" if numbered else f"{name}-sz1.jpg"
        touch(folder / f"test/photos/{name}.jpg", folder / "test/sketches" / sketch)


def make_numbered(folder: Path, count: int) -> None:
    for number in range(1, count + 1):
        touch(folder / f"photos/{number}.jpg", folder / f"sketches/{number}.jpg")


@pytest.fixture
def whole(tmp_path: Path, root: Path) -> Path:
    """All of CUFS in the documented layout, as empty files."""
    make_cuhk(tmp_path / "cufs/CUHK", root, numbered=True)
    for part, count in SIZES.items():
        make_numbered(tmp_path / "cufs" / part, count)
    return tmp_path / "cufs"


def counts(pairs: Sequence[ListedPair], part: str) -> tuple[int, int]:
    splits = [pair.split for pair in pairs if pair.subset == part]
    assert set(splits) <= {"train", "test"}
    return splits.count("train"), splits.count("test")


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        cufs_table.find_pairs(folder, "rslcr")
    return caught.value.problems


@pytest.mark.parametrize(("split", "xm2vts"), [("rslcr", (100, 195)), ("cagan", (99, 195))])
def test_whole_cufs_has_the_published_counts(
    whole: Path, split: str, xm2vts: tuple[int, int]
) -> None:
    found = cufs_table.find_pairs(whole, split)
    pairs, notes = found.pairs, found.notes
    assert counts(pairs, "CUHK") == (88, 100)
    assert counts(pairs, "AR") == (80, 43)
    assert counts(pairs, "XM2VTS") == xm2vts
    assert list(dict.fromkeys(pair.subset for pair in pairs)) == ["CUHK", "AR", "XM2VTS"]
    left_out = [pair for pair in pairs if (pair.subset, pair.id) == ("XM2VTS", "266")]
    if split == "cagan":
        assert not left_out
        assert notes == ["XM2VTS: the split cagan leaves out 266"]
    else:
        assert len(left_out) == 1
        assert notes == []


def test_the_two_splits_differ_in_ar_and_xm2vts_only(whole: Path) -> None:
    both = [
        {(pair.subset, pair.id): pair.split for pair in cufs_table.find_pairs(whole, split).pairs}
        for split in SPLITS
    ]
    differing = {image[0] for image in both[1] if both[0][image] != both[1][image]}
    assert differing == {"AR", "XM2VTS"}


def test_numbered_pairs_keep_their_number_and_come_in_order(whole: Path) -> None:
    pairs = cufs_table.find_pairs(whole, "rslcr").pairs
    for part in SIZES:
        chosen = [pair for pair in pairs if pair.subset == part]
        assert all(pair.photo.stem == pair.sketch.stem == pair.id for pair in chosen)
        for split in ("train", "test"):
            numbers = [int(pair.id) for pair in chosen if pair.split == split]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("numbered", [False, True])
def test_cuhk_names_are_matched(tmp_path: Path, root: Path, numbered: bool) -> None:
    make_cuhk(tmp_path, root, numbered)
    found = cufs_table.find_pairs(tmp_path, "rslcr")
    pairs, notes = found.pairs, found.notes
    sketches = {pair.id: pair.sketch.name for pair in pairs}
    assert counts(pairs, "CUHK") == (88, 100)
    assert sketches["f-005-01"] == "F2-005-01-sz1.jpg"
    assert sketches["m-008-01"] == "M2-008-01-sz1.jpg"
    assert sketches["f-039-01"] == ("89.jpg" if numbered else "f-039-01-sz1.jpg")
    assert sketches["f1-001-01"] == ("94.jpg" if numbered else "f1-001-01-sz1.jpg")
    assert sketches["m1-041-01"] == ("188.jpg" if numbered else "m1-041-01-sz1.jpg")
    assert len(notes) == 2  # AR and XM2VTS are not there
    assert all("left out" in note for note in notes)


def test_variants_of_case_number_and_suffix_are_accepted(tmp_path: Path, root: Path) -> None:
    make_cuhk(tmp_path / "CUHK_Student", root, numbered=False)
    for number in range(1, 124):
        touch(tmp_path / f"ar/Photo/{number}.PNG", tmp_path / f"ar/SKETCH/{number}.jpeg")
    touch(tmp_path / "ar/Photo/Thumbs.db")
    for half, sketch, photo in (
        ("train", "F2-005-01-sz1", "f-005-01"),
        ("test", "f-039-01-sz1", "f-039-01"),
    ):
        sketches = tmp_path / "CUHK_Student" / half / "sketches"
        (sketches / f"{sketch}.jpg").rename(sketches / f"{photo}.jpg")
    pairs = cufs_table.find_pairs(tmp_path, "rslcr").pairs
    assert counts(pairs, "CUHK") == (88, 100)
    assert counts(pairs, "AR") == (80, 43)


def test_folder_may_be_one_numbered_part(tmp_path: Path) -> None:
    make_numbered(tmp_path / "XM2VTS", 295)
    pairs = cufs_table.find_pairs(tmp_path / "XM2VTS", "rslcr").pairs
    assert counts(pairs, "XM2VTS") == (100, 195)


def test_images_without_partner_and_unknown_names_are_listed_at_once(whole: Path) -> None:
    (whole / "AR/photos/5.jpg").unlink()
    (whole / "XM2VTS/sketches/7.jpg").unlink()
    (whole / "CUHK/test/sketches/100.jpg").unlink()
    touch(whole / "AR/photos/124.jpg", whole / "AR/sketches/6.png")
    touch(whole / "CUHK/train/photos/f-039-01.jpg")
    problems = problems_of(whole)
    expected = {
        "AR/sketches/5.jpg: sketch without a photo": "AR 5",
        "XM2VTS/photos/7.jpg: photo without a sketch": "XM2VTS 7",
        "CUHK/test/photos/f1-007-01.jpg: photo without a sketch": "CUHK f1-007-01",
        "AR/photos/124.jpg: not known": "rename or remove",
        "AR/sketches/6.png: 6.jpg is AR 6 too": "keep one",
        "CUHK/train/photos/f-039-01.jpg: is CUHK f-039-01": "has in the other half; move it there",
    }
    assert len(problems) == len(expected), problems
    for beginning, rest in expected.items():
        assert any(beginning in problem and rest in problem for problem in problems), beginning


def test_pair_missing_as_a_whole_is_reported_but_no_error(whole: Path) -> None:
    (whole / "AR/photos/5.jpg").unlink()
    (whole / "AR/sketches/5.jpg").unlink()
    found = cufs_table.find_pairs(whole, "rslcr")
    pairs, notes = found.pairs, found.notes
    assert notes == ["AR: 1 of 123 pairs are not there: 5"]
    assert sum(pair.subset == "AR" for pair in pairs) == 122


def test_missing_subfolder_is_named(whole: Path) -> None:
    (whole / "AR/sketches").rename(whole / "AR/drawings")
    problems = problems_of(whole)
    assert "AR/sketches: is not there" in problems[0]


@pytest.mark.parametrize("layout", ["{0} {1}", "{0}/{1}"])
def test_cufs_as_it_circulates_is_the_same_table(whole: Path, tmp_path: Path, layout: str) -> None:
    """Every part in the halves Training and Testing, joined with the kind or not."""
    plain, other = cufs_table.find_pairs(whole, "rslcr"), tmp_path / "Data"
    names = {"CUHK": "CUHK Students", "AR": "AR", "XM2VTS": "XM2VTS"}
    for pair in plain.pairs:
        half = {"train": "Training", "test": "Testing"}[pair.split]
        for kind, file in (("Photos", pair.photo), ("Sketches", pair.sketch)):
            touch(other / names[pair.subset] / layout.format(half, kind) / file.name)
    found = cufs_table.find_pairs(other, "rslcr")
    keys = [(pair.subset, pair.id, pair.split, pair.sketch.name) for pair in plain.pairs]
    assert [(p.subset, p.id, p.split, p.sketch.name) for p in found.pairs] == keys
    assert found.notes == []
    # by the other division some of these lie in the wrong half
    with pytest.raises(InputError) as caught:
        cufs_table.find_pairs(other, "cagan")
    assert all("--split" in problem or "without a" in problem for problem in caught.value.problems)


def test_a_folder_that_looks_like_a_part_and_is_not_taken_is_an_error(whole: Path) -> None:
    (whole / "XM2VTS").rename(whole / "XM2VTS part 1")
    make_numbered(whole / "FERET", 1)
    touch(whole / "CUHK student/photos/f-005-01.jpg", whole / "AR/Training Pictures/1.jpg")
    touch(whole / "notes/1.txt", whole / "previews/1.jpg")  # look like none
    problems = problems_of(whole)
    beginnings = [
        f"{whole / 'CUHK student'}: looks like a part",
        f"{whole / 'FERET'}: looks like a part",
        f"{whole / 'XM2VTS part 1'}: looks like a part",
        f"{whole / 'AR/Training Pictures'}: holds images of AR",
    ]
    assert len(problems) == len(beginnings), problems
    for problem, beginning in zip(problems, beginnings, strict=True):
        assert problem.startswith(beginning)
        assert "rename it" in problem


def test_a_missing_half_of_a_part_in_halves_is_named(whole: Path) -> None:
    (whole / "AR").rename(whole / "kept")
    touch(whole / "AR/Training Photos/1.jpg", whole / "AR/Training Sketches/1.jpg")
    (whole / "kept").rename(whole.parent / "kept")
    missing = [text for text in problems_of(whole) if "is not there" in text]
    assert [text.partition(":")[0] for text in missing] == [
        str(whole / "AR/test" / kind) for kind in ("photos", "sketches")
    ]


def test_the_folder_that_holds_the_parts_is_pointed_at(tmp_path: Path) -> None:
    make_numbered(tmp_path / "Code/Data/AR", 123)
    [problem] = problems_of(tmp_path)
    assert f"{tmp_path / 'Code/Data'} may be the one to give" in problem


def test_numbered_results_are_of_the_test_pairs_of_all_parts(
    whole: Path, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "RSLCR"
    for number in range(1, 339):
        touch(theirs / f"{number}.jpg")
        (theirs / f"{number}.jpg").write_text(str(number))
    output = tmp_path / "out"
    shutil.rmtree(whole / "AR")  # what is numbered does not depend on which parts are there
    assert main(["cufs", str(whole), "--output", str(output), "--results", str(theirs)]) == 0
    results = output / "results/RSLCR"
    assert f"methods: {{RSLCR: {results}}}" in capsys.readouterr().out
    test = [row for row in read_table(output / "pairs.tsv") if row["split"] == "test"]
    copied = {
        (row["subset"], row["id"]): int((results / row["subset"] / f"{row['id']}.jpg").read_text())
        for row in test
    }
    assert len(list(results.rglob("*.*"))) == len(test) == 295
    assert [copied["CUHK", name] for name in cuhk_ids(root, "test")] == list(range(1, 101))
    numbers = sorted((int(id), number) for (part, id), number in copied.items() if part == "XM2VTS")
    assert [number for _, number in numbers] == list(range(144, 339))


@pytest.mark.parametrize("make", [True, False])
def test_folder_without_any_part_is_refused(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "elsewhere"
    if make:
        folder.mkdir()
    assert str(folder) in problems_of(folder)[0]


def test_command_writes_a_table_with_paths_that_lead_to_the_files(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for table in (whole / "pairs.tsv", whole.parent / "other/pairs.tsv"):
        code = main(["cufs", str(whole), "--split", "cagan", "--output", str(table)])
        assert code == 0
        assert "266" in capsys.readouterr().err
        rows = read_table(table)
        assert len(rows) == 188 + 123 + 294
        assert all((table.parent / row["photo"]).is_file() for row in rows)
        assert Path(rows[0]["photo"]).is_absolute() == (table.parent != whole)


def test_command_prints_problems_and_writes_nothing(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (whole / "AR/photos/5.jpg").unlink()
    code = main(["cufs", str(whole), "--output", str(whole / "pairs.tsv")])
    assert code == 1
    assert "AR/sketches/5.jpg" in capsys.readouterr().err
    assert not (whole / "pairs.tsv").exists()


def test_table_checked_by_eye_is_reproduced(cufs: Path, tmp_path: Path) -> None:
    for path in cufs.glob("*/*/*.jpg"):
        touch(tmp_path / path.relative_to(cufs))
    assert main(["cufs", str(tmp_path), "--output", str(tmp_path / "pairs.tsv")]) == 0
    assert (tmp_path / "pairs.tsv").read_text() == (cufs / "pairs.tsv").read_text()
