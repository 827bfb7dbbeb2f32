"""CUFS: the folders of different copies, made of empty files."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from photosketch.data.pairs import read_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.cufs import find_pairs
from support.problems import assert_problems, problems_of, touch

SIZES = {"AR": 123, "XM2VTS": 295}
PUBLISHED = {"CUHK": (88, 100), "AR": (80, 43), "XM2VTS": (100, 195)}


def cuhk_ids(root, half):
    table = pd.read_csv(root / "resources/splits/cufs.tsv", sep="\t", dtype=str)
    return sorted(table["id"][(table["subset"] == "CUHK") & (table["split_rslcr"] == half)])


def make_cuhk(folder, root, numbered):
    """The CUHK part with its original names, or with numbered test sketches."""
    for name in cuhk_ids(root, "train"):
        sketch = folder / "train/sketches" / f"{name[0].upper()}2{name[1:]}-sz1.jpg"
        touch(folder / f"train/photos/{name}.jpg", sketch)
    for number, name in enumerate(cuhk_ids(root, "test"), start=89):
        sketch = f"{number}.jpg" if numbered else f"{name}-sz1.jpg"
        touch(folder / f"test/photos/{name}.jpg", folder / "test/sketches" / sketch)


def make_numbered(folder, count):
    for number in range(1, count + 1):
        touch(folder / f"photos/{number}.jpg", folder / f"sketches/{number}.jpg")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, root):
    """CUFS in the documented layout; tests must not change it."""
    folder = tmp_path_factory.mktemp("whole") / "cufs"
    make_cuhk(folder / "CUHK", root, numbered=True)
    for part, count in SIZES.items():
        make_numbered(folder / part, count)
    return folder


@pytest.fixture
def ar(tmp_path):
    """Only the part AR."""
    make_numbered(tmp_path / "cufs/AR", 123)
    return tmp_path / "cufs/AR"


def counts(pairs):
    """The numbers of training and test pairs by subset, in the order of the pairs."""
    found = Counter((pair.subset, pair.split) for pair in pairs)
    return {part: (found[part, "train"], found[part, "test"]) for part, _ in found}


def problems_in(folder, split="rslcr"):
    return problems_of(find_pairs, folder, split)


def test_whole_cufs_has_the_published_counts_by_both_divisions(whole):
    ours, theirs = (find_pairs(whole, split) for split in ("rslcr", "cagan"))
    assert list(counts(ours.pairs).items()) == list(PUBLISHED.items())
    assert counts(theirs.pairs) == {**PUBLISHED, "XM2VTS": (99, 195)}
    assert ours.notes == []
    assert theirs.notes == ["XM2VTS: the split cagan leaves out 266"]
    splits = {(pair.subset, pair.id): pair.split for pair in ours.pairs}
    differing = {p.subset for p in theirs.pairs if splits[p.subset, p.id] != p.split}
    assert differing == {"AR", "XM2VTS"}
    for part in SIZES:
        chosen = [pair for pair in ours.pairs if pair.subset == part]
        assert all(pair.photo.stem == pair.sketch.stem == pair.id for pair in chosen)
        for split in ("train", "test"):
            numbers = [int(pair.id) for pair in chosen if pair.split == split]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("numbered", [False, True])
def test_cuhk_names_are_matched(tmp_path, root, numbered):
    make_cuhk(tmp_path, root, numbered)
    sketches = tmp_path / "train/sketches"
    (sketches / "F2-006-01-sz1.jpg").rename(sketches / "f-006-01.jpg")  # the photo's name
    found = find_pairs(tmp_path, "rslcr")
    names = {pair.id: pair.sketch.name for pair in found.pairs}
    assert counts(found.pairs) == {"CUHK": (88, 100)}
    assert names["f-005-01"] == "F2-005-01-sz1.jpg"
    assert names["f-006-01"] == "f-006-01.jpg"
    assert names["m-008-01"] == "M2-008-01-sz1.jpg"
    assert names["f-039-01"] == ("89.jpg" if numbered else "f-039-01-sz1.jpg")
    assert names["f1-001-01"] == ("94.jpg" if numbered else "f1-001-01-sz1.jpg")
    assert names["m1-041-01"] == ("188.jpg" if numbered else "m1-041-01-sz1.jpg")
    assert [note.partition(":")[0] for note in found.notes] == ["AR", "XM2VTS"]


def test_variants_of_case_number_and_suffix_are_accepted_and_a_part_by_itself(tmp_path):
    for number in range(1, 124):
        touch(tmp_path / f"ar/Photo/{number}.PNG", tmp_path / f"ar/SKETCH/{number}.jpeg")
    touch(tmp_path / "ar/Photo/Thumbs.db")
    for folder in (tmp_path, tmp_path / "ar"):
        assert len(find_pairs(folder, "rslcr").pairs) == 123
    touch(tmp_path / "below/again/AR/photos/1.jpg")
    (tmp_path / "ar").rename(tmp_path / "other")
    [problem] = problems_in(tmp_path)
    assert f"(do you mean {tmp_path}/below/again?)" in problem
    assert "is not a folder" in problems_in(tmp_path / "none")[0]


@pytest.mark.slow
def test_cufs_as_it_circulates_is_the_same_table_and_other_folders_are_left_aside(
    whole, tmp_path, capsys
):
    """Every part in Training and Testing halves, with the kind below or in the same name."""
    plain, data = find_pairs(whole, "rslcr"), tmp_path / "Data"
    for pair in plain.pairs:
        half = {"train": "Training", "test": "Testing"}[pair.split]
        part = data / {"CUHK": "CUHK Students"}.get(pair.subset, pair.subset)
        for kind, file in (("Photos", pair.photo), ("Sketches", pair.sketch)):
            name = f"{half} {kind}" if pair.subset == "AR" else f"{half}/{kind}"
            touch(part / name / file.name)
    testing = data / "CUHK Students/Testing"
    beside = [data / "previews", testing / "pose", testing / "real/mul"]
    touch(beside[0] / "1.jpg", beside[1] / "m-009-13.jpg", beside[2] / "1.bmp")
    (data / "notes").mkdir()
    assert main(["cufs", str(data), "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().err == f"left aside: {', '.join(map(str, beside))}\n"
    for row, pair in zip(read_table(tmp_path / "pairs.tsv"), plain.pairs, strict=True):
        assert (row["subset"], row["id"], row["split"]) == (pair.subset, pair.id, pair.split)
        assert Path(row["sketch"]).name == pair.sketch.name
    # by the other split some of these lie in the wrong half
    texts = [text for text in problems_in(data, "cagan") if "has images" not in text]
    assert all("--split" in text or "without a" in text for text in texts)

    (testing / "Sketches").rename(testing / "drawn")
    problems = problems_in(data)
    assert f"{data}/CUHK Students/test/sketches: is not there" in problems[0]
    for name in (testing / "drawn", beside[1]):
        assert any(text.startswith(f"{name}: has images, but its name") for text in problems)
    assert not any(str(beside[0]) in text for text in problems)


def test_a_folder_that_may_be_the_missing_part_is_an_error_and_beside_complete_ones_a_note(ar):
    make_numbered(ar.parent / "XM2VTS part 1", 1)
    touch(ar.parent / "previews/1.jpg", ar / "Training Pictures/1.jpg")
    unknown = "has images, but its name is not known...rename..."
    assert_problems(problems_in(ar.parent), f"{ar.parent}/XM2VTS part 1: {unknown}")
    (ar / "photos/5.jpg").unlink()
    (ar / "sketches/5.jpg").unlink()
    assert f"{ar}/Training Pictures: has images, but its name is not known" in problems_in(ar)[0]
    (ar / "Training Pictures/1.jpg").unlink()
    assert find_pairs(ar, "rslcr").notes[1] == "AR: 1 of 123 pairs are missing: 5"


def test_images_without_partner_and_unknown_names_are_listed_at_once(ar):
    (ar / "photos/5.jpg").unlink()
    (ar / "sketches/7.jpg").unlink()
    touch(ar / "photos/124.jpg", ar / "sketches/6.png")
    cuhk = ar.parent / "CUHK"
    touch(cuhk / "train/photos/f-039-01.jpg", cuhk / "train/sketches/f2-005-01-sz1.jpg")
    assert_problems(
        problems_in(ar.parent),
        f"{cuhk}/test/photos: is not there...belong in it",
        f"{cuhk}/test/sketches: is not there...belong in it",
        f"{cuhk}/train/sketches/f2-005-01-sz1.jpg: sketch without a photo...f-005-01...",
        f"{cuhk}/train/photos/f-039-01.jpg: is CUHK f-039-01...in the other half; move it there...",
        f"{ar}/photos/7.jpg: photo without a sketch...remove the photo",
        f"{ar}/sketches/5.jpg: sketch without a photo...add the photo of 5...",
        f"{ar}/photos/124.jpg: is not a name...rename or remove...",
        f"{ar}/sketches/6.png: 6.jpg is also AR 6...keep one...",
    )


def test_numbered_results_are_of_the_test_pairs_of_all_parts(whole, tmp_path, root, capsys):
    theirs = tmp_path / "RSLCR"
    theirs.mkdir()
    for number in range(1, 339):
        (theirs / f"{number}.jpg").write_text(str(number))
    output = tmp_path / "out"
    arguments = ["--output", str(output), "--results", str(theirs)]
    # the numbers do not depend on missing parts
    assert main(["cufs", str(whole / "AR"), *arguments]) == 0
    results = output / "results/RSLCR"
    assert f"methods: {{RSLCR: {results}}}" in capsys.readouterr().out
    rows = read_table(output / "pairs.tsv")
    test = sorted(int(row["id"]) for row in rows if row["split"] == "test")
    copied = [int((results / f"AR/{id}.jpg").read_text()) for id in test]
    assert copied == list(range(101, 144))
    numbering = find_pairs(whole, "rslcr").numbered
    assert numbering[:100] == [("CUHK", id) for id in cuhk_ids(root, "test")]
    assert [part for part, _ in numbering[100:]] == ["AR"] * 43 + ["XM2VTS"] * 195


def test_results_follow_the_list_that_their_authors_order_them_by(whole, tmp_path, root):
    """The form of SCA-GAN's list: parts by name, numbers as text, CUHK by 89 to 188."""
    tested = find_pairs(whole, "cagan").numbered
    numbers = {id: str(89 + place) for place, (part, id) in enumerate(tested) if part == "CUHK"}
    in_order = sorted((part, numbers.get(id, id), id) for part, id in tested)
    order = tmp_path / "list_test.txt"
    order.write_text("".join(f"{p}/photos/{n}.jpg||{p}/mat/{n}.mat||9\n" for p, n, _ in in_order))
    numbering = find_pairs(whole, "cagan", order=order).numbered
    assert numbering == [(part, id) for part, _, id in in_order]
    assert [part for part, _ in numbering] == ["AR"] * 43 + ["CUHK"] * 100 + ["XM2VTS"] * 195
    order.write_text("AR/photos/3.jpg\nAR/photos/3.jpg\nhouses/1.jpg\n")
    assert problems_of(find_pairs, whole, "cagan", order=order) == [
        f"{order}, line 2: AR/photos/3.jpg is listed twice; correct the line",
        f"{order}, line 3: houses/1.jpg is not a PART/.../NAME.jpg of CUFS; correct the line",
    ]


