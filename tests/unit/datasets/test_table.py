"""The files that every command writes: the table of pairs, and copies of published results."""

import os

import pytest

from photosketch.data.pairs import read_table
from photosketch.datasets.__main__ import main
from photosketch.datasets.table import ListedPair, planned_copies, write_copies, write_table
from support.problems import assert_problems, problems_of, touch

NUMBERING = [("CUHK", "f-1"), ("CUHK", "m-2"), ("AR", "7"), ("AR", "12")]
BY_ID = [("style1", "photo1_image0110"), ("style2", "photo3_image7"), ("AR", "1")]


@pytest.mark.parametrize(
    "name", ['my "faces"', "it's, \u5f20", "a\u2028b", "a\x0bb", "a\x85b", "#1", '"', "a;b"]
)
def test_paths_are_read_as_they_were_written(tmp_path, name):
    photo, sketch = tmp_path / name / "a.jpg", tmp_path / f"{name}.png"
    write_table([ListedPair("AR", "1", "test", photo, sketch)], tmp_path / "t", absolute=True)
    [row] = read_table(tmp_path / "t")
    assert (row["photo"], row["sketch"]) == (str(photo), str(sketch))


@pytest.mark.parametrize(
    "name", ["a\tb", "a\nb", "a\rb", "a.png ", os.fsdecode("\u5f20".encode("gbk"))]
)
def test_paths_that_a_table_cannot_hold_are_named(tmp_path, name):
    pair = ListedPair("AR", "1", "test", tmp_path / "a.jpg", tmp_path / name)
    [problem] = problems_of(write_table, [pair, pair], tmp_path / "t.tsv", absolute=False)
    assert f"cannot have 2 paths, such as {name!r}; rename" in problem
    assert not (tmp_path / "t.tsv").exists()


def test_a_table_is_written_over_only_if_asked_for(tmp_path, capsys):
    places, table = [tmp_path / "photos", tmp_path / "sketches"], tmp_path / "t.tsv"
    touch(*(place / f"{number}.png" for place in places for number in range(4)))
    command = ["folders", *map(str, places), "--output", str(table)]
    assert main(command) == 0
    table.write_text("marked by hand")
    assert main(command) == 1
    assert "t.tsv: would be overwritten; move it away, or add --force" in capsys.readouterr().err
    assert table.read_text() == "marked by hand"
    assert main([*command, "--force"]) == 0
    assert len(read_table(table)) == 4


@pytest.mark.parametrize("part", ["CUHK/train/photos", "AR/photos"])
def test_a_folder_without_images_gives_no_table(tmp_path, part):
    for kind in ("photos", "sketches"):
        (tmp_path / part.replace("photos", kind)).mkdir(parents=True)
    assert main(["cufs", str(tmp_path), "--output", str(tmp_path)]) == 1
    assert not (tmp_path / "pairs.tsv").exists()


def results(folder, *names):
    touch(*(folder / name for name in names))
    for name in names:
        (folder / name).write_text(name)
    return folder


def planned(folder, wanted=NUMBERING, numbering=NUMBERING):
    """The copies of results to the folder `out` beside them, and the problems."""
    problems = []
    copies = planned_copies(folder, numbering, set(wanted), folder.with_name("out"), problems)
    return copies, problems


@pytest.mark.parametrize(
    ("numbering", "wanted", "copies", "others"),
    [
        (
            NUMBERING,
            NUMBERING,
            {
                **{"CUHK/f-1.jpg": "1.jpg", "CUHK/m-2.png": "02.PNG"},
                **{"AR/7.png": "3.png", "AR/12.jpeg": "4.jpeg"},
            },
            ["readme.txt"],
        ),
        # pairs that are not in the table need no result and get none
        (NUMBERING, NUMBERING[2:], {"AR/7.jpg": "3.jpg", "AR/12.jpg": "4.jpg"}, ["1.jpg"]),
        # the names of people, if they are no numbers
        (
            BY_ID,
            BY_ID,
            {
                "style1/photo1_image0110.png": "photo1_image0110_fake_B.png",
                "style2/photo3_image7.jpg": "photo3_image7.jpg",
                "AR/1.png": "3.png",
            },
            [],
        ),
    ],
)
def test_results_are_copied_to_the_names_of_test_pairs(tmp_path, numbering, wanted, copies, others):
    folder = results(tmp_path / "MDAL", *copies.values(), *others)
    found, problems = planned(folder, wanted, numbering)
    assert problems == []
    write_copies(found)
    out = tmp_path / "out"
    assert {str(p.relative_to(out)): p.read_text() for p in out.rglob("*.*")} == copies


def test_test_pairs_that_no_result_is_of_are_told_with_the_remedy(tmp_path):
    folder = results(tmp_path / "SCA-GAN", "1.jpg", "2.jpg")
    assert planned(folder, {NUMBERING[0], NUMBERING[2]}, NUMBERING[:2])[1] == [
        f"{folder}: no result belongs to the test pairs AR 7; give the --split that the results "
        "were made with"
    ]


def test_all_problems_of_results_are_listed_with_what_the_numbers_mean(tmp_path):
    folder = results(tmp_path / "MDAL", "1.jpg", "1.png", "2.bmp", "5.jpg", "face.jpg")
    assert_problems(
        planned(folder)[1],
        f"{folder}/face.jpg: its name is neither a number from 1 to 4 (CUHK 1 to 2, AR 3 to 4)...",
        f"{folder}/1.png: 1.jpg is also result 1...",
        f"{folder}/5.jpg: its name is neither a number...",
        f"{folder}: lacks the results 2 (CUHK m-2), 3 (AR 7), 4 (AR 12); add them as .png, .jpg...",
    )
    none = folder / "none"
    assert planned(none)[1] == [f"{none}: is not a folder with results; correct the path"]


def test_results_of_another_call_that_would_stay_among_these_are_refused(tmp_path):
    folder, target = (
        results(tmp_path / "MDAL", *(f"{n}.png" for n in range(1, 5))),
        tmp_path / "out",
    )
    copies, _ = planned(folder)
    write_copies(copies)
    (target / "AR/notes.txt").touch()
    assert planned(folder) == (copies, [])
    # another kind of result, and a person who is not in the test split
    (folder / "1.png").rename(folder / "1.jpg")
    others = f"{target}/AR/12.png, {target}/CUHK/f-1.png"
    fault = f"{target}: has images that are not among these results, {others}; move them away..."
    assert_problems(planned(folder, NUMBERING[:3])[1], fault)


def test_folders_whose_names_are_none_for_methods_are_told_with_all_else_and_nothing_is_written(
    tmp_path, capsys
):
    theirs = [results(tmp_path / name, "1.png") for name in ("My results", 65 * "a")]
    missing, output = tmp_path / "none", tmp_path / "out"
    named = [word for folder in theirs for word in ("--results", str(folder))]
    assert main(["folders", str(missing), *named, "--output", str(output)]) == 1
    names = [f"{own}: {own.name!r} becomes a name in `methods`..." for own in theirs]
    told = capsys.readouterr().err.splitlines()
    assert_problems(told, *names, f"{missing}: is not a folder...")
    assert not output.exists()