@pytest.mark.parametrize("table", ["cufs/pairs.tsv", "other/pairs.tsv"])
def test_paths_of_a_table_below_or_beside_the_data_are_relative_unless_absolute_ones_are_asked_for(
    ar, tmp_path, table
):
    moved = tmp_path.with_name(f"{tmp_path.name}_moved")
    command = ["cufs", str(ar.parent), "--output", str(tmp_path / table)]
    assert main([*command, "--absolute"]) == 0
    assert all(row["photo"].startswith(str(ar)) for row in read_table(tmp_path / table))
    assert main([*command, "--force"]) == 0
    tmp_path.rename(moved)
    rows = read_table(moved / table)
    moved.rename(tmp_path)
    assert len(rows) == 123
    for row in rows:
        assert not Path(row["photo"]).is_absolute()
        assert ((tmp_path / table).parent / row["sketch"]).is_file()


def test_table_checked_by_eye_is_reproduced(cufs, tmp_path):
    for path in cufs.glob("*/*/*.jpg"):
        touch(tmp_path / path.relative_to(cufs))
    assert main(["cufs", str(tmp_path), "--output", str(tmp_path / "pairs.tsv")]) == 0
    assert (tmp_path / "pairs.tsv").read_text() == (cufs / "pairs.tsv").read_text()
